"""The shop's house: brickwork, cornice and the windows upstairs."""

import numpy as np

from samples.drawing.canvas import Canvas
from samples.drawing.light import glow, gradient, soft_shadow
from samples.drawing.storefront.street import GROUND

RIGHT = 830
"""Where the house ends and the side street opens."""


def draw(canvas: Canvas) -> None:
    """Draw the whole wall above and around the shop front."""
    _bricks(canvas)
    for left in (92, 312, 532):
        _window(canvas, left, 20)
    gradient(
        canvas,
        (0, 150, RIGHT + 6, 168),
        [(0.0, (196, 170, 152)), (0.5, (150, 124, 116)), (1.0, (82, 66, 72))],
    )
    for x in range(6, RIGHT, 22):
        canvas.box((x, 159, x + 10, 168), (90, 72, 76))
    soft_shadow(canvas, [(0, 168), (RIGHT, 168), (RIGHT, 182), (0, 182)], 5, 0.6)
    for y in range(0, GROUND, 44):
        # Corner stones, alternately long and short.
        width = 34 if (y // 44) % 2 else 24
        canvas.box((RIGHT - width, y, RIGHT, y + 42), (172, 142, 128))
        canvas.box((RIGHT - width, y + 39, RIGHT, y + 42), (104, 82, 84))
    soft_shadow(canvas, [(RIGHT - 2, 0), (RIGHT + 2, 0), (RIGHT + 2, GROUND), (RIGHT - 2, GROUND)], 2, 0.5)


def _bricks(canvas: Canvas) -> None:
    rng = np.random.default_rng(11)
    canvas.box((0, 0, RIGHT, GROUND), (78, 54, 58))
    for row, y in enumerate(range(0, GROUND, 11)):
        for x in range(-14 * (row % 2), RIGHT, 28):
            light = float(rng.normal(1.0, 0.09))
            colour = (round(146 * light), round(82 * light), round(72 * light))
            canvas.box((x, y, min(x + 26.5, RIGHT), y + 9.5), colour)
    # Daylight is failing: the top of the wall is bluer and darker than what the shop lights.
    for y in range(0, 200, 4):
        canvas.box((0, y, RIGHT, y + 4), (24, 22, 58, round(120 * (1 - y / 200))))


def _window(canvas: Canvas, left: float, top: float) -> None:
    right, bottom = left + 116, top + 112
    canvas.box((left - 10, top - 10, right + 10, bottom + 6), (178, 150, 136))
    gradient(canvas, (left, top, right, bottom), [(0.0, (255, 214, 138)), (1.0, (232, 148, 82))])
    for side, lean in ((left, 1), (right, -1)):
        drape = [(side, top), (side + 36 * lean, top), (side + 16 * lean, bottom), (side, bottom)]
        canvas.polygon(drape, (150, 60, 58, 190))
    canvas.frame((left, top, right, bottom), (238, 226, 206), 5)
    canvas.box((left + 55, top, left + 61, bottom), (238, 226, 206))
    canvas.box((left, top + 46, right, top + 51), (238, 226, 206))
    glow(canvas, (left + 58, top + 56), (110, 90), (255, 190, 110), 0.4)
    _flowers(canvas, left - 4, right + 4, bottom)


def _flowers(canvas: Canvas, left: float, right: float, top: float) -> None:
    rng = np.random.default_rng(int(left))
    canvas.box((left, top + 2, right, top + 18), (70, 46, 40), 3)
    for _ in range(130):
        at = (float(rng.uniform(left, right)), top + float(rng.normal(-1, 6)))
        green = float(rng.uniform(0.6, 1.2))
        canvas.disc(at, 4.2, 3, (round(52 * green), round(96 * green), round(58 * green)))
    for _ in range(46):
        at = (float(rng.uniform(left, right)), top + float(rng.normal(-3, 6)))
        pinks = ((226, 74, 98), (244, 130, 150), (250, 214, 120))
        canvas.disc(at, 2.8, 2.8, pinks[int(rng.integers(3))])

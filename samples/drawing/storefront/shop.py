"""The ground floor: the big sign, the awning, the lit windows and the door."""

import numpy as np

from samples.drawing.canvas import Canvas, Colour, Style
from samples.drawing.fonts import Face
from samples.drawing.light import glow, gradient, soft_shadow
from samples.drawing.storefront.street import GROUND

_GREEN: Colour = (22, 66, 58)
_DEEP: Colour = (12, 42, 38)
_GOLD: Colour = (246, 204, 116)
_CREAM: Colour = (252, 242, 220)
_LEFT, _RIGHT = 34, 676


def draw(canvas: Canvas) -> None:
    """Draw the shop front into the wall."""
    canvas.box((_LEFT - 8, 262, _RIGHT + 8, GROUND), _DEEP)
    canvas.box((_LEFT, 262, _RIGHT, GROUND), _GREEN)
    _window(canvas, 50, 262)
    _window(canvas, 448, 660)
    _door(canvas)
    _lettering(canvas)
    _awning(canvas)
    _sign(canvas)
    for x in (30, 678):
        _tree(canvas, x)


def _sign(canvas: Canvas) -> None:
    soft_shadow(canvas, [(20, 190), (694, 190), (694, 284), (20, 284)], 7, 0.8)
    canvas.box((18, 170, 692, 278), (122, 84, 40), 5)
    gradient(canvas, (22, 174, 688, 274), [(0.0, (34, 88, 76)), (0.5, (20, 64, 56)), (1.0, (13, 46, 42))])
    canvas.frame((29, 180, 681, 268), _GOLD, 1.6, radius=6)
    title = Style(Face.SCRIPT, 60, _GOLD, shadow=(6, 26, 24))
    canvas.write("The Copper Kettle", (355, 230), title, "m")
    canvas.write("COFFEE AND FRESH PASTRIES", (355, 262), Style(Face.SANS_BOLD, 15.5, _CREAM, tracking=3.2), "m")
    canvas.write("SINCE", (83, 220), Style(Face.POSTER, 21, _CREAM, tracking=1.5), "m")
    canvas.write("1924", (83, 248), Style(Face.POSTER, 28, _GOLD, tracking=1.5), "m")
    for x in (180.0, 355.0, 530.0):
        # Goose-neck lamps throw their light down on the sign.
        canvas.stroke([(x, 160), (x, 152), (x + 12, 150), (x + 12, 160)], (26, 24, 30), 2.6)
        canvas.polygon([(x, 169), (x + 24, 169), (x + 17, 159), (x + 7, 159)], (26, 24, 30))
        glow(canvas, (x + 12, 196), (110, 52), (255, 220, 150), 0.34)


def _awning(canvas: Canvas) -> None:
    soft_shadow(canvas, [(24, 300), (686, 300), (686, 352), (24, 352)], 9, 0.65)
    stripes, top, bottom, valance = 22, 274, 318, 346
    for index in range(stripes):
        colour: Colour = (176, 48, 46) if index % 2 else (244, 232, 212)
        a, b = (28 + 654 * k / stripes for k in (index, index + 1))
        c, d = (14 + 682 * k / stripes for k in (index, index + 1))
        canvas.polygon([(a, top), (b, top), (d, bottom), (c, bottom)], colour)
        canvas.box((c, bottom, d, valance - 6), (150, 36, 38))
        canvas.disc(((c + d) / 2, valance - 6), (d - c) / 2, 7, (150, 36, 38))
    for step in range(22):
        canvas.box((14, top + 2 * step, 696, top + 2 * step + 2), (20, 8, 26, 92 - 4 * step))
    canvas.box((14, bottom, 696, bottom + 1.5), (255, 230, 210, 150))
    baked = Style(Face.SANS_BLACK, 18, _CREAM, tracking=2.4)
    canvas.write("BAKED HERE EVERY MORNING", (355, 339), baked, "m")


def _window(canvas: Canvas, left: float, right: float) -> None:
    top, bottom = 330, 546
    canvas.box((left - 6, top, right + 6, bottom + 6), _DEEP)
    stops: list[tuple[float, Colour]] = [(0.0, (255, 216, 140)), (0.55, (244, 172, 92)), (1.0, (150, 84, 46))]
    gradient(canvas, (left, top, right, bottom), stops)
    for x in (left + 52, right - 52):
        canvas.stroke([(x, top), (x, 372)], (60, 40, 30), 1.6)
        canvas.polygon([(x - 16, 386), (x + 16, 386), (x + 6, 370), (x - 6, 370)], (54, 66, 64))
        glow(canvas, (x, 394), (92, 78), (255, 236, 180), 0.75)
    _display(canvas, left, right, bottom)
    # Panes catch a slanting piece of the evening sky.
    for shift in (28, 78):
        pane = [
            (left + shift + 62, top),
            (left + shift + 92, top),
            (left + shift + 4, bottom),
            (left + shift - 26, bottom),
        ]
        canvas.polygon(pane, (255, 255, 255, 16))
    canvas.frame((left - 3, top, right + 3, bottom + 3), (34, 88, 76), 4)
    canvas.box((left - 10, bottom + 3, right + 10, bottom + 12), (40, 98, 86))
    for panel in (left, (left + right) / 2 + 5):
        canvas.frame((panel, bottom + 17, panel + (right - left) / 2 - 5, GROUND - 6), (38, 94, 82), 1.6)


def _display(canvas: Canvas, left: float, right: float, bottom: float) -> None:
    rng = np.random.default_rng(int(left))
    canvas.box((left, bottom - 30, right, bottom), (92, 52, 32))
    canvas.box((left, bottom - 33, right, bottom - 29), (220, 160, 98))
    for x in np.arange(left + 24, right - 16, 44):
        middle, base = float(x), bottom - 33
        canvas.box((middle - 1.5, base - 14, middle + 1.5, base), (232, 224, 210))
        canvas.disc((middle, base - 14), 19, 3, (244, 238, 226))
        kind = int(rng.integers(3))
        if kind == 0:
            for bun in (-10, 0, 10):
                canvas.disc((middle + bun, base - 20), 7.5, 6, (196, 118, 48))
                canvas.disc((middle + bun - 1, base - 22), 4.5, 2.6, (234, 168, 88))
        elif kind == 1:
            canvas.box((middle - 14, base - 34, middle + 14, base - 16), (248, 226, 214), 3)
            canvas.box((middle - 14, base - 27, middle + 14, base - 24), (200, 70, 84))
            canvas.disc((middle, base - 37), 4, 4, (204, 40, 56))
        else:
            canvas.polygon(
                [
                    (middle - 12, base - 29),
                    (middle + 12, base - 29),
                    (middle + 8, base - 16),
                    (middle - 8, base - 16),
                ],
                (134, 70, 44),
            )
            canvas.disc((middle, base - 31), 13, 8, (118, 66, 38))


def _lettering(canvas: Canvas) -> None:
    white = (255, 252, 240)
    canvas.write("Espresso Bar", (156, 446), Style(Face.SCRIPT, 38, white, shadow=(96, 44, 16)), "m")
    canvas.box((590, 360, 650, 408), (30, 92, 150), 8)
    canvas.write("FREE", (620, 381), Style(Face.SANS_BLACK, 18, white), "m")
    canvas.write("WIFI", (620, 401), Style(Face.SANS_BLACK, 18, white), "m")
    canvas.write("Tea & Cakes", (552, 456), Style(Face.SCRIPT, 38, white, shadow=(96, 44, 16)), "m")


def _door(canvas: Canvas) -> None:
    canvas.box((280, 330, 430, GROUND), _DEEP)
    canvas.box((290, 336, 420, GROUND), (128, 42, 38))
    gradient(canvas, (304, 350, 406, 520), [(0.0, (255, 214, 140)), (0.6, (228, 152, 82)), (1.0, (128, 70, 44))])
    canvas.frame((303, 349, 407, 521), (88, 24, 26), 3)
    canvas.frame((304, 532, 406, 582), (92, 26, 28), 2.4)
    canvas.box((412, 446, 417, 486), _GOLD, 2)
    canvas.box((310, 362, 400, 404), (24, 20, 26), 6)
    canvas.frame((313, 365, 397, 401), (80, 220, 236), 1.6, radius=5)
    glow(canvas, (355, 383), (96, 62), (255, 70, 84), 0.55)
    canvas.write("OPEN", (355, 392.5), Style(Face.SANS_BLACK, 26, (255, 226, 222), tracking=0.8), "m")
    canvas.box((310, 422, 400, 500), (252, 248, 236), 3)
    hours = Style(Face.SANS_BOLD, 15, (40, 36, 40))
    for row, text in enumerate(("Mon to Fri", "7:30 - 18:00", "Weekend", "9:00 - 16:00")):
        canvas.write(text, (355, 437.5 + 19 * row), hours, "m")


def _tree(canvas: Canvas, x: float) -> None:
    rng = np.random.default_rng(int(x))
    canvas.box((x - 2.5, 520, x + 2.5, 566), (62, 44, 36))
    canvas.polygon([(x - 19, 558), (x + 19, 558), (x + 14, 598), (x - 14, 598)], (150, 86, 58))
    canvas.box((x - 21, 554, x + 21, 562), (172, 104, 72), 2)
    for _ in range(240):
        angle, reach = float(rng.uniform(0, 2 * np.pi)), 29 * float(np.sqrt(rng.random()))
        at = (x + reach * float(np.cos(angle)), 500 + 1.15 * reach * float(np.sin(angle)))
        # Leaves on the upper left face the last of the light.
        light = 0.75 + 0.4 * (500 - at[1]) / 33 + float(rng.uniform(-0.2, 0.2))
        canvas.disc(at, 4, 3, (round(58 * light) % 256, round(104 * light), round(66 * light)))

"""What surrounds the shop: sky, far houses, pavement, the wet road and strings of light."""

import numpy as np
from PIL import Image, ImageFilter

from samples.drawing.canvas import Canvas, Colour
from samples.drawing.geometry import Edges
from samples.drawing.light import Stops, glow, gradient

GROUND = 590
"""Height at which the shop's wall meets the pavement."""
_KERB = 634
_SKY: Stops = [
    (0.0, (28, 36, 84)),
    (0.4, (92, 76, 136)),
    (0.7, (222, 128, 122)),
    (0.9, (255, 190, 124)),
    (1.0, (255, 214, 150)),
]
# Left edge, right edge, roof height, wall colour: from far to near.
_HOUSES: list[tuple[float, float, float, Colour]] = [
    (820, 900, 352, (122, 84, 118)),
    (890, 960, 342, (110, 76, 112)),
    (950, 1030, 344, (126, 86, 116)),
    (1020, 1120, 286, (84, 60, 96)),
    (1110, 1200, 236, (66, 48, 84)),
    (1190, 1280, 176, (50, 38, 72)),
]


def draw_background(canvas: Canvas) -> None:
    """Draw the evening sky and the houses against it."""
    rng = np.random.default_rng(7)
    gradient(canvas, (0, 0, 1280, 480), _SKY)
    glow(canvas, (960, 430), (420, 260), (255, 206, 140), 0.55)
    for x, y, width in ((900, 96, 150), (1080, 60, 190), (1010, 150, 120), (1210, 112, 110)):
        for _ in range(9):
            offset = float(rng.uniform(-width, width)) * 0.55
            glow(canvas, (x + offset, y + float(rng.uniform(-5, 5))), (width * 0.45, 13), (250, 150, 150), 0.13)
    for left, right, roof, colour in _HOUSES:
        _house(canvas, (left, roof, right, GROUND), colour, rng)


def draw_ground(canvas: Canvas) -> None:
    """Draw the pavement and the road, which mirrors the lit shop."""
    gradient(canvas, (0, GROUND, 1280, _KERB), [(0.0, (98, 84, 92)), (1.0, (74, 66, 80))])
    for x in range(-400, 1700, 86):
        # The joints run towards a vanishing point above the middle of the image.
        canvas.stroke([(640 + (x - 640) * 0.9, GROUND), (x, _KERB)], (40, 36, 48, 120), 1.2)
    canvas.stroke([(0, GROUND + 17), (1280, GROUND + 17)], (40, 36, 48, 110), 1.0)
    canvas.polygon([(850, GROUND), (1280, GROUND), (1280, _KERB), (878, _KERB)], (54, 46, 64))
    gradient(
        canvas,
        (0, _KERB, 872, _KERB + 12),
        [(0.0, (128, 114, 118)), (0.3, (80, 72, 84)), (1.0, (36, 32, 44))],
    )
    canvas.polygon([(846, GROUND), (852, GROUND), (884, _KERB), (872, _KERB)], (122, 108, 114))
    canvas.polygon([(872, _KERB), (1280, _KERB), (1280, _KERB + 12), (872, _KERB + 12)], (48, 42, 58))
    gradient(canvas, (0, _KERB + 12, 1280, 720), [(0.0, (44, 40, 56)), (1.0, (30, 28, 42))])
    for left, right, colour in ((60, 640, (255, 196, 112)), (836, 1280, (214, 132, 120))):
        glow(canvas, ((left + right) / 2, GROUND + 6), ((right - left) * 0.62, 44), colour, 0.5)
    _mirror(canvas)


def draw_lights(canvas: Canvas) -> None:
    """Draw the street lamp and the string of bulbs that hangs from it."""
    canvas.box((1243, 150, 1250, 600), (24, 22, 34))
    canvas.box((1236, 560, 1257, 606), (24, 22, 34), 4)
    canvas.polygon([(1232, 112), (1261, 112), (1254, 152), (1239, 152)], (255, 232, 180))
    canvas.polygon([(1226, 112), (1267, 112), (1246, 94)], (24, 22, 34))
    glow(canvas, (1246, 132), (120, 120), (255, 206, 130), 0.85)
    across = np.linspace(0.0, 1.0, 41)
    x, y = 836 + 404 * across, 44 + 56 * across + 190 * across * (1 - across) * 0.55
    wire = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    canvas.stroke(wire, (22, 20, 34), 1.6)
    for bulb_x, bulb_y in wire[2:-1:4]:
        canvas.disc((bulb_x, bulb_y + 6), 4.2, 5.4, (255, 240, 200))
        glow(canvas, (bulb_x, bulb_y + 6), (26, 26), (255, 204, 120), 0.9)


def _house(canvas: Canvas, edges: Edges, colour: Colour, rng: np.random.Generator) -> None:
    left, roof, right, ground = edges
    canvas.box(edges, colour)
    middle, rise = (left + right) / 2, (right - left) * 0.38
    dark = (colour[0] - 18, colour[1] - 14, colour[2] - 14)
    canvas.polygon([(left - 4, roof), (middle, roof - rise), (right + 4, roof)], dark)
    canvas.box((right - 26, roof - rise, right - 15, roof), dark)
    for y in range(int(roof) + 16, int(ground) - 60, 38):
        for x in range(int(left) + 12, int(right) - 14, 24):
            lit = rng.random() < 0.5
            canvas.box((x, y, x + 11, y + 19), (255, 208, 130) if lit else dark)
            canvas.stroke([(x + 5.5, y), (x + 5.5, y + 19)], colour, 1)


def _mirror(canvas: Canvas) -> None:
    scale = canvas.scale
    top = (_KERB + 12) * scale
    depth = canvas.image.height - top
    above = canvas.image.crop((0, 300 * scale, canvas.image.width, GROUND * scale))
    flipped = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((canvas.image.width, depth))
    # Ripples smear a reflection far more along the line of sight than across it.
    narrow = flipped.resize((canvas.image.width // 6, 10)).filter(ImageFilter.GaussianBlur(1.2))
    smeared = narrow.resize(flipped.size, Image.Resampling.BICUBIC)
    fade = Image.linear_gradient("L").transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize(flipped.size)
    canvas.image.paste(smeared, (0, top), fade.point(lambda value: 40 + value * 0.42))

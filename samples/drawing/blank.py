"""A landscape without any text: the answer to it is an empty list."""

import numpy as np

from samples.drawing.canvas import Canvas, Colour
from samples.drawing.light import Stops, glow, gradient
from samples.drawing.sample import Sample

_SKY: Stops = [(0.0, (52, 74, 132)), (0.55, (204, 142, 150)), (1.0, (255, 214, 160))]
_HILLS: list[tuple[float, float, Colour]] = [
    (235, 30, (150, 112, 140)),
    (270, 24, (104, 88, 124)),
    (308, 20, (62, 66, 98)),
    (350, 14, (30, 42, 66)),
]
"""Height of each ridge's middle line, how far it swings, and its colour, from far to near."""


def draw() -> Sample:
    """Draw hills at sunset."""
    canvas = Canvas(640, 400, (0, 0, 0))
    gradient(canvas, (0, 0, 640, 400), _SKY)
    glow(canvas, (430, 215), (170, 170), (255, 226, 170), 0.8)
    canvas.disc((430, 215), 34, 34, (255, 240, 205))
    across = np.linspace(0, 640, 161)
    for index, (height, swing, colour) in enumerate(_HILLS):
        ridge = height + swing * (np.sin(across / (88 - 9 * index) + 2.1 * index) + 0.4 * np.sin(across / 31 + index))
        outline = [(float(x), float(y)) for x, y in zip(across, ridge, strict=True)]
        canvas.polygon([*outline, (640, 400), (0, 400)], colour)
    image = canvas.finished().quantize(128)
    return Sample("blank.png", image, canvas.lines)

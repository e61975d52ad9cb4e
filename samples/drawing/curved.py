"""Signs with bent lettering: arches, smiles, waves and rings, for the outlines that follow curved text."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw

from samples.drawing.canvas import Canvas, Colour, Style
from samples.drawing.fonts import Face, load
from samples.drawing.geometry import Point, Quad, rotated
from samples.drawing.light import gradient, grain
from samples.drawing.sample import Sample
from samples.drawing.truth import Line, Word

WIDTH, HEIGHT = 960, 600

Curve = Callable[[float], Point]
"""Baseline: distance from the middle of the text in canvas units, to the right positive -> a point."""


@dataclass(frozen=True)
class _Sign:
    """One line of bent text: its words, its baseline and its look."""

    text: str
    curve: Curve
    style: Style


def arch(centre: Point, radius: float) -> Curve:
    """The top of a circle: text clockwise on its outside."""
    x, y = centre
    return lambda s: (x + radius * math.sin(s / radius), y - radius * math.cos(s / radius))


def smile(centre: Point, radius: float) -> Curve:
    """The bottom of a circle: text counter-clockwise on its inside."""
    x, y = centre
    return lambda s: (x + radius * math.sin(s / radius), y + radius * math.cos(s / radius))


def wave(centre: Point, amplitude: float, length: float) -> Curve:
    """A sine of that wavelength, rising in its middle; so flat that the way along it is nearly the way to the right."""
    x, y = centre
    return lambda s: (x + s, y - amplitude * math.sin(2 * math.pi * s / length))


def draw() -> list[Sample]:
    """Draw every shape in three looks; each sign is an image of its own."""
    samples = []
    for shape, signs in _signs().items():
        for number, sign in enumerate(signs, 1):
            canvas = Canvas(WIDTH, HEIGHT, (0, 0, 0))
            gradient(canvas, (0, 0, WIDTH, HEIGHT), [(0.0, _PAPERS[number - 1]), (1.0, _PAPERS[number])])
            write_along(canvas, sign.text, sign.curve, sign.style)
            image = grain(canvas.finished(), 2.0, seed=number)
            samples.append(Sample(f"{shape}-{number}.png", image, canvas.lines))
    return samples


def write_along(canvas: Canvas, text: str, curve: Curve, style: Style) -> Line:
    """Draw a line of text whose middle stands at the curve's origin, note its truth and return it.

    Each character is set upright on the curve's tangent, as programs for lettering do.

    Args:
        canvas: to draw on.
        text: words with one space between them.
        curve: the baseline.
        style: the look.
    """
    font = load(style.face, round(style.size * canvas.scale))
    advances = [font.getlength(text[:i]) / canvas.scale + i * style.tracking for i in range(len(text) + 1)]
    places = [(a + b) / 2 - advances[-1] / 2 for a, b in pairwise(advances)]
    quads = [
        _set_character(canvas, character, curve, place, style) for character, place in zip(text, places, strict=True)
    ]
    words, start = [], 0
    for word in text.split(" "):
        words.append(Word(word, _span(quads[start], quads[start + len(word) - 1])))
        start += len(word) + 1
    line = Line(tuple(words), _span(quads[0], quads[-1]))
    canvas.lines.append(line)
    return line


def _set_character(canvas: Canvas, character: str, curve: Curve, place: float, style: Style) -> Quad:
    """Paint one character; returns the quad from its ascender to its descender."""
    (x, y), (x0, y0), (x1, y1) = curve(place), curve(place - 1), curve(place + 1)
    degrees = math.degrees(math.atan2(y1 - y0, x1 - x0))
    font = load(style.face, round(style.size * canvas.scale))
    width = float(font.getlength(character))
    reach = round(2 * style.size * canvas.scale)
    stamp = Image.new("L", (2 * reach, 2 * reach), 0)
    ImageDraw.Draw(stamp).text((reach - width / 2, reach), character, font=font, fill=255, anchor="ls")
    turned = stamp.rotate(-degrees, Image.Resampling.BICUBIC)
    corner = (round(x * canvas.scale) - reach, round(y * canvas.scale) - reach)
    canvas.image.paste(style.fill[:3], corner, turned)
    ascent, descent = 0.75 * style.size, 0.2 * style.size
    turn, lift = math.radians(degrees), (ascent - descent) / 2
    middle = (x + lift * math.sin(turn), y - lift * math.cos(turn))
    return rotated(middle, width / canvas.scale, ascent + descent, degrees)


def _span(first: Quad, last: Quad) -> Quad:
    """From the left edge of one character to the right edge of another."""
    return (first[0], last[1], last[2], first[3])


_INK: Colour = (38, 34, 48)
_LIGHT: Colour = (252, 246, 232)
_PAPERS: list[Colour] = [(236, 226, 204), (214, 190, 150), (36, 70, 96), (30, 98, 90)]


def _signs() -> dict[str, list[_Sign]]:
    plain, bold, poster = Style(Face.SANS_BOLD, 54, _INK), Style(Face.SERIF_BOLD, 50, _INK), Face.POSTER
    light = Style(Face.SANS_BLACK, 48, _LIGHT)
    return {
        "arch": [
            _Sign("Golden Harvest Bakery", arch((480, 560), 340), plain),
            _Sign("Riverside Boat Rental", arch((480, 520), 260), bold),
            _Sign("NORTHERN LIGHTS CAFE 1924", arch((480, 540), 300), Style(poster, 66, _LIGHT, 4)),
        ],
        "smile": [
            _Sign("Fresh Coffee Every Morning", smile((480, 60), 380), plain),
            _Sign("Handmade Leather Shoes", smile((480, 120), 280), bold),
            _Sign("OPEN DAILY 9 TO 17", smile((480, 140), 260), light),
        ],
        "wave": [
            _Sign("Summer Music Festival 2024", wave((480, 310), 60, 800), plain),
            _Sign("Ocean Street Surf School", wave((480, 310), 70, 520), bold),
            _Sign("Swimming Pool And Sauna", wave((480, 310), 50, 640), light),
        ],
        "circle": [
            _Sign("Member Of The Old Harbour Rowing Club", arch((480, 310), 220), Style(Face.SANS_BOLD, 46, _INK)),
            _Sign("Quality Tested By Independent Experts", arch((480, 310), 200), Style(Face.SERIF_BOLD, 44, _INK)),
            _Sign("CERTIFIED ORGANIC FARM PRODUCTS", arch((480, 310), 190), Style(poster, 60, _LIGHT, 6)),
        ],
    }

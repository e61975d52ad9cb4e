"""Where text stands on a page: upright rectangles, angles, baselines and directions, for the formats that hold them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ocdrnet_client.results import Box, Character, Line, Page, Point, Word

SLANTED = 1.0  # pixels that a box's corner may stand off its upright rectangle and still be called upright


@dataclass(frozen=True)
class Rectangle:
    """An upright rectangle in whole pixels, within its page: left <= right, top <= bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels."""
        return self.bottom - self.top


def rectangle_of(points: Iterable[Point], page: Page) -> Rectangle:
    """The smallest rectangle of whole pixels around points, cut to the page: the formats have no negative numbers."""
    xs, ys = zip(*points, strict=True)
    left, right = (min(max(x, 0), page.width) for x in (math.floor(min(xs)), math.ceil(max(xs))))
    top, bottom = (min(max(y, 0), page.height) for y in (math.floor(min(ys)), math.ceil(max(ys))))
    return Rectangle(left, top, right, bottom)


def rectangle_around(lines: Sequence[Line], page: Page) -> Rectangle:
    """The rectangle of a paragraph: around the outlines of its lines."""
    return rectangle_of((point for line in lines for point in line.outline), page)


def angle_of(box: Box) -> float:
    """Degrees, clockwise, -180 to 180, from the page's x axis to the writing direction of a box."""
    (left, top), (right, below), *_ = box
    return math.degrees(math.atan2(below - top, right - left))


def counterclockwise(angle: float) -> float:
    """An angle of `angle_of` as hOCR and ALTO count: degrees, counterclockwise, 0 up to 360, to a tenth."""
    return round(-angle % 360, 1) % 360


def height_of(box: Box) -> float:
    """Pixels across the writing direction: the mean of the box's two short ends."""
    first, second, third, fourth = box
    return (math.dist(first, fourth) + math.dist(second, third)) / 2


def needs_outline(points: Sequence[Point]) -> bool:
    """Whether a rectangle says too little of an outline: it is curved, or a box that stands aslant."""
    if len(points) > 4:
        return True
    xs, ys = zip(*points, strict=True)
    return any(min(x - min(xs), max(xs) - x) > SLANTED or min(y - min(ys), max(ys) - y) > SLANTED for x, y in points)


def pixels_of(points: Iterable[Point], page: Page) -> list[tuple[int, int]]:
    """Points to the nearest whole pixel, cut to the page."""
    return [(min(max(round(x), 0), page.width), min(max(round(y), 0), page.height)) for x, y in points]


def baseline_of(line: Line) -> tuple[Point, ...]:
    """The line's lower edge in writing direction, two points or, of a polygon, half of its points.

    The detector finds outlines, not baselines: descenders stand on this edge, other letters a little above it.
    """
    return tuple(reversed(line.outline[len(line.outline) // 2 :]))


def is_right_to_left(text: str) -> bool:
    """Whether more letters of a text are written from right to left than from left to right."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    return sum(kind in ("R", "AL") for kind in kinds) > kinds.count("L")


def words_of(line: Line) -> tuple[tuple[Word, bool], ...]:
    """A line's words, each with whether a blank stands before it; a line without words is one word.

    Chinese and Japanese have words without blanks between them; the line's text shows which these are.
    """
    words = line.words or ((Word(line.text, line.score, line.box),) if line.text else ())
    found: list[tuple[Word, bool]] = []
    end = 0
    lost = False  # a word that the line's text does not hold; what stands beside it is told apart by a blank
    for word in words:
        start = line.text.find(word.text, end)
        found.append((word, bool(found) and (lost or start != end)))
        lost = start < 0
        end = end if lost else start + len(word.text)
    return tuple(found)


def characters_of(word: Word) -> tuple[Character, ...]:
    """A word's characters; none where they were not asked for, or are not its text, as somebody's own may be."""
    return word.characters if "".join(each.text for each in word.characters) == word.text else ()

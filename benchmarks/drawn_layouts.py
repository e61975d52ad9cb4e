"""Layouts whose lines are known in reading order: drawn the same way each time, as boxes and as an image.

`layouts()` gives `PER_KIND` of each kind: bars of short words, tables with turned heads, forms and lists side by side,
page spreads, text beside a table, slides, tables with cells of two lines, scenes of several signs, slanted pages,
newspaper columns, justified prose in pieces, tables, receipts.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from samples.drawing.fonts import Face, load

PER_KIND = 6
MARGIN = 0.1  # of the type's size: by which a box is larger than its ink
LEAN = 0.05  # box heights by which the ends of a box stand higher or lower than they should: all of a page alike,
# as a detector has it for words that begin with a capital, and as much again by chance


def _words(*lines: str) -> list[str]:
    return [word for line in lines for word in line.split()]


_WORDS = _words(
    "about after bridge candle country dinner during engine evening family field garden harbour history island journey",
    "kitchen letter little market morning mountain nothing number old orchard paper people picture question quiet",
    "river road school season second silver station stone street summer supper table thunder town travel under valley",
    "village water weather window winter without wonder yellow and the of in to for with by on at",
)
_NAMES = _words("Home Products Pricing Docs Blog About News Help Cart Search Login Team Jobs Events Press FAQ EN DE")
_HEADS = _words("Temperature Humidity Pressure Visibility Rainfall Sunshine Snowfall Cloudiness")
_LABELS = _words("Name Street City Phone E-mail Country Birthday Member Signature Company Account Reference")
_SIGNS = (
    ("The Copper Kettle", "COFFEE AND TEA"),
    ("HARBOUR", "STREET"),
    ("FRESH", "BREAD", "daily from six"),
    ("OPEN",),
    ("NO PARKING", "Mon to Fri", "8:00 - 18:00"),
    ("Blue Tulip", "FLOWERS & GIFTS"),
    ("Jazz Night", "Friday 9 May", "Doors 20:30"),
    ("SINCE", "1924"),
    ("Soup of the day", "with bread", "$6.50"),
    ("TAXI",),
    ("BOOKS", "new and used"),
    ("Bakery", "Baked here", "every morning"),
)


@dataclass(frozen=True)
class Piece:
    """A piece of a line that a detector finds by itself.

    Attributes:
        line: number of its line, from 0 in reading order.
        text: of it.
        box: float64 [4, 2], clockwise from the text's top-left.
    """

    line: int
    text: str
    box: npt.NDArray[np.float64]


@dataclass
class Layout:
    """A drawn page: its lines in reading order, the pieces that they are found in, and its image."""

    kind: str
    size: tuple[int, int]
    chance: random.Random
    lines: list[str] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    strokes: list[tuple[str, float, float, Face, int, float]] = field(default_factory=list)
    slant: float = 0.0

    def __post_init__(self) -> None:
        self.lean = self.chance.choice((-LEAN, 0.0, LEAN))

    def write(
        self,
        text: str,
        x: float,
        y: float,
        size: int = 24,
        *,
        align: str = "l",
        turn: float = 0.0,
        face: Face = Face.TABLE,
        gaps: tuple[float, ...] = (),
    ) -> float:
        """Write a line; it follows the one before in reading order.

        Args:
            text: of one line.
            x: of its start, middle or end, pixels.
            y: of its baseline.
            size: of the type, pixels.
            align: `l`, `m` or `r`: what of the line stands at `x`.
            turn: degrees, clockwise, around that place.
            face: the font.
            gaps: pixels after each word but the last, each word then a piece of its own.

        Returns:
            Where the line ends, before it is turned.
        """
        font = load(face, size)
        pieces = text.split(" ") if gaps else [text]
        widths = [font.getlength(piece) for piece in pieces]
        left = x - (sum(widths) + sum(gaps)) * {"l": 0.0, "m": 0.5, "r": 1.0}[align]
        for piece, width, gap in zip(pieces, widths, [*gaps, 0.0], strict=True):
            ink = font.getbbox(piece, anchor="ls")
            more = MARGIN * size
            edges = (left + ink[0] - more, y + ink[1] - more, left + ink[2] + more, y + ink[3] + more)
            lean = (self.lean + self.chance.uniform(-LEAN, LEAN)) * (edges[3] - edges[1])
            corners = [(0, 1, -lean), (2, 1, lean), (2, 3, lean), (0, 3, -lean)]
            box = np.array([(edges[i] + self._noise(), edges[j] + off + self._noise()) for i, j, off in corners])
            self.pieces.append(Piece(len(self.lines), piece, _turned(box, (x, y), turn)))
            at = _turned(np.array([(left, y)]), (x, y), turn)[0]
            self.strokes.append((piece, float(at[0]), float(at[1]), face, size, turn))
            left += width + gap
        self.lines.append(text)
        return left

    def _noise(self) -> float:
        return self.chance.uniform(-1, 1)

    def boxes(self) -> npt.NDArray[np.float32]:
        """Boxes of the pieces, in reading order: float32 [N, 4, 2]."""
        middle = (self.size[0] / 2, self.size[1] / 2)
        return np.array([_turned(piece.box, middle, self.slant) for piece in self.pieces], np.float32)

    def image(self) -> Image.Image:
        """The page, black on white."""
        page = Image.new("L", self.size, 255)
        for text, x, y, face, size, turn in self.strokes:
            font = load(face, size)
            if not turn:
                ImageDraw.Draw(page).text((x, y), text, 0, font, anchor="ls")
                continue
            reach = int(font.getlength(text)) + 2 * size
            layer = Image.new("L", (2 * reach, 2 * reach), 0)
            ImageDraw.Draw(layer).text((reach, reach), text, 255, font, anchor="ls")
            layer = layer.rotate(-turn, Image.Resampling.BICUBIC, center=(reach, reach))
            page.paste(0, (round(x) - reach, round(y) - reach), layer)
        return page.rotate(-self.slant, Image.Resampling.BICUBIC, fillcolor=255).convert("RGB")


def _turned(points: npt.NDArray[np.float64], center: tuple[float, float], degrees: float) -> npt.NDArray[np.float64]:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.asarray((points - center) @ np.array([[cos, sin], [-sin, cos]]) + center)


def layouts(per_kind: int = PER_KIND, first: int = 0) -> Iterator[Layout]:
    """Layouts, kind by kind.

    Args:
        per_kind: how many of each kind.
        first: number of the first of each kind; those of other numbers are drawn otherwise.
    """
    for kind, draw in KINDS.items():
        for number in range(first, first + per_kind):
            yield draw(kind, random.Random(f"{kind} {number}"), number)


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(_WORDS, k=words)).capitalize()


def _paragraph(page: Layout, x: float, y: float, width: float, rows: int, pitch: float, size: int = 24) -> float:
    """Ragged text; where the next row would stand."""
    font = load(Face.TABLE, size)
    for row in range(rows):
        line, room = "", width * (page.chance.uniform(0.3, 0.9) if row == rows - 1 else 1)
        while font.getlength(line + " mountain") < room:
            line = f"{line} {page.chance.choice(_WORDS)}".strip()
        page.write(line, x, y + row * pitch, size)
    return y + rows * pitch


def _table(page: Layout, columns: Sequence[float], y: float, rows: int, pitch: float, aligns: str) -> None:
    for row in range(rows):
        for column, (x, align) in enumerate(zip(columns, aligns, strict=True)):
            number = f"{page.chance.uniform(1, 2000):.{page.chance.choice((0, 1, 2))}f}"
            text = number if align == "r" or (column and page.chance.random() < 0.3) else page.chance.choice(_WORDS)
            page.write(text, x, y + row * pitch, align=align)


def _bars(kind: str, chance: random.Random, number: int) -> Layout:
    page = Layout(kind, (1500, 420), chance)
    x, y = 30.0, 50.0
    for name in chance.sample(_NAMES, chance.randint(5, 9)):
        x = page.write(name, x, y, chance.choice((22, 22, 26))) + chance.uniform(50, 110)
    if number % 2:  # a header's line of large and small words, then text, then a task bar
        page.write("Weather today", 30, 130, 44)
        page.write("sign in", 1440, 124, 20, align="r")
    _paragraph(page, 30, 200, 1100, 3, 40)
    for place, name in enumerate(chance.sample(_NAMES, 8)):
        page.write(name, 40 + 180 * place, 400, 18)
    return page


def _turned_heads(kind: str, chance: random.Random, number: int) -> Layout:
    columns, rows = chance.randint(3, 7), chance.randint(3, 7)
    page = Layout(kind, (320 + 110 * columns, 330 + 60 * rows), chance)
    if number % 3 == 0:
        page.write("Town", 40, 205)
    places = [230 + 110 * column for column in range(columns)]
    for place, head in zip(places, _HEADS, strict=False):
        if number % 2:
            page.write(head, place, 40, turn=90)
        else:
            page.write(head, place + 20, 205, turn=-90)
    for row, town in enumerate(
        chance.sample(["Oslo", "Rome", "Lima", "Kyoto", "Paris", "Bern", "Quito", "Cairo"], rows)
    ):
        page.write(town, 40, 270 + 60 * row)
        for place in places:
            page.write(f"{chance.uniform(1, 99):.{chance.choice((0, 1))}f}", place - 10, 270 + 60 * row)
    return page


def _form(page: Layout, x: float, y: float, rows: int, pitch: float, heading: str) -> None:
    page.write(heading, x, y, 32)
    for row, label in enumerate(page.chance.sample(_LABELS, rows)):
        page.write(f"{label}: {_text(page.chance, page.chance.randint(1, 3))}", x, y + 58 + row * pitch)


def _forms(kind: str, chance: random.Random, number: int) -> Layout:
    page = Layout(kind, (1400, 700), chance)
    _form(page, 60, 60, chance.randint(5, 9), 62, "Registration form")
    _form(page, 760, 60 + chance.uniform(14, 40), chance.randint(5, 8), chance.choice((49, 54, 71, 77)), "Delivery")
    return page


def _spread(kind: str, chance: random.Random, number: int) -> Layout:
    page = Layout(kind, (1700, 1000), chance)
    for side, x in enumerate((70, 930)):
        pitch, y = (36, 41)[(side + number) % 2], 80 + side * chance.uniform(12, 26)
        page.write(("The north", "The south")[side], x, y, 40)
        y += 70
        for _ in range(2):
            y = _paragraph(page, x, y, 640, chance.randint(4, 8), pitch) + 30
        page.write(str(10 + side), x + (0 if side == 0 else 640), 970, 20, align="lr"[side])
    return page


def _text_beside_table(kind: str, chance: random.Random, number: int) -> Layout:
    page = Layout(kind, (1600, 620), chance)
    text, table = (60.0, 820.0) if number % 2 else (920.0, 60.0)
    for part in ("text", "table") if number % 2 else ("table", "text"):
        if part == "text":
            _paragraph(page, text, 70, 560, chance.randint(8, 12), 39)
        else:
            _table(page, [table, table + 260, table + 560], 84, chance.randint(5, 8), 57, "lrr")
    return page


def _slide(kind: str, chance: random.Random, number: int) -> Layout:
    page = Layout(kind, (1600, 900), chance)
    page.write(_text(chance, 5), *((800, 110) if number % 2 else (90, 110)), 60, align="lm"[number % 2])
    for side, x in enumerate((90, 880)):
        y = 230 + side * chance.uniform(18, 30)
        for _ in range(chance.randint(4, 6)):
            page.write("• " + _text(chance, chance.randint(2, 4)), x, y, 32)
            y += (74, 91)[side]
    page.write(str(number + 3), 1540, 870, 20, align="r")
    return page


def _cells(kind: str, chance: random.Random, number: int) -> Layout:
    columns, rows = chance.randint(3, 4), chance.randint(4, 6)
    page = Layout(kind, (80 + 330 * columns, 80 + 104 * rows), chance)
    for row in range(rows):
        for column in range(columns):
            lines = (1 if column == row % columns else chance.choice((1, 2, 2))) if row % 2 else 1
            y = 60 + 104 * row - (15 * (lines - 1) if number % 2 else 0)
            for line in range(lines):
                page.write(_text(chance, 2), 40 + 330 * column, y + 30 * line, 22)
    return page


def _scene(kind: str, chance: random.Random, number: int) -> Layout:
    page = Layout(kind, (1600, 1000), chance)
    signs = chance.sample(_SIGNS, len(_SIGNS))
    for band in range(2 + number % 2):
        x = 40.0 + chance.uniform(0, 60)
        for _ in range(3):
            sign, turn = signs.pop(), chance.choice((0, 0, chance.uniform(-14, 14)))
            size = chance.choice((20, 26, 32, 40))
            first = round(size * chance.choice((1, 1, 1.8)))
            faces = [chance.choice((Face.SANS_BOLD, Face.TABLE, Face.SERIF_BOLD))] * len(sign)
            sizes = [first] + [size] * (len(sign) - 1)
            width = max(load(face, em).getlength(text) for face, em, text in zip(faces, sizes, sign, strict=True))
            middle, y = x + width / 2, 90 + 310 * band + chance.uniform(0, 60)
            for text, em in zip(sign, sizes, strict=True):
                down = math.radians(turn)
                drop = y - (90 + 310 * band)
                page.write(
                    text,
                    middle - drop * math.sin(down),
                    90 + 310 * band + drop * math.cos(down),
                    em,
                    align="m",
                    turn=turn,
                    face=faces[0],
                )
                y += size * 1.45
            x += width + chance.uniform(60, 160)
    return page


def _slanted(kind: str, chance: random.Random, number: int) -> Layout:
    page = (_receipt, _tables, _newspaper)[number % 3](kind, chance, number)
    page.slant = chance.choice((-1, 1)) * chance.uniform(0.6, 2.5)
    return page


def _newspaper(kind: str, chance: random.Random, number: int) -> Layout:
    columns = 2 + number % 3
    page = Layout(kind, (480 * columns + 60, 1100), chance)
    page.write(_text(chance, 4), 40, 70, 48)
    for column in range(columns):
        _paragraph(page, 40 + 480 * column, 140, 430, 24, 37)
    return page


def _justified(kind: str, chance: random.Random, number: int) -> Layout:
    width, rows = chance.randint(560, 1000), chance.randint(5, 9)
    page = Layout(kind, (width + 80, 46 * rows + 120), chance)
    font = load(Face.SERIF, 26)
    for row in range(rows):
        words: list[str] = []
        room = width * (0.4 if row % 4 == 1 else chance.uniform(0.65, 0.8))
        while font.getlength(" ".join(words)) < room:
            words.append(chance.choice(_WORDS))
        if number % 3 == 2 and row % 3:  # rows that are filled well, and found whole
            text = " ".join([*words, "under", "the"])
            page.write(text, 40, 60 + 46 * row, 26, face=Face.SERIF)
            width_now = font.getlength(text)
            page.pieces[-1].box[1:3, 0] += width - width_now  # spaces a little wider fill the row
            page.strokes[-1] = (text, 40, 60 + 46 * row, Face.SERIF, 26, 0.0)
            continue
        gap = (width - sum(font.getlength(word) for word in words)) / (len(words) - 1)
        page.write(" ".join(words), 40, 60 + 46 * row, 26, face=Face.SERIF, gaps=(gap,) * (len(words) - 1))
    return page


def _tables(kind: str, chance: random.Random, number: int) -> Layout:
    columns, rows = chance.randint(3, 6), chance.randint(5, 14)
    aligns = "l" + "".join(chance.choice("lr") for _ in range(columns - 1))
    page = Layout(kind, (260 * columns + 80, 44 * rows + 160), chance)
    places = [40.0 + 260 * column + (170 if align == "r" else 0) for column, align in enumerate(aligns)]
    _table(page, places, 70, rows, 44, aligns)
    return page


def _receipt(kind: str, chance: random.Random, number: int) -> Layout:
    page = Layout(kind, (640, 1000), chance)
    for row, text in enumerate(("The Copper Kettle", "12 Harbour Street", "Tel 555 0142")):
        page.write(text, 320, 70 + 40 * row, 36 if row == 0 else 24, align="m")
    y = 230.0
    for _ in range(chance.randint(6, 12)):
        page.write(_text(chance, chance.randint(1, 3)), 40, y, 24)
        page.write(f"{chance.uniform(1, 40):.2f}", 600, y, 24, align="r")
        y += 40
        if chance.random() < 0.25:
            page.write(f"{chance.randint(2, 5)} x {chance.uniform(1, 9):.2f}", 80, y, 24)
            y += 40
    for label in ("Subtotal", "Tax", "TOTAL"):
        page.write(label, 40, y + 20, 30 if label == "TOTAL" else 24)
        page.write(f"{chance.uniform(20, 90):.2f}", 600, y + 20, 30 if label == "TOTAL" else 24, align="r")
        y += 48
    page.write("Thank you", 320, y + 40, align="m")
    return page


KINDS: dict[str, Callable[[str, random.Random, int], Layout]] = {
    "bars": _bars,
    "turned heads": _turned_heads,
    "forms": _forms,
    "spreads": _spread,
    "text beside a table": _text_beside_table,
    "slides": _slide,
    "cells of two lines": _cells,
    "scenes": _scene,
    "slanted": _slanted,
    "newspapers": _newspaper,
    "justified": _justified,
    "tables": _tables,
    "receipts": _receipt,
}

"""The text that a PDF page holds itself, as a `Page`, and whether it can be trusted.

`auto` takes a page's own text if all of these hold:

- It has text at all, and nearly all of it maps to Unicode: of its characters at most 2 % are without a mapping,
  control characters, the replacement character or of a private-use area. Subset fonts without a ToUnicode map fail
  this.
- It is drawn: text that a former OCR laid invisibly over a scan (render mode 3) is at most a tenth of it.
- It covers what is seen. Raster images that are large enough to hold a line of text cover at most 3 % of the page. Of
  the page's ink, seen at 36 dots per inch and without straight rules, at most a third lies outside of the text's
  boxes: text that was turned into outlines, or that lies in an annotation, would be missed.
"""

from __future__ import annotations

import ctypes
import math
import unicodedata
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pypdfium2.raw as pdfium

PdfPage: TypeAlias = Any  # pypdfium2 has no types
TextPage: TypeAlias = Any

MOST_CHARS = (
    100_000  # of a page: a dense newspaper's has 60,000; each takes PDFium's calls, and memory of whoever reads
)
MOST_UNMAPPED = 0.02  # of the characters
MOST_INVISIBLE = 0.1  # of the characters
MOST_RASTER = 0.03  # of the page's area
MOST_OTHER_INK = 1 / 3
_LEAST_RASTER_POINTS = 8  # a line of text is as high
_INVISIBLE = 3  # PDF 32000-1, table 106
_INK_DPI = 36
_INK_BLOCKS = 8.5 * _INK_DPI  # across any page: a poster is not looked at more closely than a letter
_INK = 60  # of 255, from the most frequent level of the page
_RULE = 0.6  # of an inch: a run of ink as long is a rule or a filled area, not a letter
_PARAGRAPH_GAP = 0.8  # of a line's height
_ASCENT, _DESCENT = (
    0.8,
    0.22,
)  # of the font's size, from the baseline: fonts' own figures are missing or wrong too often
_DIGITS = 2


@dataclass
class _Char:
    text: str
    angle: float  # radians, counter-clockwise
    origin: tuple[float, float]
    box: tuple[float, float, float, float]  # left, bottom, right, top, in the page's points
    size: float


@dataclass
class _Line:
    words: list[list[_Char]] = field(default_factory=lambda: [[]])

    def close_word(self) -> None:
        if self.words[-1]:
            self.words.append([])


def find_text_layer(page: PdfPage, pixels: npt.NDArray[np.uint8], mode: str) -> dict[str, Any] | None:
    """The text of a PDF page, as `Page.to_dict` has it, scores 1; None if the page must be read.

    Args:
        page: a `pypdfium2.PdfPage`.
        pixels: of the page as drawn, [height, width, 3 or 4].
        mode: `trust`: taken if there is any, `MOST_CHARS` at most; `auto`: taken if it is sound, see
            the module's docstring.
    """
    text_page = page.get_textpage()
    try:
        count = text_page.count_chars()
        if not 0 < count <= MOST_CHARS:
            return None
        lines, faults, invisible, seen = _lines_of(text_page, count)
    finally:
        text_page.close()
    if not seen or (mode == "auto" and (faults > MOST_UNMAPPED * seen or invisible > MOST_INVISIBLE * seen)):
        return None
    height, width = pixels.shape[:2]
    to_pixels = _PageToPixels(page, width, height)
    found = [_line_of(words, to_pixels) for line in lines if (words := [word for word in line.words if word])]
    if mode == "auto" and not (_raster_share(page) <= MOST_RASTER and _covers_ink(found, pixels)):
        return None
    _number_paragraphs(found)
    return {"image": None, "width": width, "height": height, "lines": found, "truncated": False, "frames": 1}


def _lines_of(text_page: TextPage, count: int) -> tuple[list[_Line], int, int, int]:
    """The lines, and how many characters have no sound mapping, are invisible, are there at all (blanks apart)."""
    lines, faults, invisible, seen, high = [_Line()], 0, 0, 0, 0
    for index in range(count):
        code = pdfium.FPDFText_GetUnicode(text_page, index)
        if 0xD800 <= code < 0xDC00:  # the first half of a pair, as PDFium has astral characters on some systems
            high = code
            continue
        if 0xDC00 <= code < 0xE000 and high:
            code, high = 0x10000 + ((high - 0xD800) << 10) + code - 0xDC00, 0
        text = chr(code) if code and not 0xD800 <= code < 0xE000 else "\ufffd"
        if text in "\r\n":
            lines[-1].close_word()
            if text == "\n" and len(lines[-1].words) > 1:
                lines.append(_Line())
            continue
        if text.isspace():
            lines[-1].close_word()
            continue
        if pdfium.FPDFText_IsGenerated(text_page, index) == 1:
            continue
        seen += 1
        # U+0002 is PDFium's for a hyphen at a line's end.
        text = "-" if text == "\x02" else text
        faults += pdfium.FPDFText_HasUnicodeMapError(text_page, index) == 1 or _is_unmapped(text)
        object_ = pdfium.FPDFText_GetTextObject(text_page, index)
        invisible += bool(object_) and pdfium.FPDFTextObj_GetTextRenderMode(object_) == _INVISIBLE
        if not _is_unmapped(text):
            lines[-1].words[-1].append(_char_at(text_page, index, text))
    return lines, faults, invisible, seen


def _is_unmapped(text: str) -> bool:
    return text == "\ufffd" or unicodedata.category(text) in ("Cc", "Co", "Cn", "Cs")


def _char_at(text_page: TextPage, index: int, text: str) -> _Char:
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(text_page, index, x, y)
    box = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(text_page, index, box)
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(text_page, index, matrix)
    # The font's size in the page's points: what a unit of the text's height becomes.
    size = pdfium.FPDFText_GetFontSize(text_page, index) * math.hypot(matrix.c, matrix.d)
    angle = math.atan2(matrix.b, matrix.a)
    return _Char(text, angle, (x.value, y.value), (box.left, box.bottom, box.right, box.top), size)


class _PageToPixels:
    """The way from a page's own points to pixels of its drawing: its crop box, its rotation, the scale."""

    def __init__(self, page: PdfPage, width: int, height: int) -> None:
        left, bottom, right, top = page.get_bbox()
        self._matrix = {
            0: ((1, 0, -left), (0, -1, top)),
            90: ((0, 1, -bottom), (1, 0, -left)),
            180: ((-1, 0, right), (0, 1, -bottom)),
            270: ((0, -1, top), (-1, 0, right)),
        }[page.get_rotation()]
        across, down = page.get_size()
        self._scale = width / across, height / down

    def __call__(self, x: float, y: float) -> list[float]:
        return [
            round((a * x + b * y + c) * scale, _DIGITS)
            for (a, b, c), scale in zip(self._matrix, self._scale, strict=True)
        ]


def _line_of(words: list[list[_Char]], to_pixels: _PageToPixels) -> dict[str, Any]:
    chars = [char for word in words for char in word]
    parts = [{"text": _text(word), "score": 1.0, "box": _box(word, to_pixels)} for word in words]
    return {
        "text": " ".join(str(part["text"]) for part in parts),
        "score": 1.0,
        "box_score": 1.0,
        "box": _box(chars, to_pixels),
        "words": parts,
        "paragraph": 0,
    }


def _text(word: list[_Char]) -> str:
    return unicodedata.normalize("NFC", "".join(char.text for char in word))


def _box(chars: list[_Char], to_pixels: _PageToPixels) -> list[list[float]]:
    """Four corners, clockwise from the text's top-left: along the writing of the first character."""
    angle = chars[0].angle
    (across, up), first = (math.cos(angle), math.sin(angle)), chars[0].origin
    along = [
        (x - first[0]) * across + (y - first[1]) * up
        for char in chars
        for x in (char.box[0], char.box[2])
        for y in (char.box[1], char.box[3])
    ]
    is_level = min(abs(across), abs(up)) < 0.02
    if is_level:
        start, end = min(along), max(along)
    else:  # the box of a turned letter is wider than the letter
        ends = [(char.origin[0] - first[0]) * across + (char.origin[1] - first[1]) * up for char in chars]
        start, end = min(ends), max(ends) + max(char.size for char in chars) * 0.5
    size = max(char.size for char in chars)
    high, low = size * _ASCENT, -size * _DESCENT
    return [
        to_pixels(first[0] + at * across - off * up, first[1] + at * up + off * across)
        for at, off in ((start, high), (end, high), (end, low), (start, low))
    ]


def _raster_share(page: PdfPage) -> float:
    """What part of the page lies under raster images that could hold text."""
    left, bottom, right, top = page.get_bbox()
    whole, covered = max((right - left) * (top - bottom), 1.0), 0.0
    for each in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=8):
        x0, y0, x1, y1 = each.get_bounds()
        across, up = min(x1, right) - max(x0, left), min(y1, top) - max(y0, bottom)
        if min(across, up) >= _LEAST_RASTER_POINTS:
            covered += across * up
    return float(covered / whole)


def _covers_ink(lines: list[dict[str, Any]], pixels: npt.NDArray[np.uint8]) -> bool:
    """Whether little ink lies outside of the lines' boxes."""
    gray = pixels[..., :3].min(axis=2)
    # Darkest of each block, so that thin strokes stay ink.
    step = max(1, round(gray.shape[1] / _INK_BLOCKS))
    height, width = (size // step * step for size in gray.shape)
    small = gray[:height, :width].reshape(height // step, step, width // step, step)
    paper = np.bincount(gray[::step, ::step].ravel(), minlength=256).argmax()
    ink = np.abs(small.astype(np.int16) - int(paper)).max(axis=(1, 3)) > _INK
    ink &= ~_rules(ink)
    outside = ink.copy()
    for line in lines:
        xs, ys = zip(*line["box"], strict=True)
        top, bottom = (int(value // step) for value in (min(ys), max(ys)))
        left, right = (int(value // step) for value in (min(xs), max(xs)))
        outside[max(top - 1, 0) : bottom + 2, max(left - 1, 0) : right + 2] = False
    return bool(outside.sum() <= MOST_OTHER_INK * ink.sum())


def _rules(ink: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Ink in horizontal or vertical runs longer than letters are: rules, frames, filled areas."""
    longest = max(2, round(_RULE * _INK_DPI))
    return _runs(ink, longest) | _runs(ink.T, longest).T


def _runs(ink: npt.NDArray[np.bool_], longest: int) -> npt.NDArray[np.bool_]:
    found = np.zeros_like(ink)
    for row, out in zip(ink, found, strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8)))
        for start, end in edges.reshape(-1, 2):
            if end - start >= longest:
                out[start:end] = True
    return found


def _number_paragraphs(lines: list[dict[str, Any]]) -> None:
    """A paragraph ends where the next line is far below, starts beside, or is of another size."""
    number = 0
    for above, line in pairwise(lines):
        (x0, y0, x1, y1), (u0, v0, u1, v1) = (_extent(each["box"]) for each in (above, line))
        height = max(y1 - y0, 1.0)
        is_next = y0 < v0 < y1 + _PARAGRAPH_GAP * height and min(x1, u1) > max(x0, u0)
        number += not (is_next and 0.75 < (v1 - v0) / height < 1.33)
        line["paragraph"] = number


def _extent(box: list[list[float]]) -> tuple[float, float, float, float]:
    xs, ys = zip(*box, strict=True)
    return min(xs), min(ys), max(xs), max(ys)

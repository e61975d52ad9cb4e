"""Invisible text of a PDF page: a font without shapes, and the content stream that puts the words over their images.

The font is a Type 0 font with a TrueType descendant made here, byte by byte: `.notdef`, and glyphs that show nothing,
a quarter, a half and a whole square wide; for oblique words also some that fill a part of the line. Of the two kinds of
font that could do it:

* Type 3 has 256 codes a font, so that Chinese text wants dozens of fonts.
* Type 0 has 65,535 codes. Widths in the PDF and in the TrueType agree, no code shows `.notdef`, and the font is
  embedded: PDF/A's wishes for a font (ISO 19005-2, 6.2.11).

A code is given to each character as it occurs, base and combining marks together. ToUnicode names its code points,
those above U+FFFF as UTF-16 pairs (ISO 32000-1, 9.10.3). So the font is as large as the document's alphabet: 1 to 2 KB
for Latin text. The descriptor says ascent 1 and hardly a descent: a program that selects text takes the box from the
baseline to the size of the font, which is the word's box.
"""

from __future__ import annotations

import math
import re
import struct
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeAlias

from ocdrnet_client.errors import InvalidRequestError
from ocdrnet_client.results import Box, Line, Page, Word

if TYPE_CHECKING:
    import pikepdf

# (a, b, c, d, e, f) of a point's x' = a x + c y + e, y' = b x + d y + f, as PDF writes them.
Matrix: TypeAlias = tuple[float, float, float, float, float, float]

FONT_NAME = "/OcdrnetText"
LAYER_START = b"q\n/OcdrnetText BMC\nBT\n3 Tr\n"
LAYER_END = b"\nET\nEMC\nQ\n"

# Widths of the glyphs, in thousandths of the font's size: of a blank, of most characters, of Chinese ones.
_BLANK, _HALF, _SQUARE = 250, 500, 1000
_ADVANCES = (_BLANK, _HALF, _SQUARE)
_DESCENT = -1  # of 1000: poppler takes 0 for no answer, and assumes -350
_LAST_CODE = 0xFFFF
_LONGEST_CLUSTER = 32  # code points; ToUnicode takes 256, no writing needs 10
_NARROWEST_BLANK = 0.16  # of the height; poppler joins words that are less than 0.15 apart
_LARGEST_CUT = 0.12  # of a word's length that may be lost to a blank at each end
_STEEPEST_RISE = 0.4  # points over a word
# How much of an oblique word's rectangle poppler's shall fill: poppler counts the size of the font, not the rise.
_FILLED = 0.8
# Of the text's height, in which the font's size is chosen for oblique words: a glyph fills a part of its line.
_SIZES = (1.0, 1.25, 1.5, 1.75, 2.0)
_RIGHT_TO_LEFT = ("R", "AL")
_LEFT_TO_RIGHT = ("L", "EN", "AN")
_MIRRORED = str.maketrans("()[]{}<>«»‹›", ")(][}{><»«›‹")


@dataclass(frozen=True)
class Shape:
    """What part of the font's size a glyph fills, from the baseline or below the top.

    Attributes:
        size: the font's, in heights of the text, of `_SIZES`.
        is_high: whether the text is at the top of the line.
    """

    size: float = 1.0
    is_high: bool = False

    @property
    def glyph_set(self) -> int:
        """The place of its glyphs in the font, in sets of one for each advance."""
        return 2 * _SIZES.index(self.size) - self.is_high if self.size > 1 else 0

    @property
    def extent(self) -> tuple[int, int]:
        """Lower and upper edge, in thousandths of the font's size."""
        part = round(1000 / self.size)
        return (1000 - part, 1000) if self.is_high else (0, part)


_PLAIN = Shape()
_SHAPES = (_PLAIN, *(Shape(size, is_high) for size in _SIZES[1:] for is_high in (True, False)))


class GlyphlessFont:
    """A font of a document: codes for the characters that occur, and at last the objects of the PDF."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, Shape], int] = {}

    def codes(self, clusters: Iterable[str], shape: Shape = _PLAIN) -> list[int]:
        """Codes of characters in a shape, given as they come.

        Raises:
            InvalidRequestError: there are more different characters than codes.
        """
        codes = [self._codes.setdefault((cluster, shape), len(self._codes) + 1) for cluster in clusters]
        if len(self._codes) > _LAST_CODE:
            raise InvalidRequestError(
                f"the document has more than {_LAST_CODE} different characters, which is the limit of"
                " a searchable PDF; make one of fewer pages"
            )
        return codes

    @property
    def has_many_left(self) -> bool:
        """Whether whole words may have codes, too: characters must not run out of them."""
        return len(self._codes) < _LAST_CODE // 2

    def write(self, pdf: pikepdf.Pdf, font: pikepdf.Object) -> None:
        """Makes the font's objects in a PDF, and fills the dictionary that the pages' resources refer to."""
        from pikepdf import Array, Dictionary, Name  # noqa: PLC0415

        program = _truetype()
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=Name.OcdrnetGlyphless,
            Flags=4,  # symbolic: not the Latin letters of a standard encoding
            FontBBox=[0, 0, _SQUARE, 1000],
            ItalicAngle=0,
            Ascent=1000,
            Descent=_DESCENT,
            CapHeight=1000,
            StemV=0,
            FontFile2=_deflated(pdf, program, Length1=len(program)),
        )
        advances = [_width(cluster) for cluster, _ in self._codes]  # in the order of their codes, from 1
        sets = [shape.glyph_set for _, shape in self._codes]
        widths = [part for code, width in enumerate(advances, 1) if width != _HALF for part in (code, code, width)]
        numbers = (
            1 + len(_ADVANCES) * place + _ADVANCES.index(width) for place, width in zip(sets, advances, strict=True)
        )
        glyphs = struct.pack(f">{1 + len(advances)}H", 0, *numbers)
        descendant = Dictionary(
            Type=Name.Font,
            Subtype=Name.CIDFontType2,
            BaseFont=Name.OcdrnetGlyphless,
            CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
            CIDToGIDMap=_deflated(pdf, glyphs),
            FontDescriptor=pdf.make_indirect(descriptor),
            DW=_HALF,
            W=Array(widths),
        )
        font.Type = Name.Font
        font.Subtype = Name.Type0
        font.BaseFont = Name.OcdrnetGlyphless
        font.Encoding = Name("/Identity-H")
        font.DescendantFonts = Array([pdf.make_indirect(descendant)])
        font.ToUnicode = _deflated(pdf, _to_unicode(self._codes))


def layer_content(page: Page, to_user_space: Matrix, font: GlyphlessFont) -> tuple[bytes, int]:
    """The content stream that writes a page's words, invisible, and how many words it has; empty without words.

    Each word has a text matrix of its own: the baseline runs along the box, whatever its angle, the font's size is the
    box's height, and the horizontal scale makes the word as long as the box. A blank fills the gap to the next
    word where the line's text has one there. Right-to-left words are written as they stand, from left to right: pdfium
    and poppler both put text in logical order themselves, by where it stands.

    Args:
        page: boxes in pixels, y down.
        to_user_space: maps pixels to the PDF page's user space, y up.
        font: gets the characters that occur.

    Raises:
        InvalidRequestError: a corner of a box is no finite number.
    """
    parts: list[str] = []
    words = 0
    for line in page.lines:
        for row in _rows(line, to_user_space):
            words += len(row)
            parts += _row_operators(row, font)
    if not words:
        return b"", 0
    return LAYER_START + "\n".join(parts).encode("ascii") + LAYER_END, words


@dataclass(frozen=True)
class _Piece:
    """A word in user space: the lower left corner of its box, the unit vector along it, and the box's sides."""

    index: int  # in its line
    text: str
    blank_before: bool
    x: float
    y: float
    along: tuple[float, float]
    length: float
    height: float

    def ahead(self, other: _Piece) -> float:
        """How far another word's start lies beyond this one's end, along this one."""
        return (other.x - self.x) * self.along[0] + (other.y - self.y) * self.along[1] - self.length

    def above(self, other: _Piece) -> float:
        """How far another word's baseline lies above this one's."""
        return (other.y - self.y) * self.along[0] - (other.x - self.x) * self.along[1]


def _rows(line: Line, matrix: Matrix) -> list[list[_Piece]]:
    """The words of a line in the order of writing; a Line that is a paragraph has several rows."""
    words = line.words or (Word(line.text, line.score, line.box),)
    rows: list[list[_Piece]] = []
    for piece in _pieces(line.text, words, matrix):
        last = rows[-1][-1] if rows else None
        if last and abs(last.above(piece)) < max(last.height, piece.height) / 2:
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [_left_to_right(row) if any(_has_right_to_left(piece.text) for piece in row) else row for row in rows]


def _pieces(text: str, words: Sequence[Word], matrix: Matrix) -> Iterable[_Piece]:
    end = 0
    for index, word in enumerate(words):
        start = text.find(word.text, end)
        # Words that the line's text does not have, where a caller changed it, have blanks between them.
        blank = start < 0 or any(character.isspace() for character in text[end:start])
        end = end if start < 0 else start + len(word.text)
        if written := _writable(word.text):
            yield _piece(index, written, blank, word.box, matrix)


def _piece(index: int, text: str, blank: bool, box: Box, matrix: Matrix) -> _Piece:
    a, b, c, d, e, f = matrix
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = ((a * x + c * y + e, b * x + d * y + f) for x, y in box)
    along, across = (x1 - x0 + x2 - x3) / 2, (y1 - y0 + y2 - y3) / 2
    length = math.hypot(along, across)
    if not math.isfinite(length + x0 + y0 + x3 + y3):
        raise InvalidRequestError(f"the box of {text[:40]!r} has a corner that is no finite number: {box}")
    ux, uy = (along / length, across / length) if length else (1.0, 0.0)
    up = ((x0 - x3 + x1 - x2) / 2, (y0 - y3 + y1 - y2) / 2)
    # The rectangle around the quad's center: a quad in perspective has no single baseline. A pixel at the least.
    pixel = math.hypot(a, b)
    height, length = max(up[1] * ux - up[0] * uy, pixel), max(length, pixel)
    center_x, center_y = (x0 + x1 + x2 + x3) / 4, (y0 + y1 + y2 + y3) / 4
    x, y = center_x - (length * ux - height * uy) / 2, center_y - (length * uy + height * ux) / 2
    return _Piece(index, text, blank, x, y, (ux, uy), length, height)


def _left_to_right(row: list[_Piece]) -> list[_Piece]:
    """A row with right-to-left text, from left to right."""
    ux, uy = row[0].along
    return sorted(row, key=lambda piece: piece.x * ux + piece.y * uy)


def _row_operators(row: list[_Piece], font: GlyphlessFont) -> list[str]:
    parts = []
    row = _parted(row)
    for piece, following in zip_longest(row, row[1:]):
        clusters, shape = _visual(_clusters(piece.text)), _PLAIN
        if _is_oblique(piece) and font.has_many_left:
            clusters, shape = ["".join(clusters)], _shape(piece)
        parts.append(_placed(piece, 0, shape))
        parts.append(_stretched(font, clusters, piece.length / piece.height / shape.size, shape))
        if following and _is_blank_between(piece, following):
            if shape != _PLAIN:
                parts.append(_placed(piece, piece.length))
            parts.append(_stretched(font, [" "], max(piece.ahead(following) / piece.height, _NARROWEST_BLANK / 2)))
    return parts


def _placed(piece: _Piece, ahead: float, shape: Shape = _PLAIN) -> str:
    """Operators for the font's size, and the text's place and direction: so far ahead along a word."""
    (ux, uy), down = piece.along, piece.height * (shape.size - 1) if shape.is_high else 0
    x, y = piece.x + ux * ahead + uy * down, piece.y + uy * ahead - ux * down
    matrix = " ".join(map(_number, (ux, uy, -uy, ux, x, y)))
    return f"{FONT_NAME} {_number(piece.height * shape.size)} Tf {matrix} Tm"


def _stretched(font: GlyphlessFont, clusters: list[str], length: float, shape: Shape = _PLAIN) -> str:
    """Operators that write characters over a length, in units of the font's size."""
    scale = length / (sum(map(_width, clusters)) / 1000)
    return f"{_number(100 * scale)} Tz <{''.join(f'{code:04X}' for code in font.codes(clusters, shape))}> Tj"


def _shape(piece: _Piece) -> Shape:
    """The shape in which poppler's rectangle of an oblique word fills most of the rectangle around it.

    poppler takes the size of the font for the rectangle's height, from the baseline of the word's start; the word
    itself rises or falls by its length besides. So the font is larger than the word, which stands at the bottom of it
    where it rises, and hangs from its top where it falls.
    """
    ux, uy = piece.along
    rise = min(abs(ux), abs(uy)) * piece.length
    wanted = _FILLED * (rise + max(abs(ux), abs(uy)) * piece.height) / piece.height
    # Beside the nearer axis, along which poppler reads: counter-clockwise of it the word rises.
    rises = (ux * uy > 0) == (abs(ux) > abs(uy))
    size = next((size for size in _SIZES if size >= wanted - 0.125), _SIZES[-1])
    return Shape(size, is_high=not rises) if size > 1 else _PLAIN


def _is_oblique(piece: _Piece) -> bool:
    """Whether poppler would take the word apart.

    poppler ends a word where the next character's baseline is half a point higher or lower, by the nearer axis, and
    puts the parts into different lines where a line has risen by half its height. A word that is one code stays whole.
    """
    return min(map(abs, piece.along)) * piece.length > _STEEPEST_RISE


def _parted(row: list[_Piece]) -> list[_Piece]:
    """Words, those that touch shortened so that poppler, which goes by gaps alone, sees the blank between them."""
    parted = list(row)
    for at in range(len(row) - 1):
        left, right = parted[at : at + 2]
        lacking = _NARROWEST_BLANK * left.height - left.ahead(right)
        if lacking > 0 and _is_blank_between(left, right):
            end, start = (min(lacking / 2, _LARGEST_CUT * each.length) for each in (left, right))
            ux, uy = right.along
            parted[at] = replace(left, length=left.length - end)
            parted[at + 1] = replace(right, x=right.x + start * ux, y=right.y + start * uy, length=right.length - start)
    return parted


def _is_blank_between(left: _Piece, right: _Piece) -> bool:
    later = left if left.index > right.index else right
    return later.blank_before or abs(left.index - right.index) > 1


def _writable(text: str) -> str:
    """Text without what ToUnicode may not name: control characters, unpaired surrogates and noncharacters."""
    blanks = re.sub(r"\s+", " ", text).strip()
    return "".join(
        character
        for character in blanks
        if unicodedata.category(character) not in ("Cc", "Cs")
        and character != "\ufeff"
        and ord(character) & 0xFFFE != 0xFFFE
    )


def _clusters(text: str) -> list[str]:
    """Characters with their combining marks and joiners, which have no place of their own."""
    clusters: list[str] = []
    for character in text:
        joins = unicodedata.category(character) in ("Mn", "Me", "Mc", "Cf")
        if joins and clusters and len(clusters[-1]) < _LONGEST_CLUSTER:
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _has_right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text)


def _visual(clusters: list[str]) -> list[str]:
    """Characters as they stand from left to right: reversed around numbers and Latin letters, if any is right-to-left.

    One word wants no more of the Unicode bidirectional algorithm (UAX 9) than levels 1 and 2.
    """
    if not any(map(_has_right_to_left, clusters)):
        return clusters
    kinds = "".join(_kind(cluster[0]) for cluster in clusters)
    visual: list[str] = []
    for match in reversed(list(re.finditer("L([LN]*L)?|.", kinds))):
        part = clusters[match.start() : match.end()]
        # Who puts the characters in logical order reverses code points, marks among them; pdfium mirrors brackets, too.
        visual += part if match[0][0] == "L" else [part[0][::-1].translate(_MIRRORED)]
    return visual


def _kind(character: str) -> str:
    """`L` of letters and digits that run to the right, `R` of letters that run to the left, `N` of all others."""
    kind = unicodedata.bidirectional(character)
    return "L" if kind in _LEFT_TO_RIGHT else "R" if kind in _RIGHT_TO_LEFT else "N"


def _width(cluster: str) -> int:
    if cluster == " ":
        return _BLANK
    return _SQUARE if unicodedata.east_asian_width(cluster[0]) in ("W", "F") else _HALF


def _number(value: float) -> str:
    text = f"{value:.5f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _deflated(pdf: pikepdf.Pdf, data: bytes, **entries: int) -> pikepdf.Object:
    from pikepdf import Name, Stream  # noqa: PLC0415

    return Stream(pdf, zlib.compress(data, 9), Filter=Name.FlateDecode, **entries)


def _to_unicode(codes: dict[tuple[str, Shape], int]) -> bytes:
    """The CMap from codes to UTF-16 (Adobe Technical Note 5411); at most 100 entries a block."""
    entries = [f"<{code:04X}> <{cluster.encode('utf-16-be').hex().upper()}>" for (cluster, _), code in codes.items()]
    blocks = [entries[at : at + 100] for at in range(0, len(entries), 100)]
    return "\n".join(
        [
            "/CIDInit /ProcSet findresource begin",
            "12 dict begin",
            "begincmap",
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            "/CMapName /OcdrnetText-UCS def",
            "/CMapType 2 def",
            "1 begincodespacerange",
            "<0000> <FFFF>",
            "endcodespacerange",
            *(line for block in blocks for line in (f"{len(block)} beginbfchar", *block, "endbfchar")),
            "endcmap",
            "CMapName currentdict /CMap defineresource pop",
            "end",
            "end",
        ]
    ).encode("ascii")


def _truetype() -> bytes:
    """A TrueType font with the tables that an embedded one needs (ISO 32000-1, 9.9): `.notdef`, then each shape's.

    Source: the OpenType specification's tables head, hhea, hmtx, maxp, loca, glyf.
    """
    glyphs = [_glyph(advance, *shape.extent) for shape in _SHAPES for advance in _ADVANCES]
    count = 1 + len(glyphs)
    tables = {
        b"glyf": b"".join(glyphs),
        b"head": struct.pack(
            ">IIIIHHQQhhhhHHhhh",
            *(0x00010000, 0x00010000, 0, 0x5F0F3CF5, 0, 1000, 0, 0),
            *(0, 0, _SQUARE, 1000, 0, 8, 2, 0, 0),
        ),
        b"hhea": struct.pack(
            ">IhhhHhhhhhhhhhhhH", 0x00010000, 1000, _DESCENT, 0, _SQUARE, *(0,) * 3, 1, *(0,) * 7, count
        ),
        b"hmtx": b"".join(struct.pack(">Hh", advance, 0) for advance in (_HALF, *_ADVANCES * len(_SHAPES))),
        # .notdef is empty. Offsets are halved.
        b"loca": struct.pack(f">{count + 1}H", 0, *(len(glyphs[0]) // 2 * number for number in range(count))),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x00010000, count, 3, 1, 0, 0, 2, *(0,) * 8),
    }
    offset = 12 + 16 * len(tables)
    directory, body = struct.pack(">IHHHH", 0x00010000, len(tables), 64, 2, 16 * len(tables) - 64), b""
    for tag, table in tables.items():
        directory += struct.pack(">4sIII", tag, _checksum(table), offset + len(body), len(table))
        body += table + b"\0" * (-len(table) % 4)
    font = directory + body
    # head's third word makes the whole font's checksum the one that the specification names.
    at = font.index(tables[b"head"]) + 8
    return font[:at] + struct.pack(">I", (0xB1B0AFBA - _checksum(font)) & 0xFFFFFFFF) + font[at + 4 :]


def _glyph(advance: int, low: int, high: int) -> bytes:
    """A line from corner to corner and back: nothing to fill, but with a box, without which pdfium drops the text.

    pdfium measures text by its glyphs: a single character, or text turned by 90 degrees, would have no extent.
    """
    header = struct.pack(">hhhhh", 1, 0, low, advance, high)
    points = struct.pack(">HHBBBhhhhhh", 2, 0, 1, 1, 1, 0, advance, -advance, low, high - low, low - high)
    return header + points + b"\0"  # of even length


def _checksum(data: bytes) -> int:
    padded = data + b"\0" * (-len(data) % 4)
    return int(sum(struct.unpack(f">{len(padded) // 4}I", padded))) & 0xFFFFFFFF

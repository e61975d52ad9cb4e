"""ALTO 4.4: the XML of libraries and archives that carries text with boxes; kept by the Library of Congress.

Source: the schema, https://www.loc.gov/standards/alto/v4/alto-4-4.xsd. Of what 4.4 adds to 4.3, nothing is used.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ocdrnet_client.documents.document import DocumentPage, text_angle
from ocdrnet_client.documents.outlines import (
    Rectangle,
    angle_of,
    baseline_of,
    characters_of,
    counterclockwise,
    is_right_to_left,
    needs_outline,
    pixels_of,
    rectangle_around,
    rectangle_of,
    words_of,
)
from ocdrnet_client.documents.xml_text import SYSTEM, VERSION, attribute, content, legal
from ocdrnet_client.results import Box, Character, Line, Page, Point, Word

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
MOST_PARTS = 3  # code points of a character, over which its word has no Glyphs: each is 100 bytes of XML
TURNED = 0.5  # degrees: a block turned by less has no ROTATION


def alto_of(pages: Iterable[DocumentPage], name: str | None) -> Iterator[str]:
    """A document as ALTO, in pieces: the head, one for each page, the end.

    A paragraph is a TextBlock. A page that failed is a Page without text whose QUALITY is `Missing` and whose
    QUALITY_DETAIL says why, so that the others keep their numbers.

    Args:
        pages: what was read.
        name: of the file.
    """
    source = f"<sourceImageInformation><fileName>{content(name)}</fileName></sourceImageInformation>\n" if name else ""
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<alto xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:schemaLocation="{NAMESPACE} http://www.loc.gov/standards/alto/v4/alto-4-4.xsd" SCHEMAVERSION="4.4">\n'
        f"<Description>\n<MeasurementUnit>pixel</MeasurementUnit>\n{source}"
        '<Processing ID="OCR"><processingCategory>contentGeneration</processingCategory><processingSoftware>'
        f"<softwareName>{SYSTEM}</softwareName><softwareVersion>{VERSION}</softwareVersion>"
        "</processingSoftware></Processing>\n"
        "</Description>\n<Layout>\n"
    )
    for page in pages:
        yield _page(page)
    yield "</Layout>\n</alto>\n"


def _page(page: DocumentPage) -> str:
    number, read = page.number, page.page
    head = f'<Page ID="page_{number}" PHYSICAL_IMG_NR="{number}"'
    if read is None:
        return f'{head} QUALITY="Missing" QUALITY_DETAIL={attribute(str(page.error))}/>\n'
    rows = [f'{head} WIDTH="{read.width}" HEIGHT="{read.height}" PROCESSINGREFS="OCR">']
    rows.append(f"<PrintSpace {_place(Rectangle(0, 0, read.width, read.height))}>")
    for index, lines in enumerate(read.paragraphs, 1):
        rows += _block(f"{number}_{index}", lines, read)
    return "\n".join([*rows, "</PrintSpace>", "</Page>\n"])


def _block(place: str, lines: Sequence[Line], page: Page) -> list[str]:
    # A TextLine has a String at least, so a line without text has no place here.
    drawn = [_line(f"{place}_{index}", line, page) for index, line in enumerate(lines, 1) if words_of(line)]
    angle = text_angle(Page(page.width, page.height, tuple(lines)))
    rotation = f' ROTATION="{counterclockwise(angle):g}"' if abs(angle) > TURNED else ""
    return [
        f'<TextBlock ID="block_{place}" {_place(rectangle_around(lines, page))}{rotation}>',
        *drawn,
        "</TextBlock>",
    ]


def _line(place: str, line: Line, page: Page) -> str:
    baseline = " ".join(f"{x},{y}" for x, y in pixels_of(baseline_of(line), page))
    direction = ' BASEDIRECTION="rtl"' if is_right_to_left(line.text) else ""
    row = f'<TextLine ID="line_{place}" {_place(rectangle_of(line.outline, page))} BASELINE="{baseline}"{direction}>'
    row += _shape(line.outline, page)
    before: Word | None = None
    for index, (word, after_blank) in enumerate(words_of(line), 1):
        if before and after_blank:
            row += _blank(before, word, page)
        row += _string(f"{place}_{index}", word, page)
        before = word
    return row + "</TextLine>"


def _string(place: str, word: Word, page: Page) -> str:
    head = f'<String ID="word_{place}" {_place(rectangle_of(word.box, page))} WC="{_score(word.score)}"'
    inside = [_shape(word.box, page)]
    inside += [_glyph(f"{place}_{index}", glyph, page) for index, glyph in enumerate(_glyphs(word), 1)]
    return _element(f"{head} CONTENT={attribute(word.text)}", "String", "".join(inside))


def _glyphs(word: Word) -> list[Character]:
    """A word's characters as Glyphs, which have one code point each: a letter with marks shares its box equally."""
    glyphs: list[Character] = []
    for each in characters_of(word):
        text = unicodedata.normalize("NFC", legal(each.text))
        if len(text) > MOST_PARTS:
            return []
        if len(text) == 1:
            glyphs.append(replace(each, text=text))
        else:
            parts = [_part(each.box, index / len(text), (index + 1) / len(text)) for index in range(len(text))]
            glyphs += [Character(letter, each.score, part) for letter, part in zip(text, parts, strict=True)]
    return glyphs


def _part(box: Box, start: float, end: float) -> Box:
    """Part of a box between two shares of its width."""
    (first, second, third, fourth), at = box, (start, end)
    top, bottom = (
        [(a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share) for share in at]
        for a, b in ((first, second), (fourth, third))
    )
    return top[0], top[1], bottom[1], bottom[0]


def _glyph(place: str, glyph: Character, page: Page) -> str:
    head = f'<Glyph ID="glyph_{place}" {_place(rectangle_of(glyph.box, page))} GC="{_score(glyph.score)}"'
    return _element(f"{head} CONTENT={attribute(glyph.text)}", "Glyph", _shape(glyph.box, page))


def _element(head: str, name: str, inside: str) -> str:
    return f"{head}>{inside}</{name}>" if inside else f"{head}/>"


def _score(score: float) -> str:
    return f"{min(max(score, 0), 1):.4g}"


def _blank(before: Word, after: Word, page: Page) -> str:
    """The blank between two words of an upright line; the boxes of turned ones leave no rectangle between them."""
    words = [before, after] if before.box[0][0] <= after.box[0][0] else [after, before]
    left, right = (rectangle_of(word.box, page) for word in words)
    if abs(angle_of(before.box)) > TURNED or right.left <= left.right:
        return "<SP/>"
    top, bottom = max(left.top, right.top), min(left.bottom, right.bottom)
    return f"<SP {_place(Rectangle(left.right, top, right.left, max(top, bottom)))}/>"


def _place(box: Rectangle) -> str:
    return f'HPOS="{box.left}" VPOS="{box.top}" WIDTH="{box.width}" HEIGHT="{box.height}"'


def _shape(points: Sequence[Point], page: Page) -> str:
    if not needs_outline(points):
        return ""
    return f'<Shape><Polygon POINTS="{" ".join(f"{x},{y}" for x, y in pixels_of(points, page))}"/></Shape>'

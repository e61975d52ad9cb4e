"""hOCR 1.2: XHTML that carries text with boxes, as Tesseract writes it and OCRmyPDF and hocr-tools read it.

Source: "hOCR - OCR Workflow and Output embedded in HTML", version 1.2, https://kba.github.io/hocr-spec/1.2/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ocdrnet_client.documents.document import DocumentPage
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
from ocdrnet_client.documents.xml_text import SYSTEM, VERSION, attribute, comment, content, legal
from ocdrnet_client.results import Line, Page, Point, Word

CAPABILITIES = "ocr_page ocr_carea ocr_par ocr_line ocrx_word ocrx_cinfo ocrp_dir ocrp_poly ocrp_wconf"
# Degrees. Up to here the slope of the baseline says how a line is turned, beyond it `textangle`: readers apply both.
LEVEL = 45
# A quote would end an image's name (the specification has no escape for one), and many readers divide at semicolons.
_NO_ENDS = str.maketrans({'"': "'", ";": ","})


def hocr_of(pages: Iterable[DocumentPage], name: str | None) -> Iterator[str]:
    """A document as hOCR, in pieces: the head, one for each page, the end.

    A paragraph is an `ocr_carea` with one `ocr_par`. A page that failed is an `ocr_page` without text, of size 0, with
    a comment that says why, so that the others keep their numbers.

    Args:
        pages: what was read.
        name: of the file, for the title and for pages that name no image.
    """
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"'
        ' "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml">\n<head>\n'
        f"<title>{content(name or '')}</title>\n"
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>\n'
        f'<meta name="ocr-system" content="{SYSTEM} {VERSION}"/>\n'
        f'<meta name="ocr-capabilities" content="{CAPABILITIES}"/>\n'
        "</head>\n<body>\n"
    )
    for page in pages:
        yield _page(page, name)
    yield "</body>\n</html>\n"


def _page(page: DocumentPage, name: str | None) -> str:
    number, read = page.number, page.page
    image = (read.image if read else None) or name or ""
    properties = [f'image "{image.translate(_NO_ENDS)}"']
    properties.append(f"bbox 0 0 {read.width} {read.height}" if read else "bbox 0 0 0 0")
    properties.append(f"ppageno {number - 1}")  # the first is 0
    if page.dpi:
        properties.append(f"scan_res {round(page.dpi)} {round(page.dpi)}")
    rows = [f'<div class="ocr_page" id="page_{number}" title={attribute("; ".join(properties))}>']
    if read:
        for index, lines in enumerate(read.paragraphs, 1):
            rows += _paragraph(f"{number}_{index}", lines, read)
    else:
        rows.append(comment(f"page {number} failed: {page.error}"))
    return "\n".join([*rows, "</div>\n"])


def _paragraph(place: str, lines: Sequence[Line], page: Page) -> list[str]:
    box = _bbox(rectangle_around(lines, page))
    direction = ' dir="rtl"' if is_right_to_left("".join(line.text for line in lines)) else ""
    return [
        f'<div class="ocr_carea" id="block_{place}" title="{box}">',
        f'<p class="ocr_par" id="par_{place}"{direction} title="{box}">',
        *(_line(f"{place}_{index}", line, page) for index, line in enumerate(lines, 1)),
        "</p>",
        "</div>",
    ]


def _line(place: str, line: Line, page: Page) -> str:
    rectangle = rectangle_of(line.outline, page)
    properties = [_bbox(rectangle), *_poly(line.outline, page), *_direction(line, rectangle)]
    words = []
    for index, (word, after_blank) in enumerate(words_of(line), 1):
        title = [_bbox(rectangle_of(word.box, page)), *_poly(word.box, page), f"x_wconf {round(100 * word.score)}"]
        text = _characters(word, page) or content(word.text)
        span = f'<span class="ocrx_word" id="word_{place}_{index}" title="{"; ".join(title)}">{text}</span>'
        words.append(f"\n{span}" if after_blank else span)
    return f'<span class="ocr_line" id="line_{place}" title="{"; ".join(properties)}">{"".join(words)}</span>'


def _characters(word: Word, page: Page) -> str:
    """A word's characters, as Tesseract writes them with `hocr_char_boxes`; empty where they are not known."""
    written = []
    for each in characters_of(word):
        if legal(each.text):
            box = rectangle_of(each.box, page)
            title = f"x_bboxes {box.left} {box.top} {box.right} {box.bottom}; x_conf {100 * each.score:.2f}"
            written.append(f'<span class="ocrx_cinfo" title="{title}">{content(each.text)}</span>')
    return "".join(written)


def _bbox(box: Rectangle) -> str:
    return f"bbox {box.left} {box.top} {box.right} {box.bottom}"


def _poly(points: Sequence[Point], page: Page) -> list[str]:
    if not needs_outline(points):
        return []
    return ["poly " + " ".join(f"{x} {y}" for x, y in pixels_of(points, page))]


def _direction(line: Line, rectangle: Rectangle) -> list[str]:
    """The baseline from the rectangle's lower left corner, or the angle of text that is turned too far for one."""
    angle = angle_of(line.box)
    if abs(angle) > LEVEL:
        return [f"textangle {counterclockwise(angle):g}"]
    (left, begin), *_, (right, end) = baseline_of(line)
    if right <= left:
        return []
    slope = (end - begin) / (right - left)
    offset = begin - rectangle.bottom - slope * (left - rectangle.left)
    # The offset is whole, as Tesseract's: OCRmyPDF reads no other.
    return [f"baseline {round(slope, 3) + 0.0:g} {round(offset)}"]  # + 0.0: no -0

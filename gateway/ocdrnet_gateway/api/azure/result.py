"""A job's pages as Azure's `analyzeResult`: one text, and where in it each page, line, word and paragraph stands.

Written piece by piece from the file of pages, which is read once for the text, once for the pages and once for the
paragraphs, so that memory stays flat whatever their number. What the networks do not look for is empty, with a warning.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from ocdrnet_client import Line, Page
from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.formats import FORMATS

# Of one form, as far as it is answered here. The preview is what markitdown asks for.
API_VERSIONS = ("2024-11-30", "2024-07-31-preview")
IndexType = Literal["textElements", "unicodeCodePoint", "utf16CodeUnit"]
ContentFormat = Literal["text", "markdown"]
INDEX_TYPES: tuple[IndexType, ...] = ("textElements", "unicodeCodePoint", "utf16CodeUnit")
CONTENT_FORMATS: tuple[ContentFormat, ...] = ("text", "markdown")
READ, LAYOUT = "prebuilt-read", "prebuilt-layout"
# What Azure finds of these, and this server does not look for; the parts of its answer that are empty for that.
NOT_SOUGHT = {
    READ: {"styles": "whether text is handwritten"},
    LAYOUT: {
        "tables": "tables",
        "figures": "figures",
        "sections": "sections",
        "styles": "whether text is handwritten",
        "selectionMarks": "selection marks",
    },
}
# Features that may be asked for, and the part that each would fill; None: they change how is read, not what is found.
FEATURES = {
    "ocrHighResolution": None,
    "languages": "languages",
    "barcodes": "barcodes",
    "formulas": "formulas",
    "keyValuePairs": "keyValuePairs",
    "styleFont": "styles",
    "queryFields": "documents",
}
_BREAKS = {"text": "\n", "markdown": "\n\n<!-- PageBreak -->\n\n"}
_JOINER = "\u200d"
_WITHIN = 200  # characters in which the next word begins: the bars of a table stand between


@dataclass(frozen=True)
class ResultForm:
    """How a result is written.

    Attributes:
        model: the model that was asked for.
        index_type: what offsets and lengths count.
        content_format: of `content`.
        is_pdf: whether pages are measured in inches, not in pixels.
        features: that were asked for.
        version: of the interface.
    """

    model: str
    index_type: IndexType = "textElements"
    content_format: ContentFormat = "text"
    is_pdf: bool = False
    features: tuple[str, ...] = ()
    version: str = API_VERSIONS[0]


def analyze_result(form: ResultForm, path: Path) -> Iterator[str]:
    """`analyzeResult` as JSON, in pieces.

    Args:
        form: of it.
        path: a file with `DocumentPage.to_dict` as JSON in each line.
    """
    head = {"apiVersion": form.version, "modelId": form.model, "stringIndexType": form.index_type}
    yield json.dumps({**head, "contentFormat": form.content_format})[:-1] + ', "content": "'
    for text in _placed(form, path):
        yield json.dumps(text.before + text.content, ensure_ascii=False)[1:-1]
    yield '", "pages": ['
    yield from _list(_page(form, text) for text in _placed(form, path))
    yield '], "paragraphs": ['
    yield from _list(_paragraph(form, text, lines) for text in _placed(form, path) for lines in _paragraphs(text.page))
    empty: dict[str, list[Any]] = {
        name: [] for name in NOT_SOUGHT[form.model] if name != "selectionMarks"
    }  # those are a page's
    empty.update({part: [] for name in form.features if (part := FEATURES[name]) in ("languages", "keyValuePairs")})
    yield "], " + json.dumps({**empty, "warnings": list(_warnings(form))}, ensure_ascii=False)[1:-1] + "}"


@dataclass(frozen=True)
class _PageText:
    """One page's part of the content.

    Attributes:
        page: itself.
        before: what parts it from the page before.
        content: its text.
        start: where that begins, in the units of the index type.
        units: for each of its characters, and its end, the units before.
        words: of each line, where each word begins and ends in `content`; the two are one where it is not found.
    """

    page: DocumentPage
    before: str
    content: str
    start: int
    units: Sequence[int]
    words: Sequence[Sequence[tuple[int, int]]]

    def span(self, begin: int, end: int) -> dict[str, int]:
        return {"offset": self.start + self.units[begin], "length": self.units[end] - self.units[begin]}


def _placed(form: ResultForm, path: Path) -> Iterator[_PageText]:
    at = 0
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            page = DocumentPage.from_dict(json.loads(line))
            before = _BREAKS[form.content_format] if number else ""
            at += _units(before, form.index_type)[-1]
            content = _content(page, form.content_format)
            units = _units(content, form.index_type)
            yield _PageText(page, before, content, at, units, _found(_read(page), content))
            at += units[-1]


def _content(page: DocumentPage, content_format: ContentFormat) -> str:
    if content_format == "text":
        return "\n".join(line.text for line in _read(page).lines)
    of_pages = FORMATS["markdown"].of_pages
    assert of_pages is not None
    # As a first page, which has no comment that names it.
    return "".join(of_pages([DocumentPage(1, _read(page))], None)).strip()


def _read(page: DocumentPage) -> Page:
    assert page.page is not None, "a job with a page that was not read has no result here"
    return page.page


def _found(page: Page, content: str) -> list[list[tuple[int, int]]]:
    """Where each line's words stand. In Markdown a word may be escaped, or joined to the next line's: then nowhere."""
    found, at = [], 0
    for line in page.lines:
        words = []
        for text in _texts(line):
            begin = content.find(text, at, at + len(text) + _WITHIN)
            if begin < 0:
                words.append((at, at))
                continue
            at = begin + len(text)
            words.append((begin, at))
        found.append(words)
    return found


def _texts(line: Line) -> list[str]:
    return [word.text for word in line.words] or [line.text]


def _units(text: str, index_type: IndexType) -> list[int]:
    """The units before each character, and of the whole text.

    A text element is a character with those that combine with it, as .NET's StringInfo counts: marks, variation
    selectors, skin tones and what a zero-width joiner joins; flags are two.
    """
    if index_type == "unicodeCodePoint" or (text.isascii()):
        return list(range(len(text) + 1))
    if index_type == "utf16CodeUnit":
        return list(accumulate((1 + (ord(sign) > 0xFFFF) for sign in text), initial=0))
    return list(accumulate(_begins(text), initial=0))


def _begins(text: str) -> Iterator[int]:
    """1 for each character that begins a text element, 0 for others."""
    before, flags = "", 0
    for sign in text:
        is_flag = "\U0001f1e6" <= sign <= "\U0001f1ff"
        flags = flags + 1 if is_flag else 0
        is_continued = (
            unicodedata.category(sign) in ("Mn", "Me", "Mc")
            or sign == _JOINER
            or "\U0001f3fb" <= sign <= "\U0001f3ff"
            or (before == _JOINER and ord(sign) > 0x2000)
            or (is_flag and flags % 2 == 0)
        )
        yield 0 if is_continued and before else 1
        before = sign


def _list(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    for number, item in enumerate(items):
        yield (", " if number else "") + json.dumps(item, ensure_ascii=False)


def _page(form: ResultForm, text: _PageText) -> dict[str, Any]:
    page, scale = _read(text.page), _scale(form, text.page)
    said: dict[str, Any] = {
        "pageNumber": text.page.number,
        "angle": round(text.page.angle, 2),
        "width": _rounded(page.width * scale),
        "height": _rounded(page.height * scale),
        "unit": "inch" if form.is_pdf else "pixel",
        "words": [],
        "lines": [],
        "spans": [text.span(0, len(text.content))],
    }
    if form.model == LAYOUT:
        said["selectionMarks"] = []
    for feature in ("barcodes", "formulas"):
        if feature in form.features:
            said[feature] = []
    for line, places in zip(page.lines, text.words, strict=True):
        said["lines"].append(
            {"content": line.text, "polygon": _polygon(line.box, scale), "spans": [_whole(text, places)]}
        )
        for word, (begin, end) in zip(line.words, places, strict=False):
            said["words"].append(
                {
                    "content": word.text,
                    "polygon": _polygon(word.box, scale),
                    "confidence": round(min(max(word.score, 0.0), 1.0), 4),
                    "span": text.span(begin, end),
                }
            )
    return said


def _paragraphs(page: DocumentPage) -> Iterator[list[int]]:
    """The lines of each paragraph, by their numbers, in reading order."""
    found: dict[int, list[int]] = {}
    for number, line in enumerate(_read(page).lines):
        found.setdefault(line.paragraph, []).append(number)
    yield from found.values()


def _paragraph(form: ResultForm, text: _PageText, lines: list[int]) -> dict[str, Any]:
    spans, parts = [], []
    # Lines that follow one another are one span.
    for first, last in _runs(lines):
        begin, end = text.words[first][0][0], text.words[last][-1][1]
        spans.append(text.span(begin, max(begin, end)))
        parts.append(text.content[begin:end])
    corners = [point for number in lines for point in _read(text.page).lines[number].box]
    left, top = (min(point[axis] for point in corners) for axis in (0, 1))
    right, below = (max(point[axis] for point in corners) for axis in (0, 1))
    outline = _polygon(((left, top), (right, top), (right, below), (left, below)), _scale(form, text.page))
    return {
        "content": "\n".join(parts),
        "boundingRegions": [{"pageNumber": text.page.number, "polygon": outline}],
        "spans": spans,
    }


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    first = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1:
            yield first, last
            first = number
        last = number
    yield first, last


def _whole(text: _PageText, places: Sequence[tuple[int, int]]) -> dict[str, int]:
    return text.span(places[0][0], max(places[0][0], places[-1][1]))


def _scale(form: ResultForm, page: DocumentPage) -> float:
    return 1 / page.dpi if form.is_pdf and page.dpi else 1.0


def _polygon(box: Iterable[tuple[float, float]], scale: float) -> list[float]:
    return [_rounded(value * scale) for point in box for value in point]


def _rounded(value: float) -> float:
    rounded = round(value, 4)
    return int(rounded) if rounded == int(rounded) else rounded


def _warnings(form: ResultForm) -> Iterator[dict[str, str]]:
    for part, what in NOT_SOUGHT[form.model].items():
        yield {"code": "NotSought", "message": f"this server does not look for {what}; {part} is empty", "target": part}
    for feature in form.features:
        if empty := FEATURES[feature]:
            message = f"this server has no feature {feature}; {empty} is empty"
            yield {"code": "NotSought", "message": message, "target": feature}

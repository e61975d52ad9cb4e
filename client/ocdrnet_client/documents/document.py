"""The results of one file of several pages: Document -> DocumentPage -> Page."""

from __future__ import annotations

import base64
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ocdrnet_client.errors import OcdrnetError, UnexpectedResponseError
from ocdrnet_client.results import Page

TextSource: TypeAlias = Literal["ocr", "text_layer"]
POINTS_PER_INCH = 72
# Bytes in which "%PDF-" may begin, as readers have it (ISO 32000-1, annex H.3.4.1).
SIGNATURE_WITHIN = 1024


def is_pdf(head: bytes) -> bool:
    """Whether a file is a PDF by its first `SIGNATURE_WITHIN` bytes; it may be given whole."""
    return b"%PDF-" in head[:SIGNATURE_WITHIN]


@dataclass(frozen=True)
class DocumentPage:
    """One page of a file: what it says, or the error that took its place; never both.

    Attributes:
        number: its place in the file, from 1.
        page: what it says, with boxes in pixels of the rendered page; None if it failed.
        error: why it failed, None if it was read.
        dpi: pixels per inch of `page`: as rendered, or as the image file says; 0 where nothing says it.
        text_source: `ocr`, or `text_layer` where the words are those that the PDF itself holds.
        seconds: from the rendering to the answer.
        preview: a JPEG of the page; empty unless it was asked for.
    """

    number: int
    page: Page | None = None
    error: OcdrnetError | None = None
    dpi: float = 0
    text_source: TextSource = "ocr"
    seconds: float = 0
    preview: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if (self.page is None) == (self.error is None):
            raise ValueError("a page of a document is either read or an error")

    @property
    def angle(self) -> float:
        """Degrees, clockwise, -180 to 180, by which most text is turned; 0 where there is none."""
        return text_angle(self.page) if self.page else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the page's own keys, after those of its place in the document; `preview` in base64."""
        place: dict[str, Any] = {
            "page": self.number,
            "dpi": round(self.dpi, 2),
            "angle": round(self.angle, 1),
            "text_source": self.text_source,
            "seconds": round(self.seconds, 3),
        }
        if self.preview:
            place["preview"] = base64.b64encode(self.preview).decode()
        return {**place, **self.page.to_dict()} if self.page else {**place, "error": str(self.error)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DocumentPage:
        """The inverse of `to_dict`; an error comes back as an `OcdrnetError`.

        Raises:
            UnexpectedResponseError: a key is missing or a value is of the wrong kind.
        """
        try:
            error = OcdrnetError(data["error"]) if "error" in data else None
            page = None if error else Page.from_dict(data)
            source: TextSource = "text_layer" if data["text_source"] == "text_layer" else "ocr"
            preview = base64.b64decode(data.get("preview", ""))
            return cls(int(data["page"]), page, error, float(data["dpi"]), source, float(data["seconds"]), preview)
        except (KeyError, TypeError, ValueError) as fault:
            raise UnexpectedResponseError(f"not a page of a document as to_dict writes it: {fault}") from fault


@dataclass(frozen=True)
class Document:
    """All pages that were asked for, in the order of the file.

    Attributes:
        name: the file's name, None where the document came as bytes.
        pages: the pages.
        page_count: pages that the file has, of which fewer may have been asked for.
        seconds: from the opening to the last page.
    """

    name: str | None
    pages: tuple[DocumentPage, ...]
    page_count: int
    seconds: float = 0

    @property
    def text(self) -> str:
        """The pages' text with a form feed between them, as pdftotext writes it; nothing for a page that failed."""
        return "\f".join(each.page.text if each.page else "" for each in self.pages)

    @property
    def errors(self) -> Mapping[int, OcdrnetError]:
        """What failed, by page number."""
        return {each.number: each.error for each in self.pages if each.error}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the pages, and counts of pages, lines and words."""
        read = [each.page for each in self.pages if each.page]
        return {
            "document": self.name,
            "page_count": self.page_count,
            "pages_read": len(read),
            "lines": sum(len(page.lines) for page in read),
            "words": sum(len(line.words) for page in read for line in page.lines),
            "seconds": round(self.seconds, 3),
            "pages": [each.to_dict() for each in self.pages],
        }


def text_angle(page: Page) -> float:
    """Degrees, clockwise, -180 to 180, by which most text of a page is turned: the median of its longer lines' angles.

    The median is that of the differences to the longest line's angle, so that lines at -179 and 179 degrees agree.
    """
    angles = []
    for line in page.lines:
        (left, top), (right, below), *_ = line.box
        angles.append((math.hypot(right - left, below - top), math.degrees(math.atan2(below - top, right - left))))
    if not angles:
        return 0.0
    longest, base = max(angles)
    off = [(angle - base + 180) % 360 - 180 for length, angle in angles if length >= longest / 2]
    return (base + statistics.median(off) + 180) % 360 - 180

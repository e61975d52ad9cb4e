"""The formats that a document's result is written in: their names, files, media types, and what writes them.

All of these are text. The searchable PDF is none of them: it is made from the original file (`searchable_pdf`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from ocdrnet_client.documents.alto import alto_of
from ocdrnet_client.documents.document import Document, DocumentPage
from ocdrnet_client.documents.hocr import hocr_of
from ocdrnet_client.documents.markdown import markdown_of
from ocdrnet_client.documents.tsv import tsv_of

PagesWriter: TypeAlias = Callable[[Iterable[DocumentPage], str | None], Iterator[str]]


@dataclass(frozen=True)
class Format:
    """One format of a result, as text in UTF-8.

    Attributes:
        name: what a caller asks for.
        suffix: of a file in this format, with its dot.
        media_type: for HTTP, with the charset where the type has one.
        of_pages: writes it page by page from the pages and the file's name, so that memory stays flat whatever their
            number; None where all pages must be there first.
    """

    name: str
    suffix: str
    media_type: str
    of_pages: PagesWriter | None

    @property
    def is_streamed(self) -> bool:
        """Whether it can be written while pages are still being read."""
        return self.of_pages is not None

    def of_document(self, document: Document) -> Iterator[str]:
        """A whole document, in pieces."""
        if self.of_pages is None:
            return iter([_json(document.to_dict(), indent=2)])
        return self.of_pages(document.pages, document.name)


def text_of(pages: Iterable[DocumentPage], _name: str | None) -> Iterator[str]:
    """`Document.text`, with a line break at its end."""
    for index, page in enumerate(pages):
        yield ("\f" if index else "") + (page.page.text if page.page else "")
    yield "\n"


def jsonl_of(pages: Iterable[DocumentPage], _name: str | None) -> Iterator[str]:
    """`DocumentPage.to_dict` of each page, a line for each; one that failed has the key `error`."""
    for page in pages:
        yield _json(page.to_dict())


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent) + "\n"


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        each.name: each
        for each in (
            Format("text", ".txt", "text/plain; charset=utf-8", text_of),
            Format("json", ".json", "application/json", None),  # its counts stand before its pages
            Format("jsonl", ".jsonl", "application/x-ndjson", jsonl_of),
            Format("markdown", ".md", "text/markdown; charset=utf-8", markdown_of),
            Format("tsv", ".tsv", "text/tab-separated-values; charset=utf-8", tsv_of),
            Format("hocr", ".hocr", "application/xhtml+xml", hocr_of),
            Format("alto", ".alto.xml", "application/xml", alto_of),
        )
    }
)

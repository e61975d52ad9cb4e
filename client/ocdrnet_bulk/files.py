"""A file for each image or document, where the format of the output asks for one: text, hOCR, searchable PDF ..."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any
from urllib.parse import quote

from ocdrnet_bulk.errors import BulkError, writing
from ocdrnet_bulk.journal import Record
from ocdrnet_bulk.sources import ImageSource, is_url
from ocdrnet_bulk.store import Store
from ocdrnet_client.documents.document import Document, DocumentPage
from ocdrnet_client.documents.formats import FORMATS
from ocdrnet_client.documents.opened import OpenDocument
from ocdrnet_client.errors import OcdrnetError
from ocdrnet_client.results import Page

PDF = "pdf"
FILE_FORMATS = (*(name for name in FORMATS if name != "jsonl"), PDF)
_LONGEST_NAME = 255  # bytes of a file's name on most file systems


class FileMaker:
    """Makes the files below `files/` in the output."""

    def __init__(self, store: Store, source: ImageSource, format_name: str, password: str) -> None:
        """Make one.

        Args:
            store: the output.
            source: of the originals, from which searchable PDFs are made.
            format_name: of `FILE_FORMATS`.
            password: of encrypted PDFs.
        """
        self._store, self._source, self._format, self._password = store, source, format_name, password
        self._suffix = ".pdf" if format_name == PDF else FORMATS[format_name].suffix

    def name(self, entry: str) -> str:
        """The file's name in the output: the entry's with the format's suffix behind it, another one for each entry."""
        is_below = not is_url(entry) and not os.path.isabs(entry) and ".." not in entry.split("/")
        # What is no path below the source is one name, with its slashes as %2F.
        *folders, last = entry.split("/") if is_below else [quote(entry, safe="", errors="surrogateescape")]
        return "/".join(["files", *folders, _shortened(last, self._suffix)]).encode(errors="backslashreplace").decode()

    def make(self, entry: str, records: Iterable[Record]) -> Record:
        """Make an entry's file, whole or not at all, and say so.

        Args:
            entry: of the list.
            records: of its image or pages.

        Raises:
            OutputError: the output cannot be written.
        """
        name, making = self.name(entry), self._store.work / f"file.{os.getpid()}.tmp"
        following = iter(records)
        first = next(following)
        every = chain([first], following)
        try:
            with writing(making):
                if self._format == PDF:
                    making.write_bytes(self._searchable(entry, map(_page, every)))
                else:
                    with making.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
                        file.writelines(self._text(entry, first, every))
        except BulkError:
            raise
        except OcdrnetError as error:
            return Record(entry, error=type(error).__name__, reason=str(error), file=name)
        self._store.publish(making, name)
        return Record(entry, file=name)

    def _text(self, entry: str, first: Record, records: Iterable[Record]) -> Iterator[str]:
        write = FORMATS[self._format].of_pages
        if write is not None:
            return write(map(_page, records), entry)
        # As the results have it: without times, so that a second run writes the same.
        if first.number == 0:
            return iter([json.dumps(first.page, ensure_ascii=False) + "\n"])
        said = Document(entry, tuple(map(_page, records)), first.page_count).to_dict()
        said["pages"] = [_without_seconds(page) for page in said["pages"]]
        return iter([json.dumps(_without_seconds(said), ensure_ascii=False) + "\n"])

    def _searchable(self, entry: str, pages: Iterator[DocumentPage]) -> bytes:
        # By a process with limits, since documents are hostile.
        with OpenDocument(self._source.file(entry), text_layer="ocr", password=self._password) as document:
            return document.searchable(pages)


def _shortened(name: str, suffix: str) -> str:
    spare = _LONGEST_NAME - len(suffix)
    encoded = name.encode(errors="surrogateescape")
    if len(encoded) <= spare:
        return name + suffix
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    return encoded[: spare - 17].decode(errors="ignore") + "-" + digest + suffix


def _page(record: Record) -> DocumentPage:
    if record.page is None:
        return DocumentPage(record.number, error=OcdrnetError(record.reason))
    if not record.number:
        return DocumentPage(1, Page.from_dict(record.page))
    return DocumentPage.from_dict({**record.page, "seconds": 0})


def _without_seconds(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != "seconds"}

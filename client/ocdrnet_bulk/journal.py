"""What a shard has done so far: a line per image or page, in the order of its list; a killed run goes on there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ocdrnet_bulk.errors import writing


@dataclass(frozen=True)
class Record:
    """What became of an image or of a document's page: its text, or its failure; or of the file that is made of it.

    Attributes:
        image: the entry in the list.
        page: as the results have it; None if it failed, and for a file.
        error: the failure's class, empty if there was none.
        reason: in words, likewise.
        number: of a document's page, from 1; 0 for an image, and for a document that cannot be opened.
        page_count: pages of the document; 0 where `number` is.
        left: records of the same entry that follow.
        file: name of the file made of the entry, in the output.
    """

    image: str
    page: dict[str, Any] | None = None
    error: str = ""
    reason: str = ""
    number: int = 0
    page_count: int = 0
    left: int = 0
    file: str = ""

    def to_failure(self) -> dict[str, str | int]:
        """A line of the list of failures."""
        place = {"page": self.number, "page_count": self.page_count} if self.number else {}
        file = {"file": self.file} if self.file else {}
        return {"image": self.image, **place, **file, "error": self.error, "reason": self.reason}


class Journal:
    """An append-only file; a kill may cut its last line short, which is then dropped.

    Attributes:
        read: images and pages that were.
        failed: records of failures.
        finished: entries of the list of which all records are there.
        last: the latest record, None if there is none; one more of its entry is to come where it has some `left`.
    """

    def __init__(self, path: Path, begun: str) -> None:
        """Open, and find what is there.

        Args:
            path: of the file.
            begun: names the work; a file of other work is begun anew.

        Raises:
            OutputError: it cannot be written.
        """
        self._path = path
        self._header = json.dumps(begun).encode() + b"\n"
        with writing(path):
            self._file = path.open("a+b")
            with self._closed_on_error():
                self._take_up()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, record: Record) -> None:
        """Append; what is written survives a kill of this process.

        Raises:
            OutputError: the disk is full.
        """
        line = json.dumps(vars(record)).encode("ascii") + b"\n"
        with writing(self._path), self._closed_on_error():
            self._file.write(line)
            self._file.flush()
        self._count(record, len(line))

    def records(self) -> Iterator[Record]:
        """All so far, streamed."""
        return self._records_from(len(self._header))

    def records_of_entry(self) -> Iterator[Record]:
        """Those of the entry that is not finished, streamed."""
        return self._records_from(self._entry)

    def remove(self) -> None:
        """Close and delete."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _records_from(self, offset: int) -> Iterator[Record]:
        with self._path.open("rb") as lines:
            lines.seek(offset)
            for line in lines:
                yield Record(**json.loads(line))

    def _take_up(self) -> None:
        """Cut the file behind its last whole line, and count what is there."""
        self.read = self.failed = self.finished = 0
        self.last: Record | None = None
        self._entry = self._end = len(self._header)  # offsets: the unfinished entry's first record, the file's end
        self._file.seek(0)
        if self._file.readline() != self._header:
            self._file.truncate(0)
            self._file.write(self._header)
            self._file.flush()
            return
        for line in self._file:
            if not _is_whole(line):
                break
            self._count(Record(**json.loads(line)), len(line))
        self._file.truncate(self._end)

    def _count(self, record: Record, size: int) -> None:
        self._end += size
        self.read += record.page is not None
        self.failed += bool(record.error)
        self.last = record
        if not record.left:
            self.finished += 1
            self._entry = self._end

    @contextlib.contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        """What could not be written is still in the file's buffer, and would fail once more when that is closed."""
        try:
            yield
        except OSError:
            with contextlib.suppress(OSError):
                self._file.close()
            raise


def _is_whole(line: bytes) -> bool:
    # After a power cut a file may hold zeros where lines were.
    return line.endswith(b"}\n") and line.startswith(b"{")

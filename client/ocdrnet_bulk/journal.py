"""What a shard has done so far: a line per image, in the order of its list, so that a killed run goes on there."""

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
    """What became of one image: its page, or its failure.

    Attributes:
        image: the image's entry in the list.
        page: as `Page.to_dict` has it; None if it failed.
        error: the failure's class, empty if it was read.
        reason: in words, likewise.
    """

    image: str
    page: dict[str, Any] | None = None
    error: str = ""
    reason: str = ""

    def to_failure(self) -> dict[str, str]:
        """A line of the list of failures."""
        return {"image": self.image, "error": self.error, "reason": self.reason}


class Journal:
    """An append-only file; a kill may cut its last line short, which is then dropped."""

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
                self.done, self.failed = self._kept()

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
        self.done += 1
        self.failed += record.page is None

    def records(self) -> Iterator[Record]:
        """All so far, streamed."""
        with self._path.open("rb") as lines:
            next(lines)
            for line in lines:
                yield Record(**json.loads(line))

    def remove(self) -> None:
        """Close and delete."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _kept(self) -> tuple[int, int]:
        """Cut the file behind its last whole line; images done, and how many of them failed."""
        self._file.seek(0)
        if self._file.readline() != self._header:
            self._file.truncate(0)
            self._file.write(self._header)
            self._file.flush()
            return 0, 0
        end, done, failed = len(self._header), 0, 0
        for line in self._file:
            if not _is_whole(line):
                break
            end, done, failed = end + len(line), done + 1, failed + (json.loads(line)["page"] is None)
        self._file.truncate(end)
        return done, failed

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

"""Result files of a shard and how they are read back: JSON lines here, Parquet in `parquet`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ocdrnet_bulk.errors import BulkError


class ResultFormat(Protocol):
    """How images and pages of documents are stored."""

    @property
    def suffix(self) -> str:
        """Of the files, with its dot."""
        ...

    def write(self, pages: Iterable[dict[str, Any]], path: Path) -> None:
        """Write pages, as `reading.Reader` makes them, streamed."""
        ...

    def read(self, path: Path) -> Iterator[dict[str, Any]]:
        """The pages, in their order, streamed."""
        ...


@dataclass(frozen=True)
class JsonLines:
    """The object of `ocdrnet read --format jsonl`, one a line."""

    suffix: str = ".jsonl"

    def write(self, pages: Iterable[dict[str, Any]], path: Path) -> None:
        """UTF-8; a name that is no valid UTF-8 is escaped."""
        write_lines(pages, path)

    def read(self, path: Path) -> Iterator[dict[str, Any]]:
        """Line by line."""
        return read_lines(path)


def result_format(name: str) -> ResultFormat:
    """The format of a name; JSON lines where a file is made of each entry besides.

    Raises:
        BulkError: its package is missing or does not fit.
    """
    if name != "parquet":
        return JsonLines()
    try:
        from ocdrnet_bulk.parquet import Parquet  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise BulkError(f"--format parquet needs pyarrow ({error}): pip install 'ocdrnet[bulk]'") from error
    return Parquet()


def write_lines(objects: Iterable[dict[str, Any]], path: Path) -> None:
    """One JSON object a line."""
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(f"{json.dumps(line, ensure_ascii=False)}\n" for line in objects)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The inverse of `write_lines`."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)

"""All pictures of a source, sorted and each once, in a temporary table on disk rather than in memory."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType

from ocdrnet_client.bulk.errors import OutputError, writing

_BATCH = 10_000
# KiB, negative as SQLite wants it; enough that inserts in no order stay quick.
_CACHE = -65_536


class Listing:
    """Names of pictures; memory stays the same whether there are a hundred or a hundred million."""

    def __init__(self, path: Path) -> None:
        """Make the table.

        Raises:
            OutputError: the disk is full.
        """
        self._path = path
        with writing(path), self._own_errors():
            path.unlink(missing_ok=True)
            self._table = sqlite3.connect(path, isolation_level=None)
            # A table that a crash spoils is made anew.
            self._table.execute("PRAGMA journal_mode = OFF")
            self._table.execute("PRAGMA synchronous = OFF")
            self._table.execute(f"PRAGMA cache_size = {_CACHE}")
            self._table.execute("CREATE TABLE pictures (name BLOB PRIMARY KEY) WITHOUT ROWID")

    def __enter__(self) -> Listing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._table.close()
        self._path.unlink(missing_ok=True)

    def add_all(self, names: Iterable[str]) -> int:
        """Add names, and count all that differ.

        Raises:
            OutputError: the disk is full.
        """
        rows = ((os.fsencode(name),) for name in names)
        with self._own_errors():
            while batch := list(islice(rows, _BATCH)):
                self._table.executemany("INSERT OR IGNORE INTO pictures VALUES (?)", batch)
            return int(self._table.execute("SELECT COUNT(*) FROM pictures").fetchone()[0])

    def names(self) -> Iterator[str]:
        """All names, sorted by their bytes."""
        with self._own_errors():
            for (name,) in self._table.execute("SELECT name FROM pictures ORDER BY name"):
                yield os.fsdecode(name)

    @contextlib.contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise OutputError(f"cannot write {self._path}: {error}") from error


def write_names(names: Iterable[str], path: Path) -> None:
    """One JSON string a line: a name may hold a line break or bytes that are no UTF-8.

    Raises:
        OutputError: the disk is full.
    """
    with writing(path), path.open("w", encoding="ascii") as file:
        file.writelines(f"{json.dumps(name)}\n" for name in names)


def read_names(path: Path) -> Iterator[str]:
    """The inverse of `write_names`, streamed."""
    with path.open(encoding="ascii") as file:
        for line in file:
            yield str(json.loads(line))

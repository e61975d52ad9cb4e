"""Where images and documents come from: a folder, a glob, a list of paths, or the URL of any of these."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, BinaryIO, Protocol, cast

from ocdrnet_bulk.errors import OutputError, SourceError, writing
from ocdrnet_client.image_files import LeftOut


class ImageSource(Protocol):
    """A source of images and documents; an entry is a file's path below the source, its name in the output.

    Attributes:
        name: the source, absolute, so that a later run from another folder means the same.
        digest: of a list's content; None where the source is no list.
        left_out: what `entries` passed over so far.
    """

    name: str
    digest: str | None
    left_out: LeftOut

    def entries(self) -> Iterator[str]:
        """All images, streamed, in any order; one may come twice.

        Raises:
            SourceError: the source cannot be listed.
        """
        ...

    def file(self, entry: str) -> Path | bytes:
        """An image or document: its path where it is local, else its bytes; may be called from many threads.

        Raises:
            InvalidRequestError: it cannot be read.
        """
        ...


def is_url(text: str) -> bool:
    """Whether a text is a URL rather than a local path."""
    return "://" in text


def is_image(path: str, left_out: LeftOut) -> bool:
    """Whether a file found below a prefix is to be read; one that is not is counted."""
    *folders, name = PurePosixPath(path).parts
    if any(folder.startswith(".") for folder in folders):
        left_out.hidden += 1
        return False
    return left_out.takes(name)


def list_encoding(start: bytes) -> str:
    """The encoding of a list by its first bytes: UTF-8, with a byte order mark or without, or UTF-16."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark: paths are mostly ASCII, of which UTF-16 has every other byte zero.
    if len(start) >= 2 and b"\0" in start[:2]:
        return "utf-16-be" if start[0] == 0 else "utf-16-le"
    return "utf-8-sig"


def list_entries(file: IO[bytes], name: str) -> Iterator[str]:
    """The entries of a list: its lines that are not blank; a path is written one way only, `a` for `./a`.

    Raises:
        SourceError: the bytes are no text.
    """
    start = file.read(2)
    file.seek(0)
    encoding = list_encoding(start)
    # A name that is no valid UTF-8 is a name all the same.
    errors = "surrogateescape" if encoding == "utf-8-sig" else "strict"
    with io.TextIOWrapper(cast(BinaryIO, file), encoding=encoding, errors=errors) as lines:
        try:
            for line in lines:
                if line.strip():
                    yield _one_spelling(line.rstrip("\r\n"))
        except UnicodeError as error:
            raise SourceError(f"{name} is no text in UTF-8 or UTF-16: {error}") from error


def _one_spelling(entry: str) -> str:
    return entry if is_url(entry) else PurePosixPath(entry).as_posix()


_BATCH = 10_000
# KiB, negative as SQLite wants it; enough that inserts in no order stay quick.
_CACHE = -65_536


class Listing:
    """Names of images; memory stays the same whether there are a hundred or a hundred million."""

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
            self._table.execute("CREATE TABLE images (name BLOB PRIMARY KEY) WITHOUT ROWID")

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
                self._table.executemany("INSERT OR IGNORE INTO images VALUES (?)", batch)
            return int(self._table.execute("SELECT COUNT(*) FROM images").fetchone()[0])

    def names(self) -> Iterator[str]:
        """All names, sorted by their bytes."""
        with self._own_errors():
            for (name,) in self._table.execute("SELECT name FROM images ORDER BY name"):
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

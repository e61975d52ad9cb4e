"""Where the pictures come from: a folder, a glob, a text file of paths, or the URL of any of these."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Protocol, cast

from ocdrnet_client.bulk.errors import SourceError
from ocdrnet_client.commands.picture_files import LeftOut


class PictureSource(Protocol):
    """A source of pictures; an entry is a picture's path below the source, its name in the output.

    Attributes:
        name: the source, absolute, so that a later run from another folder means the same.
        digest: of a list's content; None where the source is no list.
        left_out: what `entries` passed over so far.
    """

    name: str
    digest: str | None
    left_out: LeftOut

    def entries(self) -> Iterator[str]:
        """All pictures, streamed, in any order; one may come twice.

        Raises:
            SourceError: the source cannot be listed.
        """
        ...

    def read(self, entry: str) -> bytes:
        """A picture's bytes; may be called from many threads.

        Raises:
            InvalidRequestError: it cannot be read.
        """
        ...


def is_url(text: str) -> bool:
    """Whether a text is a URL rather than a local path."""
    return "://" in text


def is_picture(path: str, left_out: LeftOut) -> bool:
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

"""Where the pictures come from: a folder, a glob, a text file of paths, or the URL of any of these."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Protocol

from ocdrnet_client.commands.picture_files import SUFFIXES


class PictureSource(Protocol):
    """A source of pictures; an entry is a picture's path below the source, its name in the output.

    Attributes:
        name: the source, absolute, so that a later run from another folder means the same.
        digest: of a list's content; None where the source is no list.
    """

    name: str
    digest: str | None

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


def is_picture(path: str) -> bool:
    """Whether a file found in a folder is to be read: no hidden one, and none of an earlier run's overlays."""
    parts = PurePosixPath(path)
    hidden = any(part.startswith(".") for part in parts.parts)
    return not hidden and parts.suffix.lower() in SUFFIXES and not parts.stem.endswith(".overlay")

"""Pictures in local files."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from ocdrnet_client.bulk.errors import SourceError
from ocdrnet_client.bulk.remote_files import read_url
from ocdrnet_client.bulk.sources import PictureSource, is_url, list_entries
from ocdrnet_client.commands.picture_files import SUFFIXES, LeftOut
from ocdrnet_client.images import encoded_image


def local_source(argument: str) -> PictureSource:
    """The source that a local path names.

    Raises:
        SourceError: it is no folder, glob or list.
    """
    path = Path(os.path.abspath(argument))
    if path.is_dir():
        return FolderSource(path)
    if path.is_file():
        if path.suffix.lower() in SUFFIXES:
            raise SourceError(f"{argument} is one picture; give a folder, a glob or a list, or use `ocdrnet read`")
        return ListSource(path)
    if glob.has_magic(argument):
        return GlobSource(str(path))
    raise SourceError(f"{argument} is no folder, no file and no glob")


class _LocalFiles:
    digest: str | None = None

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.left_out = LeftOut()
        self._root = root

    def read(self, entry: str) -> bytes:
        """The file's bytes; an entry may be a URL or absolute."""
        return read_url(entry) if is_url(entry) else encoded_image(self._root / entry)


class FolderSource(_LocalFiles):
    """The pictures of a folder at any depth, hidden ones left out."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), folder)

    def entries(self) -> Iterator[str]:
        """Streamed: a folder of millions of files is never held as a list."""
        waiting = [self._root]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(folder) as found:
                    for item in found:
                        if not item.name.startswith(".") and item.is_dir():
                            self._descend(Path(item.path), item.is_symlink(), waiting)
                        elif self.left_out.takes(item.name):
                            yield os.path.relpath(item.path, self._root)
            except OSError as error:
                raise SourceError(f"cannot list {folder}: {error.strerror or error}") from error

    def _descend(self, folder: Path, is_link: bool, waiting: list[Path]) -> None:
        # A link to a folder may lead in a circle.
        if is_link:
            self.left_out.links.append(str(folder))
        else:
            waiting.append(folder)


class GlobSource(_LocalFiles):
    """The files that match a pattern, whatever their suffix; `**` stands for folders at any depth."""

    def __init__(self, pattern: str) -> None:
        root = Path(pattern)
        while glob.has_magic(str(root)):
            root = root.parent
        super().__init__(pattern, root)

    def entries(self) -> Iterator[str]:
        """Relative to the last folder before the first wildcard."""
        for match in glob.iglob(self.name, recursive=True):
            if os.path.isfile(match):
                yield os.path.relpath(match, self._root)


class ListSource(_LocalFiles):
    """The paths and URLs in a text file, one a line, UTF-8 or UTF-16; relative ones start at its folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), path.parent)
        self._path = path
        self.digest = self._digest()

    def entries(self) -> Iterator[str]:
        """The lines that are not blank, streamed."""
        try:
            with self._path.open("rb") as file:
                yield from list_entries(file, self.name)
        except OSError as error:
            raise SourceError(f"cannot read {self._path}: {error.strerror or error}") from error

    def _digest(self) -> str:
        hashed = hashlib.sha256()
        try:
            with self._path.open("rb") as file:
                while block := file.read(1 << 20):
                    hashed.update(block)
        except OSError as error:
            raise SourceError(f"cannot read {self._path}: {error.strerror or error}") from error
        return hashed.hexdigest()

"""The files of a source: local ones, and those behind a URL by fsspec."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from ocdrnet_bulk.errors import BulkError, SourceError
from ocdrnet_bulk.sources import ImageSource, is_image, is_url, list_entries
from ocdrnet_bulk.store import LocalStore, RemoteStore, Store
from ocdrnet_client.errors import InvalidRequestError
from ocdrnet_client.image_files import WITH_DOCUMENTS, LeftOut


def open_filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it.

    Raises:
        BulkError: the scheme is unknown, or what it needs is not installed.
    """
    try:
        import fsspec  # noqa: PLC0415 -- an extra, and slow to import

        filesystem, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise BulkError(f"{url} needs more packages ({error}): pip install 'ocdrnet[bulk]'") from error
    except (OSError, ValueError, TypeError) as error:
        raise BulkError(f"{url} cannot be opened: {error}") from error
    return filesystem, str(path).rstrip("/")


@lru_cache(maxsize=64)
def _filesystem_of(start: str) -> Any:  # noqa: ANN401 -- fsspec has no types
    return open_filesystem(start)[0]


def read_url(url: str) -> bytes:
    """An image's bytes.

    Raises:
        InvalidRequestError: it cannot be read.
    """
    scheme, _, rest = url.partition("://")
    try:
        return read_remote(_filesystem_of(f"{scheme}://{rest.partition('/')[0]}/"), url)
    except BulkError as error:
        raise InvalidRequestError(str(error)) from error


def read_remote(filesystem: Any, path: str) -> bytes:  # noqa: ANN401
    """The bytes of one object.

    Raises:
        InvalidRequestError: it cannot be read, or is empty.
    """
    try:
        data = bytes(filesystem.cat_file(path))
    # Each file system has an exception tree of its own, botocore's among them.
    except Exception as error:
        raise InvalidRequestError(f"cannot read {path}: {error}") from error
    if not data:
        raise InvalidRequestError("the image is empty (0 bytes)")
    return data


def local_source(argument: str) -> ImageSource:
    """The source that a local path names.

    Raises:
        SourceError: it is no folder, glob or list.
    """
    path = Path(os.path.abspath(argument))
    if path.is_dir():
        return FolderSource(path)
    if path.is_file():
        if path.suffix.lower() in WITH_DOCUMENTS:
            raise SourceError(
                f"{argument} is one image or document; give a folder, a glob or a list, or use `ocdrnet read`"
            )
        return ListSource(path)
    if glob.has_magic(argument):
        return GlobSource(str(path))
    raise SourceError(f"{argument} is no folder, no file and no glob")


class _LocalFiles:
    digest: str | None = None

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.left_out = LeftOut(suffixes=WITH_DOCUMENTS)
        self._root = root

    def file(self, entry: str) -> Path | bytes:
        """The file's path; the bytes where the entry is a URL."""
        return read_url(entry) if is_url(entry) else self._root / entry


class FolderSource(_LocalFiles):
    """The images and documents of a folder at any depth, hidden ones left out."""

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


_MAGIC = re.compile(r"[*?\[]")


def remote_source(url: str) -> ImageSource:
    """The source that a URL names: a list where it is an object, else a glob or all that is below it.

    Raises:
        BulkError: the URL cannot be opened.
    """
    filesystem, path = open_filesystem(url)
    if _MAGIC.search(path):
        return RemoteFolder(url, filesystem, _MAGIC.split(path)[0].rpartition("/")[0], path)
    try:
        is_list = filesystem.isfile(path)
    except Exception as error:
        raise SourceError(f"cannot open {url}: {error}") from error
    return RemoteList(url, filesystem, path) if is_list else RemoteFolder(url, filesystem, path)


class RemoteFolder:
    """All images below a path, or all objects there that match a pattern."""

    digest: str | None = None

    def __init__(self, name: str, filesystem: Any, root: str, pattern: str | None = None) -> None:  # noqa: ANN401
        self.name = name
        self.left_out = LeftOut(suffixes=WITH_DOCUMENTS)
        self._filesystem = filesystem
        self._root = root
        self._pattern = re.compile(_translated(pattern)) if pattern else None

    def entries(self) -> Iterator[str]:
        """Relative to the URL, or to the last folder before the first wildcard."""
        try:
            for path in self._paths():
                entry = path[len(self._root) :].lstrip("/")
                if self._pattern.fullmatch(path) if self._pattern else is_image(entry, self.left_out):
                    yield entry
        except SourceError:
            raise
        except Exception as error:
            raise SourceError(f"cannot list {self.name}: {error}") from error

    def file(self, entry: str) -> bytes:
        """The object's bytes."""
        return read_remote(self._filesystem, f"{self._root}/{entry}")

    def _paths(self) -> Iterator[str]:
        if hasattr(self._filesystem, "call_s3"):
            return self._s3_paths()
        walked = self._filesystem.walk(self._root, on_error="raise")
        return (f"{folder}/{name}" for folder, _folders, names in walked for name in names)

    def _s3_paths(self) -> Iterator[str]:
        """A page of 1,000 at a time: s3fs's own listings hold all of a prefix in memory."""
        bucket, _, prefix = self._root.partition("/")
        query = {"Bucket": bucket, "Prefix": f"{prefix}/" if prefix else ""}
        while True:
            page = self._filesystem.call_s3("list_objects_v2", **query)
            for item in page.get("Contents", ()):
                if not item["Key"].endswith("/"):
                    yield f"{bucket}/{item['Key']}"
            if not page.get("IsTruncated"):
                return
            query["ContinuationToken"] = page["NextContinuationToken"]


class RemoteList:
    """The paths and URLs in a text object, one a line, UTF-8 or UTF-16; relative ones start at its folder."""

    def __init__(self, name: str, filesystem: Any, path: str) -> None:  # noqa: ANN401
        self.name = name
        self.left_out = LeftOut(suffixes=WITH_DOCUMENTS)
        self._filesystem = filesystem
        self._path = path
        self._root = path.rpartition("/")[0]
        hashed = hashlib.sha256()
        for line in self._lines():
            hashed.update(line)
        self.digest: str | None = hashed.hexdigest()

    def entries(self) -> Iterator[str]:
        """The lines that are not blank, streamed."""
        try:
            with self._filesystem.open(self._path, "rb") as file:
                yield from list_entries(file, self.name)
        except SourceError:
            raise
        except Exception as error:
            raise SourceError(f"cannot read {self.name}: {error}") from error

    def file(self, entry: str) -> bytes:
        """The bytes of an object; an entry may be a URL."""
        return read_url(entry) if is_url(entry) else read_remote(self._filesystem, f"{self._root}/{entry}")

    def _lines(self) -> Iterator[bytes]:
        try:
            with self._filesystem.open(self._path, "rb") as lines:
                yield from lines
        except Exception as error:
            raise SourceError(f"cannot read {self.name}: {error}") from error


def _translated(pattern: str) -> str:
    from fsspec.utils import glob_translate  # noqa: PLC0415 -- an extra

    return str(glob_translate(pattern))


def open_source(argument: str) -> ImageSource:
    """The images that a command line names.

    Raises:
        BulkError: nothing is there, or it cannot be opened.
    """
    argument = _without_file_scheme(argument)
    return remote_source(argument) if is_url(argument) else local_source(argument)


def open_store(argument: str) -> Store:
    """The output that a command line names; it need not exist yet.

    Raises:
        BulkError: it cannot be opened.
    """
    argument = _without_file_scheme(argument)
    if not is_url(argument):
        return LocalStore(Path(os.path.abspath(argument)))
    return RemoteStore(argument.rstrip("/"), *open_filesystem(argument))


def _without_file_scheme(argument: str) -> str:
    return argument.removeprefix("file://")

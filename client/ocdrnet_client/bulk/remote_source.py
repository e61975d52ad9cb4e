"""Pictures behind a URL: S3-compatible stores, and whatever else fsspec knows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from ocdrnet_client.bulk.errors import SourceError
from ocdrnet_client.bulk.remote_files import open_filesystem, read_remote, read_url
from ocdrnet_client.bulk.sources import PictureSource, is_picture, is_url, list_entries
from ocdrnet_client.commands.picture_files import LeftOut

_MAGIC = re.compile(r"[*?\[]")


def remote_source(url: str) -> PictureSource:
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
    """All pictures below a path, or all objects there that match a pattern."""

    digest: str | None = None

    def __init__(self, name: str, filesystem: Any, root: str, pattern: str | None = None) -> None:  # noqa: ANN401
        self.name = name
        self.left_out = LeftOut()
        self._filesystem = filesystem
        self._root = root
        self._pattern = re.compile(_translated(pattern)) if pattern else None

    def entries(self) -> Iterator[str]:
        """Relative to the URL, or to the last folder before the first wildcard."""
        try:
            for path in self._paths():
                entry = path[len(self._root) :].lstrip("/")
                if self._pattern.fullmatch(path) if self._pattern else is_picture(entry, self.left_out):
                    yield entry
        except SourceError:
            raise
        except Exception as error:
            raise SourceError(f"cannot list {self.name}: {error}") from error

    def read(self, entry: str) -> bytes:
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
        self.left_out = LeftOut()
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

    def read(self, entry: str) -> bytes:
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

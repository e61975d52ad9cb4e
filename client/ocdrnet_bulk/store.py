"""Where a run's files lie. A file appears under its final name whole, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from ocdrnet_bulk.errors import BulkError, OutputError, writing


class Store(Protocol):
    """A folder of files, by names with `/`.

    Attributes:
        name: for messages and the summary.
        work: local folder for journals, locks and files in the making.
        is_shared_lock: whether a lock in `work` is seen by every process that uses the store.
    """

    name: str
    work: Path
    is_shared_lock: bool

    def publish(self, path: Path, name: str) -> None:
        """Move a finished local file of `work` to its final name, replacing what is there."""
        ...

    def read(self, name: str) -> bytes | None:
        """A small file's content, None where there is none."""
        ...

    def size(self, name: str) -> int | None:
        """Bytes, None where there is no such file."""
        ...

    def local_copy(self, name: str) -> Path:
        """A local file with the content, to be read only."""
        ...

    def remove(self, name: str) -> None:
        """Delete a file or a folder with all in it; nothing happens where there is none."""
        ...


class LocalStore:
    """A local folder; `.work` in it is on the same file system, so that a rename is atomic."""

    is_shared_lock = True

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self.work = folder / ".work"
        self._folder = folder

    def publish(self, path: Path, name: str) -> None:
        """Write through to the disk, then rename."""
        with _naming(self.name):
            target = self._folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(path, target)

    def read(self, name: str) -> bytes | None:
        """The whole file."""
        with _naming(self.name), contextlib.suppress(FileNotFoundError):
            return (self._folder / name).read_bytes()
        return None

    def size(self, name: str) -> int | None:
        """By stat."""
        with _naming(self.name), contextlib.suppress(FileNotFoundError):
            return (self._folder / name).stat().st_size
        return None

    def local_copy(self, name: str) -> Path:
        """The file itself."""
        return self._folder / name

    def remove(self, name: str) -> None:
        """A file, or a folder at any depth."""
        path = self._folder / name
        with _naming(self.name), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


class RemoteStore:
    """An object store or another file system of fsspec; an object appears when its upload ends."""

    is_shared_lock = False

    def __init__(self, name: str, filesystem: Any, root: str) -> None:  # noqa: ANN401 -- fsspec has no types
        self.name = name
        # The user is part of the name: a shared machine's /tmp is everyone's.
        owner = os.getuid() if hasattr(os, "getuid") else "user"
        digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:16]
        self.work = Path(tempfile.gettempdir(), f"ocdrnet-bulk-{owner}-{digest}")
        self._filesystem = filesystem
        self._root = root

    def publish(self, path: Path, name: str) -> None:
        """One upload, then the local file goes."""
        with _naming(self.name):
            self._filesystem.put_file(str(path), self._path(name))
            path.unlink()

    def read(self, name: str) -> bytes | None:
        """The whole object."""
        with _naming(self.name), contextlib.suppress(FileNotFoundError):
            return bytes(self._filesystem.cat_file(self._path(name)))
        return None

    def size(self, name: str) -> int | None:
        """By a HEAD request."""
        with _naming(self.name), contextlib.suppress(FileNotFoundError):
            return int(self._filesystem.info(self._path(name))["size"])
        return None

    def local_copy(self, name: str) -> Path:
        """A download in `work`."""
        path = self.work / f"{name.replace('/', '-')}.copy"
        with _naming(self.name):
            self._filesystem.get_file(self._path(name), str(path))
        return path

    def remove(self, name: str) -> None:
        """An object, or all below a prefix."""
        with _naming(self.name), contextlib.suppress(FileNotFoundError):
            self._filesystem.rm(self._path(name), recursive=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


@contextlib.contextmanager
def _naming(place: str) -> Iterator[None]:
    """Errors of any file system as this package's."""
    try:
        yield
    except BulkError:
        raise
    except Exception as error:
        raise OutputError(f"the output {place} cannot be used: {error}") from error


def prepare_work(store: Store) -> None:
    """Make the work folder, and check that it is this user's own.

    Raises:
        OutputError: it cannot be made, or belongs to somebody else.
    """
    try:
        store.work.mkdir(parents=True, exist_ok=True, mode=0o700)
        is_own = not hasattr(os, "getuid") or store.is_shared_lock or store.work.lstat().st_uid == os.getuid()
    except OSError as error:
        raise OutputError(f"cannot make {store.work}: {error.strerror or error}") from error
    if not is_own:
        raise OutputError(f"{store.work} belongs to another user; set TMPDIR to a folder of your own")


def write_published(store: Store, name: str, content: str) -> None:
    """Publish a small text."""
    path = store.work / f"{name.replace('/', '-')}.{os.getpid()}.tmp"
    with writing(path):
        path.write_text(content, encoding="utf-8")
    store.publish(path, name)

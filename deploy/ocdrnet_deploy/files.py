"""Files: where the project's own lie, writing them whole, locks, and SHA-256 of downloaded ones.

SHA-256 of downloaded files, recorded beside them the first time and enforced from then on.

The record is what `sha256sum --check` reads, so a site can check its cache without this project.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PACKAGE = Path(__file__).parent


def model_repository() -> Path:
    """The source of the served repository: inside the wheel, or at the top of the checkout it is installed from."""
    inside = _PACKAGE / "model_repository"
    return inside if inside.is_dir() else _PACKAGE.parents[1] / "model_repository"


def write_file(path: Path, content: bytes | str) -> None:
    """Write to a temporary name beside `path` and rename: a reader, or a crash, never meets half a file.

    Args:
        path: its folders are made.
        content: text is written as UTF-8.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        Path(temporary).chmod(0o644)  # mkstemp makes it private; Triton may run as another user
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _say_nothing() -> None:
    pass


@contextmanager
def file_lock(path: Path, on_wait: Callable[[], None] = _say_nothing) -> Iterator[None]:
    """Hold an exclusive lock; the kernel frees it however the process ends.

    The file stays: were it removed, a process that waits on it and one that makes it anew would both hold "the" lock.

    Args:
        path: the lock file; made with its folders if missing.
        on_wait: called once if another process, or another thread, holds the lock.

    Raises:
        OSError: the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        _lock(file.fileno(), on_wait)
        yield


@contextmanager
def folder_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a folder, as `file_lock` does on a file; nothing is left in it.

    Raises:
        OSError: there is no such folder.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, _say_nothing)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, on_wait: Callable[[], None]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        on_wait()
        fcntl.flock(descriptor, fcntl.LOCK_EX)


_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex, read in pieces: weights may be larger than a container's memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def record_of(path: Path) -> Path:
    """Where the checksum of a file is recorded."""
    return path.with_name(f"{path.name}.sha256")


def recorded_sha256(path: Path) -> str:
    """SHA-256 recorded for a file, in hex; empty where none is."""
    try:
        text = record_of(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    match = re.match(r"[0-9a-f]{64}(?=\s)", text)
    return match.group() if match else ""


def record_sha256(path: Path, digest: str) -> None:
    """Record a file's SHA-256.

    Raises:
        OSError: the record cannot be written.
    """
    write_file(record_of(path), f"{digest}  {path.name}\n")

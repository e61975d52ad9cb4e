"""One process at a time, by a lock on a file or a folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


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

"""One process at a time, by a lock on a file."""

from __future__ import annotations

import fcntl
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
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield

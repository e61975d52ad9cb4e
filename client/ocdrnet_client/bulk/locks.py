"""One process at a time: a lock that the operating system takes back when its holder dies, so none goes stale."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ocdrnet_client.bulk.errors import OutputError, ShardBusyError

_POLL_S = 0.2

if sys.platform == "win32":
    import msvcrt

    # Far behind the text, which others may read while the byte is locked.
    _BYTE = 1 << 30

    def _try_lock(file: IO[str]) -> None:
        file.seek(_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def held_lock(path: Path, what: str, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock.

    Args:
        path: a file that stays; only the lock on it counts.
        what: is locked, for the message.
        patience: seconds to wait for another holder.

    Raises:
        ShardBusyError: another process holds it.
        OutputError: the file cannot be made.
    """
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    with file:
        _locked(file, what, time.monotonic() + patience)
        # Only for the other's message, so a full disk does not matter; not through the buffer, which would fail later.
        with contextlib.suppress(OSError):
            file.truncate(0)
            os.write(file.fileno(), f"process {os.getpid()}".encode())
        yield


def _locked(file: IO[str], what: str, until: float) -> None:
    while True:
        try:
            return _try_lock(file)
        except OSError as error:
            if time.monotonic() >= until:
                file.seek(0)
                holder = file.read() or "another process"
                raise ShardBusyError(f"{holder} works on {what}; wait for it, or end it first") from error
        time.sleep(_POLL_S)

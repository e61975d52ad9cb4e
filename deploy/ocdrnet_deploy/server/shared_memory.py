"""Names of the shared-memory files of one server, and the removal of those that a dead one left.

Triton's Python backend talks to its stubs through files in /dev/shm. A killed server leaves them behind.
Each server's files therefore begin with its own prefix, which says which process owns them:
`ocdrnet_<pid namespace>_<pid>_<start time>_<random>_`. The start time tells a process from a later one with
the same number; the namespace keeps containers that share /dev/shm from judging each other's processes.
"""

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")

_PREFIX = re.compile(r"ocdrnet_(?P<namespace>\d+)_(?P<pid>\d+)_(?P<start>\d+)_[0-9a-f]{8}_")


def new_prefix() -> str:
    """A prefix for the files of one server that this process owns."""
    pid = os.getpid()
    return f"ocdrnet_{_namespace()}_{pid}_{_start_time(pid)}_{secrets.token_hex(4)}_"


def remove_files(prefix: str, folder: Path = SHARED_MEMORY) -> list[Path]:
    """Removes the files of one server; call it when no process uses them any more.

    Returns:
        The files removed.
    """
    return [path for path in folder.glob(f"{prefix}*") if _unlink(path)]


def remove_leftovers(folder: Path = SHARED_MEMORY) -> list[Path]:
    """Removes the files of servers whose owner no longer lives; other programs' files stay.

    Returns:
        The files removed.
    """
    return [path for path in folder.glob("ocdrnet_*") if _is_leftover(path.name) and _unlink(path)]


def _is_leftover(name: str) -> bool:
    match = _PREFIX.match(name)
    if match is None or int(match["namespace"]) != _namespace():
        return False
    return _start_time(int(match["pid"])) != int(match["start"])


def _namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino


def _start_time(pid: int) -> int | None:
    """Clock ticks from boot to the process's start (proc(5), field 22 of stat), or None if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The program's name, field 2, may hold spaces and brackets; the rest begins after the last one.
    return int(stat.rpartition(")")[2].split()[19])


def _unlink(path: Path) -> bool:
    # Another user's file, or one that a second starter has just removed.
    with suppress(OSError):
        path.unlink()
        return True
    return False

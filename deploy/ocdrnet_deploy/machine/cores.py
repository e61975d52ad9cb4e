"""The cores and the memory that a server on this machine may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")


def usable_cores(cgroup: Path = _CGROUP) -> int:
    """Cores that this process may run on, or fewer where its container has a limit, rounded up.

    A limit, as Docker's `--cpus` or Kubernetes' `limits.cpu`, takes no core away: it stops a process that has used its
    time up. With a thread for each core of a large machine that is most of the time.

    Args:
        cgroup: where the control group's files are, of version 2 or 1
            (https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files).
    """
    mine = len(os.sched_getaffinity(0))
    limit = _limit(cgroup)
    return mine if limit is None else max(1, min(mine, math.ceil(limit)))


def _limit(cgroup: Path) -> float | None:
    try:
        quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            quota, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text("ascii") for name in ("quota", "period"))
        except (OSError, ValueError):
            return None
    if not quota.strip().isdigit() or not period.strip().isdigit() or int(period) == 0:  # `max`, or -1
        return None
    return int(quota) / int(period)


def usable_memory(
    cgroup: Path = _CGROUP, information: Path = Path("/proc/meminfo"), own_group: Path = _OWN_GROUP
) -> int:
    """Bytes of main memory that this machine has, or its container may use, where that is less.

    Args:
        cgroup: as of `container_limit`.
        information: the kernel's, of the whole machine.
        own_group: as of `container_limit`.
    """
    (total,) = (line.split()[1] for line in information.read_text("ascii").splitlines() if line.startswith("MemTotal:"))
    limit, machine = container_limit(cgroup, own_group), int(total) << 10
    return machine if limit is None else min(limit, machine)


def container_limit(cgroup: Path = _CGROUP, own_group: Path = _OWN_GROUP) -> int | None:
    """Bytes of memory that the control group of this process allows, or one above it.

    Args:
        cgroup: where the groups' files are, of version 2 or 1
            (https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files).
        own_group: which group is this process's, by controller.

    Returns:
        The smallest limit; None: there is none.
    """
    found = [_number(folder / name) for folder, name in _limit_files(cgroup, own_group)]
    limits = [limit for limit in found if limit is not None]
    return min(limits, default=None)


def _limit_files(cgroup: Path, own_group: Path) -> list[tuple[Path, str]]:
    try:
        lines = own_group.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = ["0::/", "1:memory:/"]
    files = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, name = cgroup, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = cgroup / "memory", "memory.limit_in_bytes"
        else:
            continue
        # A limit of any group above holds too. In a container the path may be the host's: then only the root exists.
        own = root / path.lstrip("/")
        files += [(folder, name) for folder in (own, *own.parents) if folder == root or root in folder.parents]
    return files


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    # Version 2 says `max`; version 1 says a number beyond any machine.
    return int(text) if text.isdigit() and int(text) < 1 << 60 else None

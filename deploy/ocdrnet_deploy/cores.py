"""The cores and the memory that a server on this machine may use."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


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


def usable_memory(cgroup: Path = _CGROUP, information: Path = Path("/proc/meminfo")) -> int:
    """Bytes of main memory that this machine has, or its container may use, where that is less.

    Args:
        cgroup: as of `usable_cores`.
        information: the kernel's, of the whole machine.
    """
    (total,) = (line.split()[1] for line in information.read_text("ascii").splitlines() if line.startswith("MemTotal:"))
    limits = [int(total) << 10]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # version 2, version 1
        with suppress(OSError, ValueError):  # `max` is no number
            limits.append(int((cgroup / name).read_text("ascii")))
    return min(limits)

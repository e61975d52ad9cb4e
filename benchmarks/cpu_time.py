"""CPU seconds of each process of a local Triton: every Python stub is one model, the rest is the server's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

import psutil

SERVER = "tritonserver"
NETWORKS = ("ocdnet", "ocrnet")


def tree_cpu_seconds(pids: Sequence[int]) -> float:
    """User and system seconds that processes have used since they began, with all their children, ended ones too.

    Args:
        pids: of the roots; one that has ended counts as 0.
    """
    processes: set[psutil.Process] = set()  # one that is another root's child counts once
    for pid in pids:
        try:
            root = psutil.Process(pid)
            processes |= {root, *root.children(recursive=True)}
        except psutil.NoSuchProcess:
            continue
    used = 0.0
    for process in processes:
        try:
            used += sum(process.cpu_times()[:4])  # user, system, and both of children that were waited for
        except psutil.NoSuchProcess:
            continue
    return used


def machine_cpu_seconds() -> float:
    """User and system seconds that this whole machine has worked since it started."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def cpu_seconds(server_pid: int) -> dict[str, float]:
    """User and system seconds that each process has used since it began, by model; several instances are added up.

    Args:
        server_pid: of the process that `TritonServer` started.
    """
    root = psutil.Process(server_pid)
    used: dict[str, float] = {}
    for process in [root, *root.children(recursive=True)]:
        try:
            times, name = process.cpu_times(), model_of(process.cmdline())
        except psutil.NoSuchProcess:
            continue
        used[name] = used.get(name, 0.0) + times.user + times.system
    return used


def model_of(command: Sequence[str]) -> str:
    """The model that a process serves: a stub's second argument is `.../MODEL/1/model.py`."""
    if command and PurePath(command[0]).name == "triton_python_backend_stub":
        return PurePath(command[1]).parts[-3]
    return SERVER


def used_between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds by model between two looks."""
    return {name: seconds - before.get(name, 0.0) for name, seconds in after.items()}


def python_share(used: Mapping[str, float]) -> float:
    """Share of the Python steps in all CPU time, 0..1: every stub but the two networks'."""
    total = sum(used.values())
    steps = sum(seconds for name, seconds in used.items() if name not in (SERVER, *NETWORKS))
    return steps / total if total else 0.0

"""What the generator ran on and with."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from ocdrnet_loadtest.result import Machine

_PACKAGES = ("ocdrnet", "tritonclient", "grpcio", "aiohttp", "locust", "nvidia-pytriton", "openvino")


def this_machine(*, server_is_local: bool) -> Machine:
    """Processor, cores and versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(_cpu_name(), cores, server_is_local, {"python": platform.python_version(), **_versions()})


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _cpu_name() -> str:
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name"))
    return next(names, platform.machine())

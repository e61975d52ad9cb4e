"""What the figures were measured on and with."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

PACKAGES = ("nvidia-pytriton", "openvino", "onnxruntime", "rapidocr", "numpy", "opencv-python-headless")


def machine() -> dict[str, object]:
    """Processor, cores and versions."""
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }


def machine_line() -> str:
    """`machine` in one line for people."""
    found = machine()
    versions = found["versions"]
    assert isinstance(versions, dict)
    return f"{found['cpu']}, {found['cores']} cores; " + ", ".join(f"{k} {v}" for k, v in versions.items())


def _cpu_name() -> str:
    """Name and the instructions that decide OpenVINO's precision."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = next(line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name"))
    extensions = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {flag}" in info]
    return f"{name} ({', '.join(extensions)})"

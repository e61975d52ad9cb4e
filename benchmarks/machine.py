"""What the figures were measured on and with."""

from __future__ import annotations

import os
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("nvidia-pytriton", "openvino", "onnxruntime", "rapidocr", "onnxtr", "numpy", "opencv-python-headless")
QUERY_TIMEOUT_S = 10


def machine() -> dict[str, object]:
    """Processor, cores, GPU and versions; what is not installed is left out."""
    found = {name: version for name in PACKAGES if (version := _version(name))}
    if tesseract := _first_line(["tesseract", "--version"]):
        found["tesseract"] = tesseract.removeprefix("tesseract ")
    gpu = _first_line(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"])
    return {"cpu": _cpu_name(), "cores": len(os.sched_getaffinity(0)), "gpu": gpu, "versions": found}


def machine_line() -> str:
    """`machine` in one line for people."""
    found = machine()
    versions = found["versions"]
    assert isinstance(versions, dict)
    gpu = f"{found['gpu']}; " if found["gpu"] else ""
    return f"{found['cpu']}, {found['cores']} cores; {gpu}" + ", ".join(f"{k} {v}" for k, v in versions.items())


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _first_line(command: list[str]) -> str | None:
    """What a program says first; None where it is not here."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=QUERY_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.partition("\n")[0].strip() or None


def _cpu_name() -> str:
    """Name and the instructions that decide OpenVINO's precision."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = next(line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name"))
    extensions = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {flag}" in info]
    return f"{name} ({', '.join(extensions)})"

"""The TensorRT that builds or runs a plan: which version, and how it wants precision."""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ocdrnet_deploy.errors import TensorRtError

Typing = Literal["flag-fp16", "flag-strongly-typed", "always"]

# `&&&& RUNNING TensorRT.trtexec [TensorRT v101200] # trtexec ...`: the first line of every run, also of --help.
_BANNER = re.compile(r"\[TensorRT v(\d+)\]")
_HELP_TIMEOUT_S = 60.0


@dataclass(frozen=True, order=True)
class TensorRtVersion:
    """A version; plans of one do not load in another."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def typing(self) -> Typing:
        """Where precision is put: 11 knows strongly typed networks alone, 10.12 deprecated the other kind."""
        if self.major >= 11:
            return "always"
        return "flag-strongly-typed" if (self.major, self.minor) >= (10, 12) else "flag-fp16"


def parse_version(number: int) -> TensorRtVersion:
    """The version in NVIDIA's one number: 8601 is 8.6.1, from TensorRT 10 on 101200 is 10.12.0."""
    hundred = number % 10_000 // 100 if number >= 100_000 else number % 1000 // 100
    return TensorRtVersion(number // (10_000 if number >= 100_000 else 1000), hundred, number % 100)


def trtexec_version(trtexec: Path) -> TensorRtVersion:
    """The version that `trtexec` prints of itself.

    Raises:
        TensorRtError: it does not run, prints no version, or is older than 8.6, the first that reads uint8 images.
    """
    try:
        run = subprocess.run(
            [str(trtexec), "--help"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_HELP_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TensorRtError(f"{trtexec} does not run: {error}") from None
    found = _BANNER.search(run.stdout + run.stderr)
    if found is None:
        lines = (run.stderr or run.stdout).strip().splitlines()
        raise TensorRtError(
            f"{trtexec} does not say which TensorRT it is: {lines[-1] if lines else 'it prints nothing'}"
        )
    version = parse_version(int(found[1]))
    if version < TensorRtVersion(8, 6, 0):
        raise TensorRtError(f"{trtexec} is of TensorRT {version}; 8.6 is the oldest that reads uint8 images")
    return version


def library_version() -> TensorRtVersion | None:
    """The version of the libnvinfer that this process would load; None where there is none."""
    name = ctypes.util.find_library("nvinfer")
    try:
        return parse_version(ctypes.CDLL(name).getInferLibVersion()) if name else None
    except (OSError, AttributeError):
        return None

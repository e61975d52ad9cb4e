"""The GPU and the TensorRT of this machine."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ocdrnet_deploy.errors import NoGpuError, NoTensorRtError
from ocdrnet_deploy.tensorrt.version import TensorRtVersion, library_version, trtexec_version

_ELSEWHERE = Path("/usr/src/tensorrt/bin/trtexec")  # where NVIDIA's Debian packages and containers put it
_QUERY_TIMEOUT_S = 30.0
_WHERE_INSTEAD = "Build in NVIDIA's container (deploy/docker), or let the chart's Job build on a GPU node"


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        name: as NVIDIA's driver calls it.
        compute_capability: such as `8.9`; a plan runs on the one it was built on.
    """

    name: str
    compute_capability: str

    def __str__(self) -> str:
        return f"{self.name} (compute capability {self.compute_capability})"


@dataclass(frozen=True)
class Machine:
    """What a plan belongs to.

    Attributes:
        gpu: the first that the driver lists.
        version: of TensorRT.
    """

    gpu: Gpu
    version: TensorRtVersion


def find_trtexec() -> Path:
    """TensorRT's builder: on the PATH, or where NVIDIA installs it.

    Raises:
        NoTensorRtError: it is in neither.
    """
    found = shutil.which("trtexec") or shutil.which(_ELSEWHERE)
    if found is None:
        raise NoTensorRtError(
            f"trtexec, which comes with TensorRT, is neither on the PATH nor at {_ELSEWHERE}. {_WHERE_INSTEAD}; "
            "--engine cpu needs neither"
        )
    return Path(found)


def find_gpu() -> Gpu:
    """The GPU that plans are built for: the first of those that the driver shows.

    Raises:
        NoGpuError: there is no driver, or it shows no GPU.
    """
    command = ["nvidia-smi", "--query-gpu=compute_cap,name", "--format=csv,noheader"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_QUERY_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoGpuError(f"no NVIDIA GPU: nvidia-smi does not run ({error}). {_WHERE_INSTEAD}") from None
    first = run.stdout.partition("\n")[0]
    capability, comma, name = first.partition(",")
    if run.returncode or not comma:
        reason = (run.stderr or run.stdout).strip() or "it lists none"
        raise NoGpuError(f"no NVIDIA GPU: nvidia-smi says: {reason}. {_WHERE_INSTEAD}")
    return Gpu(name.strip(), capability.strip())


def this_machine() -> Machine:
    """The GPU and the TensorRT that plans run on here; a server's image may lack `trtexec`, not the library.

    Raises:
        NoGpuError: there is no GPU.
        NoTensorRtError: there is no TensorRT.
    """
    return Machine(find_gpu(), library_version() or trtexec_version(find_trtexec()))

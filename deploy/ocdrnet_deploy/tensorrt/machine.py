"""The GPU and the TensorRT of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocdrnet_deploy.errors import NoGpuError, NoTensorRtError
from ocdrnet_deploy.tensorrt.version import TensorRtVersion, library_version, trtexec_version

_ELSEWHERE = Path("/usr/src/tensorrt/bin/trtexec")  # where NVIDIA's Debian packages and containers put it
_QUERY_TIMEOUT_S = 30.0
_QUERY = ["nvidia-smi", "--query-gpu=index,uuid,compute_cap,name", "--format=csv,noheader"]
_WHERE_INSTEAD = "Build in NVIDIA's container (deploy/docker), or let the chart's Job build on a GPU node"


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        name: as NVIDIA's driver calls it.
        compute_capability: such as `8.9`; a plan runs on the one it was built on.
        uuid: by which CUDA_VISIBLE_DEVICES can name it, whatever order CUDA counts in.
    """

    name: str
    compute_capability: str
    uuid: str = ""

    def __str__(self) -> str:
        return f"{self.name} (compute capability {self.compute_capability})"


@dataclass(frozen=True)
class Machine:
    """What a plan belongs to.

    Attributes:
        gpu: of `find_gpu`.
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


def find_gpu(environment: Mapping[str, str] = os.environ) -> Gpu:
    """The GPU that plans are built for: the first that CUDA shows; all that it shows are of one compute capability.

    `nvidia-smi` lists every GPU by its PCI bus. CUDA shows those that CUDA_VISIBLE_DEVICES names, and counts the
    fastest first unless CUDA_DEVICE_ORDER is PCI_BUS_ID (CUDA C++ Programming Guide, "CUDA Environment Variables").
    Triton places a plan on every GPU that CUDA shows.

    Args:
        environment: holds CUDA's variables.

    Raises:
        NoGpuError: there is no driver, it lists no GPU, or CUDA's variables leave none, or several of different compute
            capabilities.
    """
    gpus = _listed_gpus()
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        gpus = _visible(gpus, named, counted_by_bus=environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID")
    if len({gpu.compute_capability for gpu in gpus}) > 1:
        raise NoGpuError(
            f"this machine has GPUs of different compute capabilities, and a plan runs on one: {_all(gpus)}. Choose by "
            "CUDA_VISIBLE_DEVICES=GPU-..., a UUID of `nvidia-smi -L`, for the build and for Triton"
        )
    return gpus[0]


def build_environment(gpu: Gpu, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment in which `trtexec` sees the GPU alone; a slice of one that the caller named stays named."""
    named = environment.get("CUDA_VISIBLE_DEVICES", "")
    return {**environment, "CUDA_VISIBLE_DEVICES": named if named.startswith("MIG-") or not gpu.uuid else gpu.uuid}


def _listed_gpus() -> list[Gpu]:
    try:
        run = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_QUERY_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoGpuError(f"no NVIDIA GPU: nvidia-smi does not run ({error}). {_WHERE_INSTEAD}") from None
    rows = [[field.strip() for field in line.split(",", 3)] for line in run.stdout.splitlines()]
    gpus = [Gpu(row[3], row[2], row[1]) for row in rows if len(row) == 4]
    if run.returncode or not gpus:
        reason = (run.stderr or run.stdout).strip() or "it lists none"
        raise NoGpuError(f"no NVIDIA GPU: nvidia-smi says: {reason}. {_WHERE_INSTEAD}")
    return gpus


def _visible(gpus: Sequence[Gpu], named: str, *, counted_by_bus: bool) -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES names: numbers, or beginnings of UUIDs; from the first wrong one on, none."""
    alike = len({gpu.compute_capability for gpu in gpus}) == 1
    chosen: list[Gpu] = []
    for name in (part.strip() for part in named.split(",")):
        if not alike and (name.startswith("MIG-") or (name.isdigit() and not counted_by_bus)):
            raise NoGpuError(
                f"CUDA_VISIBLE_DEVICES={named} does not say which GPU it means, and this machine has different ones: "
                f"{_all(gpus)}. Name it by its UUID, or set CUDA_DEVICE_ORDER=PCI_BUS_ID, for the build and for Triton"
            )
        if name.startswith("MIG-"):
            found = list(gpus[:1])  # a slice; which GPU's does not matter
        elif name.isdigit():
            found = list(gpus[int(name) : int(name) + 1])
        else:
            found = [gpu for gpu in gpus if name and gpu.uuid.startswith(name)]
        if len(found) != 1:
            break
        chosen += found
    if not chosen:
        raise NoGpuError(f"no NVIDIA GPU: CUDA_VISIBLE_DEVICES={named} leaves none of {_all(gpus)}")
    return chosen


def _all(gpus: Sequence[Gpu]) -> str:
    return "; ".join(f"{index}: {gpu}, {gpu.uuid}" for index, gpu in enumerate(gpus))


def this_machine() -> Machine:
    """The GPU and the TensorRT that plans run on here; a server's image may lack `trtexec`, not the library.

    Raises:
        NoGpuError: there is no GPU.
        NoTensorRtError: there is no TensorRT.
    """
    return Machine(find_gpu(), library_version() or trtexec_version(find_trtexec()))

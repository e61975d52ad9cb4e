"""Deployment profiles: how networks and Python steps share the machine that serves them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.machine.cores import usable_cores

# Of the CPU time of all Python steps, for 60 street photos by `python -m benchmarks.stages`.
STEP_SHARES: Mapping[str, float] = MappingProxyType(
    {"image_preprocess": 0.45, "text_decode": 0.22, "dbnet_postprocess": 0.14, "text_crop": 0.13, "text_turn": 0.06}
)
# The steps that a front end on the GPU changes, and how many processes each has at most unless told: each holds a CUDA
# context, some hundred MB of the GPU's memory. How many are best is not measured.
FRONT_END_STEPS = ("image_preprocess", "text_crop")
FRONT_END_PROCESSES = 4
MOST_PROCESSES = 64  # of a step: each takes 70 MB, and a region of shared memory
BUSY = 0.7  # of a process's time at the most, or images queue for it


def processes_for(cores: float) -> dict[str, int]:
    """Processes of each step that the steps need to keep some cores busy together.

    Args:
        cores: over 0; those that the networks leave to the Python steps.
    """
    # Rounded first, or the last bit of a float could make a whole number of processes one more.
    wanted = {name: math.ceil(round(cores * share / BUSY, 6)) for name, share in STEP_SHARES.items()}
    return {name: min(MOST_PROCESSES, count) for name, count in wanted.items()}


def parse_processes(values: Iterable[str]) -> dict[str, int]:
    """Counts by step from texts as `image_preprocess=4`.

    Raises:
        BuildError: one is no such text, its step is unknown or a network, or its count is not 1..64.
    """
    counts: dict[str, int] = {}
    for value in values:
        name, _, count = value.partition("=")
        if name not in STEP_SHARES:
            raise BuildError(f"no Python step is called {name!r}; they are {', '.join(STEP_SHARES)}")
        if not count.isascii() or not count.isdigit() or not 1 <= int(count) <= MOST_PROCESSES:
            raise BuildError(f"{value!r} wants processes from 1 to {MOST_PROCESSES}, as in {name}=2")
        counts[name] = int(count)
    return counts


FrontEnd = Literal["cpu", "gpu"]
FRONT_ENDS: tuple[FrontEnd, ...] = ("cpu", "gpu")
Profile = Literal["balanced", "latency", "throughput", "small"]
PROFILES: tuple[Profile, ...] = ("balanced", "latency", "throughput", "small")
CUDA_PROVIDER = "CUDAExecutionProvider"
# What the Python steps keep busy. Beside networks on the same cores they take 5 to 9 % of a photo's time; beside a GPU
# all cores are theirs but for the 30 % that Triton itself needs to hand their tensors on. By `benchmarks.stages`.
STEPS_BESIDE_NETWORKS = 0.1
STEPS_BESIDE_A_GPU = 0.7
# Of the ensemble's requests: an image of 12 megapixels with the detector's input and map and 200 crops is 36 + 16 + 12
# MB. Half of the memory is theirs, the other half the networks' and the steps' own.
_IMAGE_BYTES = 64 << 20
_LEAST_IN_FLIGHT = (
    32  # twice the threads that Triton has for the answers of steps, and some: below, they block each other
)


@dataclass(frozen=True)
class PythonProfile:
    """The two networks inside Triton's Python backend: on the CPU, or through ONNX Runtime on a GPU.

    Attributes:
        detector_threads: cores for each of the detector's processes; 0 means all that the server may use.
        detector_processes: of the detector; while one takes its images and hands out its maps, another works.
        detector_streams: images that each of them works on at the same time.
        detector_graphs: sizes of image for which the detector has a graph of its own, a seventh faster; each takes 80
            MB a million pixels for each stream. Those that come most often have it.
        recognizer_threads: cores for the recognizer; 0 means all, as above.
        recognizer_streams: batches of crops the recognizer works on at the same time.
        recognizer_graphs: shapes of batches for which the recognizer has a graph of its own, an eighth faster while the
            detector works beside it; each takes 50 MB with the default one. Fewer where they would take over 2 GiB.
        detector_batch: images of different requests that a process detects together; those who ask meanwhile wait.
        max_tiles: of one image; they are one batch, which the detector works off one by one.
        recognizer_columns: crops share a job up to so many pixels of width together.
        recognizer_batch: crops that one run of the recognizer takes at most; one image's crops are one batch, so it
            must not be below the detector's candidate cap.
        step_processes: of each Python step by its model's name; one of those that are left out.
        provider: ONNX Runtime's, for a network that it runs; its CPU's when empty.
        front_end_on_gpu: whether a front end that is made for a GPU has one, or works on CPU tensors; None: the steps
            decode, scale and crop by OpenCV.
    """

    detector_threads: int = 0
    detector_processes: int = 1
    detector_streams: int = 1
    detector_graphs: int = 0
    recognizer_threads: int = 0
    recognizer_streams: int = 1
    recognizer_graphs: int = 0
    detector_batch: int = 4
    max_tiles: int = 64
    recognizer_columns: int = 4096
    recognizer_batch: int = 1000
    step_processes: Mapping[str, int] = field(default_factory=dict)
    provider: str = ""
    front_end_on_gpu: bool | None = None


@dataclass(frozen=True)
class TensorRtProfile:
    """The two networks as TensorRT plans on a GPU.

    Attributes:
        instances: of each network on each GPU; a second one overlaps copies with work, for the memory of another.
        detector_batch: images that one run of the detector takes at most, across requests; and tiles of one image.
        recognizer_batch: as in `PythonProfile`, across requests.
        recognizer_processes: that group crops of a free width for their plan; while one hands out, another works.
        recognizer_streams: groups that each of them has at work at the same time.
        recognizer_columns: as in `PythonProfile`.
        queue_delay_us: microseconds that a request may wait for others to fill a batch.
        step_processes: as in `PythonProfile`.
        front_end_on_gpu: as in `PythonProfile`.
    """

    instances: int = 1
    detector_batch: int = 8
    recognizer_batch: int = 1000
    recognizer_processes: int = 2
    recognizer_streams: int = 8
    recognizer_columns: int = 8192
    queue_delay_us: int = 500
    step_processes: Mapping[str, int] = field(default_factory=dict)
    front_end_on_gpu: bool | None = None


def cpu_profile(kind: Profile, recognizer_batch: int, cores: int | None = None) -> PythonProfile:
    """A profile for this machine's CPU.

    The detector's work is one large image, which several cores share well up to about four. Crops are small and many:
    one core each is best. A batch of them saves time with the shortest alone, and each of its shapes takes memory.

    Args:
        kind: `balanced`: an image alone is fast, and a queue is worked off together. `latency`: no image waits for
            another of its batch. `throughput`: a core for each image, always, for a server that is kept busy: an image
            alone takes longer. `small`: one image at a time, for 4 GiB.
        recognizer_batch: as in `PythonProfile`.
        cores: that the server may use; those that this process may when left out.
    """
    cores = cores or usable_cores()
    threads = cores if cores < len(os.sched_getaffinity(0)) else 0
    streams = max(1, cores // 4)
    steps = processes_for(STEPS_BESIDE_NETWORKS * cores)
    balanced = PythonProfile(
        detector_threads=threads,
        detector_streams=streams,
        detector_graphs=max(1, min(4, 8 // streams)),
        recognizer_threads=threads,
        recognizer_streams=cores,
        recognizer_columns=256,
        detector_batch=max(PythonProfile.detector_batch, streams),
        recognizer_batch=recognizer_batch,
        step_processes=steps,
    )
    if kind == "latency":
        return replace(balanced, detector_batch=1)
    if kind == "throughput":
        processes = min(2, cores)
        streams = cores // processes
        return replace(
            balanced,
            detector_threads=streams,
            detector_processes=processes,
            detector_streams=streams,
            detector_graphs=max(1, min(4, 8 // cores)),
            recognizer_graphs=min(40, 80 // cores),
            recognizer_columns=1024,
            detector_batch=max(8, 2 * streams),
            # It waits for the detector where an image may lie on its side: another goes on with those behind.
            step_processes=steps | {"dbnet_postprocess": max(2, steps["dbnet_postprocess"])},
        )
    if kind == "small":
        return PythonProfile(
            detector_threads=threads,
            detector_batch=1,
            max_tiles=16,
            recognizer_threads=threads,
            recognizer_columns=balanced.recognizer_columns,
            recognizer_batch=recognizer_batch,
        )
    return balanced


def cuda_profile(recognizer_batch: int, cores: int | None = None) -> PythonProfile:
    """The profile for a GPU without TensorRT: one stream each, for the GPU runs one at a time.

    Args:
        recognizer_batch: as in `PythonProfile`.
        cores: as of `cpu_profile`.
    """
    steps = _beside_a_gpu(cores)
    return PythonProfile(recognizer_batch=recognizer_batch, step_processes=steps, provider=CUDA_PROVIDER)


def tensorrt_profile(kind: Profile, recognizer_batch: int, cores: int | None = None) -> TensorRtProfile:
    """A profile for TensorRT plans: where to start from; what is best on a GPU is for `ocdrnet loadtest` to say.

    Args:
        kind: `balanced`; `latency`: no waiting for others, small batches; `throughput`: large batches, two instances of
            each network; `small`: little GPU memory.
        recognizer_batch: as in `TensorRtProfile`.
        cores: as of `cpu_profile`.
    """
    balanced = TensorRtProfile(recognizer_batch=recognizer_batch, step_processes=_beside_a_gpu(cores))
    if kind == "latency":
        return replace(balanced, detector_batch=4, queue_delay_us=0)
    if kind == "throughput":
        return replace(balanced, instances=2, detector_batch=16, queue_delay_us=2000)
    if kind == "small":
        return replace(balanced, detector_batch=2, step_processes={})
    return balanced


def most_in_flight(memory: int) -> int:
    """Requests that may be in one step of the ensemble at once, so that their images fit into the memory.

    Args:
        memory: bytes that the server may use.
    """
    return max(_LEAST_IN_FLIGHT, memory // 2 // _IMAGE_BYTES)


def _beside_a_gpu(cores: int | None) -> dict[str, int]:
    return processes_for(STEPS_BESIDE_A_GPU * (cores or usable_cores()))

"""A network on this machine, whichever engine runs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Placement:
    """How a network uses the machine.

    Attributes:
        threads: cores in all; 0 takes every one that this process may run on.
        streams: jobs computed at the same time, each with its share of the threads.
    """

    threads: int = 0
    streams: int = 1


class Network(Protocol):
    """A compiled network that runs lists of inputs."""

    def run(
        self, inputs: Iterable[npt.NDArray[np.uint8]], more: Mapping[str, npt.NDArray[Any]] | None = None
    ) -> list[dict[str, npt.NDArray[Any]]]:
        """Outputs by name of every input, in the order of the inputs.

        Args:
            inputs: uint8 [n, h, w, 3] each; shapes may differ.
            more: other inputs by name, the same for all.
        """
        ...


SHARED_PIXELS = 1_000_000  # of a job that may share the cores: 1312 x 736 may; tiles would double the memory of a scan


class BusyNetwork:
    """A network in two placements: one that is fast for a job alone, one that gets more done of several."""

    def __init__(self, alone: Network, together: Network, streams: int) -> None:
        """Keep both.

        Args:
            alone: has all threads for one job.
            together: shares them among several.
            streams: how many those are.
        """
        self._alone = alone
        self._together = together
        self._streams = streams

    def run(
        self, inputs: Iterable[npt.NDArray[np.uint8]], more: Mapping[str, npt.NDArray[Any]] | None = None
    ) -> list[dict[str, npt.NDArray[Any]]]:
        """As of `Network`: as many as fill the streams go together, what is left over or large one after the other."""
        jobs = list(inputs)
        is_small = all(job.size <= 3 * SHARED_PIXELS for job in jobs)
        together = len(jobs) - len(jobs) % self._streams if is_small else 0
        return self._together.run(jobs[:together], more) + self._alone.run(jobs[together:], more)


def open_network(path: Path, outputs: Sequence[str], parameters: Mapping[str, str]) -> Network:
    """Load a network into the engine that its model's config names.

    Args:
        path: of an ONNX file.
        outputs: names of the tensors to return.
        parameters: of config.pbtxt: `threads` and `streams`; `runtime`, `openvino` when left out, or `onnxruntime`;
            for the latter `providers`, separated by commas, the CPU when left out; for the former
            `busy_streams` where the network is placed a second time, with so many streams for a queue of jobs.

    Raises:
        ValueError: there is no such runtime.
        RuntimeError: the engine cannot run the network, or lacks the first provider.
    """
    placement = Placement(int(parameters["threads"]), int(parameters["streams"]))
    runtime = parameters.get("runtime", "openvino")
    # An engine is imported where it is used: a machine need not have the other.
    if runtime == "openvino":
        from ocdrnet_triton.openvino_network import OpenVinoNetwork  # noqa: PLC0415

        alone = OpenVinoNetwork(path, outputs, placement)
        busy = int(parameters.get("busy_streams", 0))
        if busy <= placement.streams:
            return alone
        return BusyNetwork(alone, OpenVinoNetwork(path, outputs, replace(placement, streams=busy)), busy)
    if runtime == "onnxruntime":
        from ocdrnet_triton.onnxruntime_network import CPU, OnnxRuntimeNetwork  # noqa: PLC0415

        return OnnxRuntimeNetwork(path, outputs, placement, parameters.get("providers", CPU).split(","))
    raise ValueError(f"runtime is {runtime!r}; known are openvino, onnxruntime")

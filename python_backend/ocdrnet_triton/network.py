"""A network on this machine, whichever engine runs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

# How the names of nodes begin that no engine may compute in less than 32-bit floats, in graphs of `models build`.
FLOAT32 = "ocdrnet_float32_"


@dataclass(frozen=True)
class Placement:
    """How a network uses the machine.

    Attributes:
        threads: cores in all; 0 takes every one that this process may run on.
        streams: jobs computed at the same time, each with its share of the threads.
        graphs: shapes of input that may have a graph of their own; for OpenVINO.
    """

    threads: int = 0
    streams: int = 1
    graphs: int = 0


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


def open_network(path: Path, outputs: Sequence[str], parameters: Mapping[str, str]) -> Network:
    """Load a network into the engine that its model's config names.

    Args:
        path: of an ONNX file.
        outputs: names of the tensors to return.
        parameters: of config.pbtxt: `threads` and `streams`; `runtime`, `openvino` when left out, `onnxruntime` or
            `plan`; for the first `graphs`, and `precision`: `f32` where bfloat16 is not exact enough; for the second
            `providers`, separated by commas, the CPU when left out; for the third `plan`, the model of the repository
            that is the network.

    Raises:
        ValueError: there is no such runtime.
        RuntimeError: the engine cannot run the network, or lacks the first provider.
    """
    placement = Placement(int(parameters["threads"]), int(parameters["streams"]))
    runtime = parameters.get("runtime", "openvino")
    # An engine is imported where it is used: a machine need not have the other.
    if runtime == "openvino":
        from ocdrnet_triton.openvino_network import OpenVinoNetwork  # noqa: PLC0415

        placed = replace(placement, graphs=int(parameters.get("graphs", 0)))
        return OpenVinoNetwork(path, outputs, placed, parameters.get("precision", ""))
    if runtime == "onnxruntime":
        from ocdrnet_triton.onnxruntime_network import CPU, OnnxRuntimeNetwork  # noqa: PLC0415

        return OnnxRuntimeNetwork(path, outputs, placement, parameters.get("providers", CPU).split(","))
    if runtime == "plan":
        from ocdrnet_triton.plan_network import PlanNetwork  # noqa: PLC0415

        return PlanNetwork(parameters["plan"], outputs, placement.streams)
    raise ValueError(f"runtime is {runtime!r}; known are openvino, onnxruntime, plan")

"""Loads a network into the engine that its model's config names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ocdrnet_triton.engines.base import Network, Placement


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
        from ocdrnet_triton.engines.openvino import OpenVinoNetwork  # noqa: PLC0415

        placed = replace(placement, graphs=int(parameters.get("graphs", 0)))
        return OpenVinoNetwork(path, outputs, placed, parameters.get("precision", ""))
    if runtime == "onnxruntime":
        from ocdrnet_triton.engines.onnxruntime import CPU, OnnxRuntimeNetwork  # noqa: PLC0415

        return OnnxRuntimeNetwork(path, outputs, placement, parameters.get("providers", CPU).split(","))
    if runtime == "plan":
        from ocdrnet_triton.engines.tensorrt_plan import PlanNetwork  # noqa: PLC0415

        return PlanNetwork(parameters["plan"], outputs, placement.streams)
    raise ValueError(f"runtime is {runtime!r}; known are openvino, onnxruntime, plan")

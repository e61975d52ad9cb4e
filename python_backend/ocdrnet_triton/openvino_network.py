"""A network on the CPU: OpenVINO, fed with as many jobs at once as it has streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov

from ocdrnet_triton.network import Placement


class OpenVinoNetwork:
    """A compiled network that runs lists of inputs."""

    def __init__(self, path: Path, outputs: Sequence[str], placement: Placement, precision: str = "") -> None:
        """Compile the network.

        Args:
            path: of an ONNX file.
            outputs: names of the tensors to return.
            placement: threads and streams.
            precision: `f32` or `bf16`; OpenVINO's choice for this CPU when empty.
        """
        config: dict[str, Any] = {"NUM_STREAMS": placement.streams}
        if placement.threads:
            config["INFERENCE_NUM_THREADS"] = placement.threads
        if precision:
            config["INFERENCE_PRECISION_HINT"] = precision
        compiled = ov.Core().compile_model(path, "CPU", config)
        self._outputs = outputs
        self._queue = ov.AsyncInferQueue(compiled, placement.streams)
        self._queue.set_callback(self._collect)
        self._results: dict[int, dict[str, npt.NDArray[Any]]] = {}

    def run(
        self, inputs: Iterable[npt.NDArray[np.uint8]], more: Mapping[str, npt.NDArray[Any]] | None = None
    ) -> list[dict[str, npt.NDArray[Any]]]:
        """Outputs by name of every input, in the order of the inputs.

        Args:
            inputs: uint8 [n, h, w, 3] each; shapes may differ.
            more: other inputs by name, the same for all.
        """
        self._results = {}
        others = dict(more or {})
        in_use = []  # shared with OpenVINO, not copied: they must live until the last job is done
        for index, array in enumerate(inputs):
            in_use.append(array)
            self._queue.start_async({0: array} | others, index, share_inputs=True)
        self._queue.wait_all()
        return [self._results[index] for index in range(len(self._results))]

    def _collect(self, request: ov.InferRequest, index: int) -> None:
        self._results[index] = {name: request.get_tensor(name).data.copy() for name in self._outputs}

"""A network in ONNX Runtime: what OpenVINO cannot run on a CPU, and any on a GPU without TensorRT."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from ocdrnet_triton.engines.base import Placement
from ocdrnet_triton.engines.pool import InferencePool

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"


class OnnxRuntimeNetwork:
    """A loaded network that runs lists of inputs, as many at once as it has streams."""

    def __init__(
        self, path: Path, outputs: Sequence[str], placement: Placement, providers: Sequence[str] = (CPU,)
    ) -> None:
        """Load the network.

        Args:
            path: of an ONNX file.
            outputs: names of the tensors to return.
            placement: threads and streams.
            providers: ONNX Runtime's, the preferred first; the CPU takes what they leave.

        Raises:
            RuntimeError: the preferred provider is not there: ONNX Runtime would run on the CPU without a word.
        """
        wanted = list(dict.fromkeys([*providers, CPU]))
        self._session = ort.InferenceSession(path, session_options(placement), providers=wanted)
        if providers[0] not in self._session.get_providers():
            raise RuntimeError(f"ONNX Runtime has no {providers[0]} here, only {self._session.get_providers()}")
        self._input = self._session.get_inputs()[0].name
        self._outputs = list(outputs)
        self._streams = InferencePool(placement.streams, "onnxruntime")

    def run(
        self, inputs: Iterable[npt.NDArray[np.uint8]], more: Mapping[str, npt.NDArray[Any]] | None = None
    ) -> list[dict[str, npt.NDArray[Any]]]:
        """Outputs by name of every input, in the order of the inputs.

        Args:
            inputs: uint8 [n, h, w, 3] each; shapes may differ.
            more: other inputs by name, the same for all.

        Raises:
            Exception: ONNX Runtime's own; the network cannot take one of them.
        """
        return self._streams.map(partial(self._run_one, dict(more or {})), inputs)

    def _run_one(self, more: dict[str, npt.NDArray[Any]], array: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        answers = self._session.run(self._outputs, {self._input: np.ascontiguousarray(array), **more})
        return dict(zip(self._outputs, answers, strict=True))


def session_options(placement: Placement) -> ort.SessionOptions:
    """Settings of a session: its streams share one pool, and each stream's own thread works too."""
    options = ort.SessionOptions()
    threads = placement.threads or len(os.sched_getaffinity(0))
    options.intra_op_num_threads = max(1, threads - placement.streams + 1)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores belong to other steps too
    # Not all optimizations: the last, a layout for CPUs, crashes on OCRNet v1 in 16-bit floats.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    return options

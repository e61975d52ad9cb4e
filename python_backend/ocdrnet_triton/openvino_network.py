"""A network on the CPU: OpenVINO, fed with as many jobs at once as it has streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from ocdrnet_triton.float32 import keep_float32
from ocdrnet_triton.graph_choice import GraphChoice, Shape
from ocdrnet_triton.network import Placement
from ocdrnet_triton.quiet_openvino import openvino as ov
from ocdrnet_triton.streams import Streams

Array = npt.NDArray[Any]
LARGEST_GRAPH = 2_000_000  # pixels of an input that gets a graph of its own: 80 MB for one million in the detector


class OpenVinoNetwork:
    """A compiled network that runs lists of inputs.

    Frequent shapes have a graph of their own. Measured on two cores with the default detector at 736 x 1312: 45 ms
    against 53 for the graph of any shape. The numbers that come out are the same to the bit.
    """

    def __init__(self, path: Path, outputs: Sequence[str], placement: Placement, precision: str = "") -> None:
        """Compile the network.

        Args:
            path: of an ONNX file.
            outputs: names of the tensors to return.
            placement: threads, streams and graphs.
            precision: `f32` or `bf16`; OpenVINO's choice for this CPU when empty.
        """
        self._config: dict[str, Any] = {"NUM_STREAMS": placement.streams}
        if placement.threads:
            self._config["INFERENCE_NUM_THREADS"] = placement.threads
        if precision:
            self._config["INFERENCE_PRECISION_HINT"] = precision
        if placement.graphs:  # pinned, the first streams of two graphs would share a core and leave another idle
            self._config["ENABLE_CPU_PINNING"] = False
        self._outputs = list(outputs)
        self._model = keep_float32(core(), core().read_model(path))
        self._placement = placement
        self._streams = Streams(placement.streams, "openvino")
        self._any_shape = self._compile(self._model)
        self._choice = GraphChoice(placement.graphs, self._compile_for)

    def run(
        self, inputs: Iterable[npt.NDArray[np.uint8]], more: Mapping[str, Array] | None = None
    ) -> list[dict[str, Array]]:
        """Outputs by name of every input, in the order of the inputs.

        Args:
            inputs: uint8 [n, h, w, 3] each; shapes may differ.
            more: other inputs by name, the same for all.

        Raises:
            RuntimeError: the network cannot take one of them.
        """
        others: dict[Any, Array] = dict(more or {})
        return self._streams.map(_run, ((self._graph_of(array), {0: array, **others}) for array in inputs))

    def _graph_of(self, array: npt.NDArray[np.uint8]) -> _Graph:
        own = None if array.size > 3 * LARGEST_GRAPH else self._choice.graph_of(array.shape)
        return own or self._any_shape

    def _compile_for(self, shape: Shape) -> _Graph:
        model = self._model.clone()
        model.reshape({0: list(shape)})
        return self._compile(model)

    def _compile(self, model: ov.Model) -> _Graph:
        return _Graph(core().compile_model(model, "CPU", self._config), self._placement.streams, self._outputs)


@cache
def core() -> ov.Core:
    """OpenVINO's entry, the one of this process, never freed.

    OpenVINO's CPU plugin (seen in 2026.4) gives the thread that loads it an alternate stack for signals. A plugin freed
    before a later one takes its stack away, and the later one, when freed, puts the thread back on it: the next signal
    ends the process.

    Its table of NumPy's types is made at its first use (seen in 2026.4): two threads that are the first to use it wait
    for each other forever, one with the interpreter's lock. So it is made here, before there are threads.
    """
    ov.Type.u8.to_dtype()
    return ov.Core()


class _Graph:
    """A compiled graph with a request for each stream.

    Not OpenVINO's own queue of requests: one input that the network cannot take, and all later ones fail there.
    """

    def __init__(self, compiled: ov.CompiledModel, streams: int, outputs: Sequence[str]) -> None:
        self._outputs = outputs
        self._idle: SimpleQueue[ov.InferRequest] = SimpleQueue()
        for _ in range(streams):
            self._idle.put(compiled.create_infer_request())

    def run(self, inputs: dict[int | str, Array]) -> dict[str, Array]:
        request = self._idle.get()
        try:
            request.infer(inputs, share_inputs=True)
            return {name: request.get_tensor(name).data.copy() for name in self._outputs}
        finally:
            self._idle.put(request)


def _run(job: tuple[_Graph, dict[int | str, Array]]) -> dict[str, Array]:
    graph, inputs = job
    return graph.run(inputs)

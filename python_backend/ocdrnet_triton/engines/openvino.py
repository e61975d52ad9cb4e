"""A network on the CPU by OpenVINO: one graph for each frequent shape, and a pool of inference requests.

Nodes that OpenVINO must compute in 32-bit floats, on a CPU where it computes the rest in bfloat16.

OpenVINO rounds a whole graph or nothing, but for nodes with a mark of its own, which Python cannot set. A graph in
OpenVINO's format can carry it: so the graph is written once, marked, and read again.

Which shapes of input a network has a graph of its own for: the most frequent ones.

A graph for any shape derives every layer anew when the shape changes, and forgoes what needs known shapes, such as
joining tensors in place. One graph per shape costs its compilation and memory instead.
"""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ocdrnet_triton.engines.base import FLOAT32, Placement
from ocdrnet_triton.engines.pool import InferencePool
from ocdrnet_triton.engines.quiet_openvino import openvino as ov

# `ov::DisablePrecisionConversion` since 2026.1, `ov::DisableFP16Compression` before; the CPU plugin keeps the original
# precision of a node that has it (its node.cpp), bfloat16 or not. What a version does not know it ignores.
_MARKS = (
    {"name": "DisablePrecisionConversion", "version": "0", "value": "dynamic:f16"},
    {"name": "precise", "version": "0"},
)


def keep_float32(core: ov.Core, model: ov.Model) -> ov.Model:
    """The same model with its nodes named `FLOAT32...` marked; without such nodes it comes back as it is."""
    if not any(op.get_friendly_name().startswith(FLOAT32) for op in model.get_ops()):
        return model
    with tempfile.TemporaryDirectory(prefix="ocdrnet-") as folder:
        xml, weights = Path(folder, "model.xml"), Path(folder, "model.bin")
        ov.serialize(model, str(xml), str(weights))
        tree = ET.parse(xml)
        for layer in tree.getroot().findall("./layers/layer"):
            if layer.get("name", "").startswith(FLOAT32) and layer.get("type") not in ("Const", "Result"):
                _mark(layer)
        return core.read_model(ET.tostring(tree.getroot()), weights.read_bytes())


def _mark(layer: ET.Element) -> None:
    noted = layer.find("rt_info")
    if noted is None:
        noted = ET.Element("rt_info")
        layer.insert(1 if layer.find("data") is not None else 0, noted)
    for mark in _MARKS:
        ET.SubElement(noted, "attribute", mark)


Graph = TypeVar("Graph")
Shape = tuple[int, ...]
OFTEN = 16  # recent jobs of a shape that displaces another's graph
RECENT = 1000  # jobs, after which all that was counted weighs half


class ShapeGraphCache(Generic[Graph]):
    """Graphs by shape, a few of them. Not for use by several threads."""

    def __init__(self, limit: int, compile_for: Callable[[Shape], Graph]) -> None:
        """Start without any.

        Args:
            limit: graphs at most.
            compile_for: makes the graph of a shape.
        """
        self._limit = limit
        self._compile_for = compile_for
        self._graphs: dict[Shape, Graph] = {}
        self._uses: Counter[Shape] = Counter()
        self._jobs = 0

    def graph_of(self, shape: Shape) -> Graph | None:
        """The graph of a shape that a job is about to use; none where the shape has to do with the one for any.

        The first shapes get one each. Later one displaces the least used when it is asked for often, and at least twice
        as often: shapes that come equally often do not take turns at being compiled.
        """
        self._count(shape)
        if shape in self._graphs or not self._limit:
            return self._graphs.get(shape)
        if len(self._graphs) == self._limit:
            rarest = min(self._graphs, key=self._uses.__getitem__)
            if self._uses[shape] < max(OFTEN, 2 * self._uses[rarest]):
                return None
            del self._graphs[rarest]
        self._graphs[shape] = self._compile_for(shape)
        return self._graphs[shape]

    def _count(self, shape: Shape) -> None:
        self._jobs += 1
        if self._jobs % RECENT == 0:
            self._uses = Counter({known: count // 2 for known, count in self._uses.items() if count > 1})
        self._uses[shape] += 1


Array = npt.NDArray[Any]
# Kernels that a graph for any shape keeps, the most recent; about 60 for each shape. OpenVINO's own limit is 5000: the
# default detector then grew by 5 MB with each new size of image, to 970 MB after 150 sizes. With this limit it stays at
# 570 MB, and 32 sizes that take turns are as fast; a size that is forgotten costs 60 ms of a core more when it comes.
KEPT_KERNELS = 2400
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
        self._config: dict[str, Any] = {"NUM_STREAMS": placement.streams, "CPU_RUNTIME_CACHE_CAPACITY": KEPT_KERNELS}
        if placement.threads:
            self._config["INFERENCE_NUM_THREADS"] = placement.threads
        if precision:
            self._config["INFERENCE_PRECISION_HINT"] = precision
        if placement.graphs:  # pinned, the first streams of two graphs would share a core and leave another idle
            self._config["ENABLE_CPU_PINNING"] = False
        self._outputs = list(outputs)
        self._model = keep_float32(core(), core().read_model(path))
        self._placement = placement
        self._streams = InferencePool(placement.streams, "openvino")
        self._any_shape = self._compile(self._model)
        self._choice = ShapeGraphCache(placement.graphs, self._compile_for)

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

"""A process of its own that parses and builds one graph with TensorRT for RTX; the library may crash, and keeps memory.

`python -m ocdrnet_deploy.tensorrt.rtx_builder REQUEST` reads a JSON file with `graph` and `answer` (paths), `shapes`
(least, tuned, most of the tensor `input`) and `compute_capability`, prints a line for each phase, and writes `answer`:
the fields of `Built`. It imports nothing else of the project, so that a build takes little more memory than TensorRT's.

TensorRT for RTX builds ahead of time, on a CPU and without a driver, for the compute capabilities that it is told:
https://docs.nvidia.com/deeplearning/tensorrt-rtx/latest/inference-library/work-with-aot.html
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypedDict

_SEVERE = ("ERROR", "INTERNAL_ERROR")


class TensorFacts(TypedDict):
    """An input or output of the engine: its name, type as TensorRT calls it, and dims with the batch; -1 is free."""

    name: str
    dtype: str
    dims: list[int]


class NodeError(TypedDict):
    """What the parser says of a node."""

    name: str
    operator: str
    reason: str


@dataclass
class Built:
    """What became of a build.

    Attributes:
        version: of TensorRT for RTX.
        nodes: that the parser refused.
        errors: that the library logged, each once.
        inputs: of the engine.
        outputs: of the engine.
        corners: dims of the outputs for the least, tuned and most shape of the input.
        layers: of the parsed network.
        engine_bytes: 0 where no engine was built.
        parse_s: seconds that parsing took.
        build_s: seconds that building took.
        memory: bytes that the process took at most.
    """

    version: str
    nodes: list[NodeError] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    inputs: list[TensorFacts] = field(default_factory=list)
    outputs: list[TensorFacts] = field(default_factory=list)
    corners: list[list[list[int]]] = field(default_factory=list)
    layers: int = 0
    engine_bytes: int = 0
    parse_s: float = 0.0
    build_s: float = 0.0
    memory: int = 0


def build(graph: bytes, shapes: list[list[int]], compute_capability: str) -> Built:
    """Parse and build.

    Args:
        graph: an ONNX model.
        shapes: least, tuned and most of its tensor `input`.
        compute_capability: such as `8.6`.
    """
    import tensorrt_rtx_bindings as trt  # noqa: PLC0415 - an extra

    found = Built(trt.__version__)

    class Log(trt.ILogger):  # type: ignore[misc]
        """Keeps errors, each once; at its most talkative the library logs thousands of lines of a network."""

        def log(self, severity: Any, text: str) -> None:  # noqa: ANN401 - an enum of the library
            if severity.name in _SEVERE and text not in found.errors:
                found.errors.append(text)

    log = Log()
    builder = trt.Builder(log)
    network = builder.create_network(0)  # strongly typed, as TensorRT 11's always are
    parser = trt.OnnxParser(network, log)
    print("parsing the graph", flush=True)
    start = time.monotonic()
    is_parsed = parser.parse(graph)
    found.parse_s = time.monotonic() - start
    found.layers = network.num_layers
    if is_parsed:
        found.inputs = [_tensor(network.get_input(index)) for index in range(network.num_inputs)]
        found.outputs = [_tensor(network.get_output(index)) for index in range(network.num_outputs)]
        print("inferring the shapes of the profile", flush=True)
        found.nodes = _shape_errors(network, shapes, found)
    if is_parsed and not found.nodes:
        print(f"building an engine of {network.num_layers} layers", flush=True)
        start = time.monotonic()
        engine = builder.build_serialized_network(network, _config(trt, builder, shapes, compute_capability))
        found.build_s = time.monotonic() - start
        found.engine_bytes = engine.nbytes if engine else 0
    if not is_parsed:
        found.nodes = [_node(parser.get_error(index)) for index in range(parser.num_errors)]
    found.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return found


def _shape_errors(network: Any, shapes: list[list[int]], found: Built) -> list[NodeError]:  # noqa: ANN401
    """The first layer that has no shape, for each shape of the input; the builder itself does not look at them."""
    image = network.get_input(0)
    free = tuple(image.shape)
    errors: list[NodeError] = []
    for shape in shapes:
        logged = len(found.errors)
        try:
            image.shape = tuple(shape)
            found.corners.append([list(network.get_output(index).shape) for index in range(network.num_outputs)])
        except (RuntimeError, ValueError):
            layer = _first_without_shape(network)
            reason = " ".join(found.errors[logged : logged + 1]) or "it has no shape"
            size = "x".join(map(str, shape))
            errors.append(
                {"name": layer.name, "operator": layer.type.name, "reason": f"for an input of {size}: {reason}"}
            )
            del found.errors[logged:]  # or the next shape's would be no news
    image.shape = free
    return errors


def _first_without_shape(network: Any) -> Any:  # noqa: ANN401 - a layer
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        try:
            for output in range(layer.num_outputs):
                len(layer.get_output(output).shape)
        except (RuntimeError, ValueError):
            return layer
    return network.get_layer(network.num_layers - 1)


def _config(trt: Any, builder: Any, shapes: list[list[int]], compute_capability: str) -> Any:  # noqa: ANN401
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, f"SM{compute_capability.replace('.', '')}"), 0)
    profile = builder.create_optimization_profile()
    profile.set_shape("input", *shapes)
    config.add_optimization_profile(profile)
    return config


def _tensor(tensor: Any) -> TensorFacts:  # noqa: ANN401 - the library has no types
    return {"name": tensor.name, "dtype": tensor.dtype.name, "dims": list(tensor.shape)}


def _node(error: Any) -> NodeError:  # noqa: ANN401 - likewise
    return {"name": error.node_name(), "operator": error.node_operator(), "reason": error.desc()}


def main() -> None:
    """Build what the request says."""
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = build(Path(request["graph"]).read_bytes(), request["shapes"], request["compute_capability"])
    Path(request["answer"]).write_text(json.dumps(asdict(found)), encoding="utf-8")


if __name__ == "__main__":
    main()

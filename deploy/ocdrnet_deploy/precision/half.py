"""FP16 in the graph itself, as strongly typed TensorRT (10.12 on, 11 always) wants it.

A recognizer's class-scores layer: the fully-connected layer at its end, which scores the classes of a time step.

It is found by what it feeds, as names differ from one exporter to the next: from the pipeline's own nodes, or those
that make the outputs, back through softmax, arg-max, bias and nodes that only move numbers.

onnxconverter-common converts; which nodes keep 32 bits is chosen here:

- the pipeline's own nodes, `ocdrnet_*` and those that make the outputs: a sum over 18,710 classes, ids and pixels up to
  255 lose in half precision what the network gained;
- a recognizer's class-scores layer, and all from it to the outputs: the best of up to 18,710 classes is decided by
  differences that FP16 rounds away, and mixed precision commonly leaves the last layer whole;
- the grid of OCRNet's spatial transformer, which `graphs.spatial_transformer` finds and names `ocdrnet_float32_*`:
  it is coordinates of pixels, and most ids change in FP16;
- powers, their means and roots: a layer normalization squares what may be over 255, and 65504 is the largest half.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter

import onnx
from onnx import TensorProto, helper

from ocdrnet_deploy.errors import BuildError

_LAYERS = ("MatMul", "Gemm")
_MOVING = ("Identity", "Cast", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze")
_CHOOSING = ("Softmax", "LogSoftmax", "ArgMax", "ReduceMax")


def class_scores_nodes(model: onnx.ModelProto, pipeline: set[str]) -> list[str]:
    """Names of a recognizer's class-scores layer and of the nodes between it and the pipeline's; none of a detector.

    Where the way back meets another node first, the layer stays out: an attention decoder, for one, collects the scores
    of its unrolled steps.

    Args:
        model: an adapted graph with a name for every node.
        pipeline: names of the nodes that read the scores or make the outputs: the way back starts there.
    """
    if "output_id" not in {output.name for output in model.graph.output}:
        return []
    makers = {name: node for node in model.graph.node for name in node.output}
    weights = {weight.name for weight in model.graph.initializer}
    weights |= {name for name, node in makers.items() if node.op_type == "Constant"}
    waiting = [name for node in model.graph.node if node.name in pipeline for name in node.input]
    found: set[str] = set()
    while waiting:
        node = makers.get(waiting.pop())
        if node is None or node.name in found | pipeline:
            continue
        before = list(_scores_before(node, weights))
        if before or node.op_type in _LAYERS:
            found.add(node.name)
            waiting += before
    return [node.name for node in model.graph.node if node.name in found]


def _scores_before(node: onnx.NodeProto, weights: set[str]) -> Iterator[str]:
    """The tensor of scores that a node moves, chooses from or adds a bias to."""
    if node.op_type in (*_MOVING, *_CHOOSING):
        yield node.input[0]
    elif node.op_type == "Add" and weights.intersection(node.input):
        yield from (name for name in node.input if name not in weights)


_PIPELINE_SCOPE = "ocdrnet_"
_KEPT_OPS = ("Pow", "ReduceMean", "Sqrt")
_AFTER_KEPT = re.compile(r"_output_cast\d+$")  # how the converter names its Cast to FP16 behind a kept node
_UNKNOWN_TO_ONNX = "ModulatedDeformConv2d"  # a float map of rank 4, as its TensorRT plugin returns


def half_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with FP16 weights and tensors, except where FP32 is kept; inputs and outputs keep their types.

    Raises:
        BuildError: onnxconverter-common is not installed.
    """
    try:
        from onnxconverter_common import float16  # noqa: PLC0415 - only a build for a GPU needs it
    except ImportError:
        raise BuildError("FP16 needs onnxconverter-common: pip install 'ocdrnet[serve]'") from None
    typed = _prepared(model)
    kept = kept_nodes(typed)
    casts = {node.name for node in typed.graph.node if _casts_to(node, TensorProto.FLOAT)} - set(kept)
    with warnings.catch_warnings():  # it warns of every weight below 1e-7, which it rounds up to that
        warnings.simplefilter("ignore")
        converted: onnx.ModelProto = float16.convert_float_to_float16(
            typed,
            keep_io_types=True,
            disable_shape_infer=True,
            node_block_list=kept,
            op_block_list=[*float16.DEFAULT_OP_BLOCK_LIST, *_KEPT_OPS],
        )
    _retarget_casts(converted.graph, casts)
    _join_kept_nodes(converted.graph)
    _restore_outputs(converted.graph, model.graph)
    del converted.graph.value_info[:]  # some are wrong by now; each engine infers its own
    return converted


def pipeline_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that the pipeline made, or marked, and of those that make the outputs."""
    outputs = {output.name for output in model.graph.output}
    return [
        node.name
        for node in model.graph.node
        if node.name.startswith(_PIPELINE_SCOPE) or outputs.intersection(node.output)
    ]


def kept_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that need FP32: the pipeline's, and a recognizer's from its class scores on."""
    pipeline = pipeline_nodes(model)
    return pipeline + class_scores_nodes(model, set(pipeline))


def kept_float_nodes(model: onnx.ModelProto) -> list[str]:
    """All that compute floats in FP32: an older TensorRT, which picks precisions itself, is told of them."""
    typed = _prepared(model)
    kept = set(kept_nodes(typed)) | {node.name for node in typed.graph.node if node.op_type in _KEPT_OPS}
    floats = {info.name for info in typed.graph.value_info if info.type.tensor_type.elem_type == TensorProto.FLOAT}
    floats |= {info.name for info in typed.graph.output if info.type.tensor_type.elem_type == TensorProto.FLOAT}
    return [node.name for node in typed.graph.node if node.name in kept and floats.intersection(node.output)]


def _prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with sorted, named nodes and the types of all tensors: casts are placed only where the type is known."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    _sort(copy.graph)
    for index, node in enumerate(copy.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    for node in copy.graph.node:
        if node.op_type == _UNKNOWN_TO_ONNX:
            copy.graph.value_info.append(helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, [None] * 4))
    inferred = onnx.shape_inference.infer_shapes(copy)
    _drop_idle_casts(inferred.graph)
    return inferred


def _drop_idle_casts(graph: onnx.GraphProto) -> None:
    """Remove casts of FP32 to FP32, such as OCDNet's first node: the converter takes one for the end of a kept part."""
    floats = {info.name for info in graph.value_info if info.type.tensor_type.elem_type == TensorProto.FLOAT}
    outputs = {output.name for output in graph.output}
    idle = [
        node
        for node in graph.node
        if _casts_to(node, TensorProto.FLOAT) and node.input[0] in floats and node.output[0] not in outputs
    ]
    for cast in idle:
        graph.node.remove(cast)
        for node in graph.node:
            for index, name in enumerate(node.input):
                node.input[index] = cast.input[0] if name == cast.output[0] else name


def _sort(graph: onnx.GraphProto) -> None:
    """Producers before consumers; OCRNet's published graphs are not so, and type inference goes once from the front."""
    nodes = list(graph.node)
    makers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    sorter = TopologicalSorter(
        {index: [makers[name] for name in _read_by(node) if name in makers] for index, node in enumerate(nodes)}
    )
    order = list(sorter.static_order())
    del graph.node[:]
    graph.node.extend(nodes[index] for index in order)


def _read_by(node: onnx.NodeProto) -> Iterable[str]:
    yield from node.input
    for attribute in node.attribute:  # a branch's nodes also read tensors of the graph around it
        for inner in attribute.g.node:
            yield from _read_by(inner)


def _retarget_casts(graph: onnx.GraphProto, casts: set[str]) -> None:
    """A Cast of integers to FP32 inside the half-precision part casts to FP16 from now on."""
    for node in graph.node:
        if node.name in casts:
            node.attribute[0].i = TensorProto.FLOAT16  # a Cast to a float type has this one attribute


def _join_kept_nodes(graph: onnx.GraphProto) -> None:
    """Let FP32 flow between neighbours that are kept: the converter rounds to FP16 and back at every one of them.

    Not for precision alone: an engine that leaves out the rounding on one of two ways to a comparison, as ONNX Runtime
    does, finds no class equal to the best.
    """
    rounded = {node.output[0]: node.input[0] for node in graph.node if _AFTER_KEPT.search(node.name)}
    whole = {
        node.output[0]: rounded[node.input[0]]
        for node in graph.node
        if _casts_to(node, TensorProto.FLOAT) and node.input[0] in rounded
    }
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = whole.get(name, name)
    read = {name for node in graph.node for name in _read_by(node)} | {output.name for output in graph.output}
    for node in [node for node in graph.node if node.op_type == "Cast" and node.output[0] not in read]:
        graph.node.remove(node)


def _restore_outputs(graph: onnx.GraphProto, original: onnx.GraphProto) -> None:
    """The converter turns an output that a kept node makes into FP16, whatever `keep_io_types` says."""
    makers = {name: node for node in graph.node for name in node.output}
    for output, before in zip(graph.output, original.output, strict=True):
        if output.type.tensor_type.elem_type != before.type.tensor_type.elem_type:
            output.CopyFrom(before)
            makers[output.name].attribute[0].i = TensorProto.FLOAT


def _casts_to(node: onnx.NodeProto, kind: int) -> bool:
    return node.op_type == "Cast" and any(a.name == "to" and a.i == kind for a in node.attribute)

"""A recognizer's class-scores layer: the fully-connected layer at its end, which scores the classes of a time step.

It is found by what it feeds, as names differ from one exporter to the next: from the pipeline's own nodes, or those
that make the outputs, back through softmax, arg-max, bias and nodes that only move numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

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

"""The layer of a recognizer that scores its classes: a matrix product whose columns are the classes, and its bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.graph import Constants, GraphEdit
from ocdrnet_deploy.graphs.signature import maker


@dataclass(frozen=True)
class ClassTensor:
    """A constant with the classes along one axis.

    Attributes:
        node: index in the graph of the node that reads it.
        position: among that node's inputs.
        axis: of the classes.
        value: of the constant.
    """

    node: int
    position: int
    axis: int
    value: npt.NDArray[np.generic]


@dataclass(frozen=True)
class ClassLayer:
    """What has to be narrowed for a recognizer to score fewer classes.

    Attributes:
        tensors: the matrix, and the bias where there is one.
        classes: how many there are.
    """

    tensors: tuple[ClassTensor, ...]
    classes: int


def find_class_layer(model: onnx.ModelProto, scores: str) -> ClassLayer:
    """Find the layer behind a tensor.

    Args:
        model: a recognizer.
        scores: name of the tensor of scores [N, T, classes], before or behind a softmax.

    Raises:
        NetworkError: it is not made by MatMul, MatMul and Add, or Gemm with constant weights.
    """
    finder = _Finder(model)
    last = finder.producer(scores)
    if last is not None and finder.nodes[last].op_type == "Softmax":
        last = finder.producer(finder.nodes[last].input[0])
    found = finder.layer(last)
    if found is None:
        what = "nothing" if last is None else finder.nodes[last].op_type
        raise NetworkError(
            f"the recognizer's classes are scored by {what}; they can be cut only where it is a MatMul, a MatMul and "
            "Add, or a Gemm with constant weights, right before the softmax"
        )
    return found


def scores_behind(model: onnx.ModelProto, output: str) -> str:
    """Name of the scores that an output of ids or probabilities is chosen from; empty where they are not plain."""
    node = maker(model, output)
    if node is None or node.op_type not in ("ArgMax", "ReduceMax"):
        return ""
    scored = maker(model, node.input[0])
    return str(scored.output[0]) if scored is not None and scored.op_type == "Softmax" else ""


def narrowed(edit: GraphEdit, layer: ClassLayer, kept: npt.NDArray[np.int64]) -> None:
    """Keep some classes of a layer, in the order given; weights that nothing reads any more go."""
    for tensor in layer.tensors:
        smaller = np.take(tensor.value, kept, axis=tensor.axis)
        edit.graph.node[tensor.node].input[tensor.position] = edit.constant(smaller, smaller.dtype.type)
    edit.drop_unread_weights()
    del edit.graph.value_info[:]  # some state the old number of classes; each engine infers its own


class _Finder:
    """Producers and constants of a graph, by name."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes = model.graph.node
        self._makers = {name: index for index, node in enumerate(self.nodes) for name in node.output}
        self._constants = Constants(model.graph)

    def producer(self, tensor: str) -> int | None:
        """Index of the node that computes a tensor, behind those that hand it on unchanged or in another shape."""
        index = self._makers.get(tensor)
        while index is not None and self._hands_on(self.nodes[index]):
            index = self._makers.get(self.nodes[index].input[0])
        return index

    def _hands_on(self, node: onnx.NodeProto) -> bool:
        """Whether the classes stay the last axis, however many they are: a Reshape may have their number in it."""
        if node.op_type == "Transpose":
            perm = next((list(a.ints) for a in node.attribute if a.name == "perm"), [])
            return bool(perm) and perm[-1] == len(perm) - 1  # without perm it turns the axes round
        if node.op_type == "Reshape":
            return self._ends_free(node.input[1])
        return node.op_type in ("Identity", "Cast")

    def _ends_free(self, shape: str) -> bool:
        """Whether the last number of a shape is -1; exporters join it from parts where others are free."""
        index = self._makers.get(shape)
        if index is not None and self.nodes[index].op_type == "Concat":
            return self._ends_free(self.nodes[index].input[-1])
        value = self._constants.value(shape)
        return value is not None and value.size > 0 and bool(value.flat[-1] == -1)

    def layer(self, last: int | None) -> ClassLayer | None:
        node = None if last is None else self.nodes[last]
        if last is None or node is None:
            return None
        if node.op_type == "Gemm":
            axis = 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1
            return self._with_bias(self._constant(last, 1, axis), last, 2 if len(node.input) > 2 else None)
        if node.op_type == "MatMul":
            return self._with_bias(self._constant(last, 1, 1), last, None)
        if node.op_type != "Add":
            return None
        product = next((p for p in (0, 1) if self._constant(last, p, -1) is None), 0)
        behind = self.producer(node.input[product])
        if behind is None or self.nodes[behind].op_type != "MatMul":
            return None
        return self._with_bias(self._constant(behind, 1, 1), last, 1 - product)

    def _with_bias(self, matrix: ClassTensor | None, node: int, position: int | None) -> ClassLayer | None:
        if matrix is None or matrix.value.ndim != 2:
            return None
        classes = matrix.value.shape[matrix.axis]
        if position is None:
            return ClassLayer((matrix,), classes)
        bias = self._constant(node, position, -1)
        if bias is None or bias.value.ndim == 0 or bias.value.shape[-1] != classes:
            return None
        return ClassLayer((matrix, bias), classes)

    def _constant(self, node: int, position: int, axis: int) -> ClassTensor | None:
        value = self._constants.value(self.nodes[node].input[position])
        return None if value is None else ClassTensor(node, position, axis, value)

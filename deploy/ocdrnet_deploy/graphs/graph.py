"""Edits of an ONNX graph: constants by name, what goes before its input and after its output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from ocdrnet_deploy.graphs.signature import STANDARD_DOMAINS


class Constants:
    """Initializers and `Constant` nodes, also behind an `Identity`, as exporters write them."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        """Index the graph as it is now."""
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._makers = {name: node for node in graph.node for name in node.output}

    def value(self, name: str) -> npt.NDArray[np.generic] | None:
        """Value of a tensor; none where it is computed or an input."""
        if name in self._weights:
            return np.asarray(numpy_helper.to_array(self._weights[name]))
        node = self._makers.get(name)
        if node is not None and node.op_type == "Identity":
            return self.value(node.input[0])
        if node is None or node.op_type != "Constant":
            return None
        values = [a.t for a in node.attribute if a.name == "value"]
        return np.asarray(numpy_helper.to_array(values[0])) if values else None


class GraphEdit:
    """Adds nodes to a copy of a model; names it makes start with `ocdrnet_` and cannot meet the network's own.

    Nothing here asks for a graph that `onnx.checker` accepts: OCRNet's nodes are not sorted, and both CPU engines and
    TensorRT sort them by themselves.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        self._count = 0
        self._taken = {name for node in self.graph.node for name in node.output}
        self._taken |= {weight.name for weight in self.graph.initializer}

    @property
    def graph(self) -> onnx.GraphProto:
        """The graph being edited."""
        return self.model.graph

    @property
    def opset(self) -> int:
        """Version of the standard operators that the graph is written in."""
        return next((o.version for o in self.model.opset_import if o.domain in STANDARD_DOMAINS), 1)

    def constant(self, value: Any, dtype: type[np.generic]) -> str:  # noqa: ANN401 - whatever NumPy takes
        """Add an initializer and return its name."""
        name = self._name("constant")
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:  # noqa: ANN401
        """Add a node with one output and return the output's name."""
        output = output or self._name(op.lower())
        self.graph.node.append(onnx.helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def reduce(self, op: str, tensor: str, keepdims: int, output: str = "") -> str:
        """Add a reduction over the last axis; its axes became an input in opset 13 (sum) and 18 (the others)."""
        if self.opset < (13 if op == "ReduceSum" else 18):
            return self.node(op, tensor, output=output, axes=[-1], keepdims=keepdims)
        return self.node(op, tensor, self.constant([-1], np.int64), output=output, keepdims=keepdims)

    def reshape(self, tensor: str, shape: list[int]) -> str:
        """Add a Reshape; 0 keeps a size, -1 takes what is left."""
        return self.node("Reshape", tensor, self.constant(shape, np.int64))

    def prepend(self, first_nodes: int) -> None:
        """Move the nodes added since the graph had `first_nodes` to its front: producers come before consumers."""
        nodes = list(self.graph.node)
        del self.graph.node[:]
        self.graph.node.extend(nodes[first_nodes:] + nodes[:first_nodes])

    def replace_input(self, old: str, new: onnx.ValueInfoProto) -> None:
        """Make `new` the graph's only input in place of `old`."""
        others = [i for i in self.graph.input if i.name != old]
        del self.graph.input[:]
        self.graph.input.extend([*others, new])

    def replace_outputs(self, *new: onnx.ValueInfoProto) -> None:
        """Make `new` the graph's outputs."""
        del self.graph.output[:]
        self.graph.output.extend(new)

    def rename_tensor(self, old: str, new: str) -> None:
        """Rename a tensor wherever nodes read or write it, and forget the type that was noted for it."""
        for node in _all_nodes(self.graph):
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    if name == old:
                        names[i] = new
        for initializer in self.graph.initializer:
            if initializer.name == old:
                initializer.name = new
        noted = [info for info in self.graph.value_info if info.name != old]
        del self.graph.value_info[:]
        self.graph.value_info.extend(noted)

    def rename_made(self, tensor: str) -> str:
        """Rename a tensor where it is made alone: those who read it read what is made under its name from now on."""
        made = self._name("made")
        for node in self.graph.node:
            for i, name in enumerate(node.output):
                node.output[i] = made if name == tensor else name
        return made

    def drop_unread_weights(self) -> None:
        """Remove initializers that no node reads and that are no output, and their declaration as inputs."""
        read = {name for node in _all_nodes(self.graph) for name in node.input}
        read |= {output.name for output in self.graph.output}
        unread = {weight.name for weight in self.graph.initializer if weight.name not in read}
        for held in (self.graph.initializer, self.graph.input):
            kept = [each for each in held if each.name not in unread]
            del held[:]
            held.extend(kept)

    def _name(self, what: str) -> str:
        while True:  # an earlier edit of the same graph may have made some
            self._count += 1
            name = f"ocdrnet_{what}_{self._count}"
            if name not in self._taken:
                return name


def _all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Nodes of a graph and of the branches and loops in it, which may read the graph's own tensors."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                yield from _all_nodes(inner)

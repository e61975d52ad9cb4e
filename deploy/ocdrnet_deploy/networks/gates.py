"""Residual gates in one pass: x + x * g is x * (g + 1).

A squeeze-and-excitation gate g is one number a channel (Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018), the
feature map x is large: the sum costs a pass over it that the product alone does not.
"""

from __future__ import annotations

import numpy as np
import onnx

from ocdrnet_deploy.networks.graph import GraphEdit

_GATES = ("HardSigmoid", "Sigmoid")


def join_residual_gates(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with every x + x * g, g from a sigmoid, as a product; numbers differ by rounding alone."""
    edit = GraphEdit(model)
    makers = {name: node for node in edit.graph.node for name in node.output}
    one = edit.constant(1.0, np.float32)
    nodes = list(edit.graph.node)
    del edit.graph.node[:]
    for node in nodes:
        found = _residual_gate(node, makers)
        if found is None:
            edit.graph.node.append(node)
            continue
        x, gate = found
        edit.node("Mul", x, edit.node("Add", gate, one), output=node.output[0])
    _drop_unread(edit.graph)
    edit.drop_unread_weights()
    return edit.model


def _residual_gate(node: onnx.NodeProto, makers: dict[str, onnx.NodeProto]) -> tuple[str, str] | None:
    """Names of x and g where a node is x + x * g."""
    if node.op_type != "Add":
        return None
    first, second = (_made_as(name, makers) for name in node.input)
    for x, product in ((first, second), (second, first)):
        made_by = makers.get(product)
        if made_by is None or made_by.op_type != "Mul":
            continue
        factors = [_made_as(name, makers) for name in made_by.input]
        gate = factors[1] if factors[0] == x else factors[0]
        if x in factors and gate in makers and makers[gate].op_type in _GATES:
            return x, gate
    return None


def _made_as(name: str, makers: dict[str, onnx.NodeProto]) -> str:
    """A tensor's name where it is computed, behind nodes that only hand it on."""
    while name in makers and makers[name].op_type == "Identity":
        name = makers[name].input[0]
    return name


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Remove nodes that nothing reads, and those that only they read."""
    nodes = list(graph.node)
    while True:
        read = {name for node in nodes for name in node.input} | {output.name for output in graph.output}
        kept = [node for node in nodes if any(name in read for name in node.output)]
        if len(kept) == len(nodes):
            break
        nodes = kept
    del graph.node[:]
    graph.node.extend(nodes)

"""Writes the nodes of a twin, with names as PyTorch's exporter gives them."""

import numpy as np
from onnx import helper, numpy_helper


class TwinGraph:
    """Nodes and weights in the making."""

    def __init__(self, scope):
        self.nodes = []
        self.weights = []
        self._scope = scope

    def constant(self, value, dtype=np.float32):
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op, *inputs, output=None, outputs=(), **attributes):
        """Add a node; returns its output's name, or their names."""
        name = f"/{self._scope}/{op}_{len(self.nodes)}"
        made = list(outputs) or [output or f"{name}_output_0"]
        self.nodes.append(helper.make_node(op, inputs, made, name=name, **attributes))
        return made if outputs else made[0]

    def model(self, inputs, outputs, opset, ir_version, other_domains=()):
        graph = helper.make_graph(self.nodes, "torch_jit", inputs, outputs, self.weights)
        opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in other_domains)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version, producer_name="pytorch")

"""Constants of a graph, by name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper


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

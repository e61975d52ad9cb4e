"""A recognizer's spatial transformer, found by its structure: its constants become one, and it keeps 32-bit floats.

OCRNet straightens a crop before it reads it: a small network finds control points C', and a thin-plate spline turns
them into the place in the crop that each pixel is read from (Shi et al., "Robust Scene Text Recognition with Automatic
Rectification", CVPR 2016, section 3.1). Exports have that spline as P_hat (inv_delta_C C'): two products whose terms
are hundreds of times as large as their sum, which is a coordinate between -1 and 1. In half precision or bfloat16
little of it is left: a grid off by ten pixels, and other texts. The matrix P_hat inv_delta_C, multiplied here in 64-bit
floats, has entries of about 1 and no such loss.

What names a node has does not matter: TAO wrote `/Transformation/` once and writes `/ocr_model/Transformation/` now.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx

from ocdrnet_deploy.graphs.graph import Constants, GraphEdit
from ocdrnet_triton.engines.base import FLOAT32

_SAMPLER = "GridSample"
_HANDING_ON = ("Reshape", "Identity", "Cast", "Squeeze", "Unsqueeze", "Transpose")
_REPEATING = ("Tile", "Expand", "Identity", "Cast", "Unsqueeze")


def keep_spatial_transformer(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with its spline's constants as one, and the nodes that make the grid, and sample, marked.

    Marked means named `FLOAT32...`: FP16 conversion leaves them alone, and OpenVINO is told to (see
    `ocdrnet_triton.engines.openvino`). A network that samples no grid comes back as it is.

    Args:
        model: a recognizer before it is adapted.
    """
    if not any(node.op_type == _SAMPLER for node in model.graph.node):
        return model
    edit = GraphEdit(model)
    for sampler in [node for node in edit.graph.node if node.op_type == _SAMPLER]:
        _fold_spline(edit, sampler.input[1])
    _drop_unread(edit)
    for node in grid_nodes(edit.graph):
        node.name = node.name if node.name.startswith(FLOAT32) else f"{FLOAT32}{node.name or node.output[0]}"
    return edit.model


def grid_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Nodes that sample by a grid, and all that compute it from the image.

    The small network before the spline too: with it in bfloat16 the grid is off by 0.14 pixels, and of the ids that
    OCRNet v1 is sure of 97.7 % stay instead of 99.6 %. It has 3 % (v1) to 15 % (v2) of the multiplications.
    """
    makers = {name: node for node in graph.node for name in node.output}
    found: dict[int, onnx.NodeProto] = {}
    for sampler in (node for node in graph.node if node.op_type == _SAMPLER):
        found[id(sampler)] = sampler
        waiting = [sampler.input[1]]
        while waiting:
            node = makers.get(waiting.pop())
            if node is None or id(node) in found or node.op_type == "Shape":
                continue
            found[id(node)] = node
            waiting.extend(node.input)
    return list(found.values())


def _fold_spline(edit: GraphEdit, grid: str) -> None:
    """Replace P_hat (inv_delta_C C') by (P_hat inv_delta_C) C', where both are constant matrices."""
    makers = {name: node for node in edit.graph.node for name in node.output}
    outer = _behind(grid, makers, _HANDING_ON)
    inner = (
        None if outer is None or outer.op_type != "MatMul" else _behind(outer.input[1], makers, ("Identity", "Cast"))
    )
    if outer is None or inner is None or inner.op_type != "MatMul":
        return
    left, right = (_matrix(edit.graph, node.input[0], makers) for node in (outer, inner))
    if left is None or right is None or left.shape[1] != right.shape[0] or right.shape[0] != right.shape[1]:
        return
    points, matrix = _without_zeros(edit, inner.input[1], makers, left.astype(np.float64) @ right.astype(np.float64))
    outer.input[0] = edit.constant(matrix, np.float32)
    outer.input[1] = points
    _move_bias(edit, outer, makers)


def _without_zeros(
    edit: GraphEdit, points: str, makers: dict[str, onnx.NodeProto], matrix: npt.NDArray[np.float64]
) -> tuple[str, npt.NDArray[np.float64]]:
    """The control points without the zeros that are joined to them, and the matrix without the columns for those."""
    joined = makers.get(points)
    if joined is None or joined.op_type != "Concat" or len(joined.input) != 2:
        return points, matrix
    axis = next((a.i for a in joined.attribute if a.name == "axis"), 0)
    zeros = _zero_rows(edit.graph, joined.input[1], makers)
    if axis not in (1, -2) or not zeros:
        return points, matrix
    return joined.input[0], matrix[:, : matrix.shape[1] - zeros]


def _zero_rows(graph: onnx.GraphProto, name: str, makers: dict[str, onnx.NodeProto]) -> int:
    """Rows of a tensor [N, rows, 2] that is known to be zero; 0 where that is not known."""
    constants = Constants(graph)
    value = constants.value(name)
    if value is not None:
        return int(value.shape[-2]) if value.ndim > 1 and not value.any() else 0
    node = _behind(name, makers, (*_REPEATING, "Identity"))
    if node is None or node.op_type != "ConstantOfShape":
        return 0
    filled = next((onnx.numpy_helper.to_array(a.t) for a in node.attribute if a.name == "value"), np.zeros(1))
    shape = makers.get(node.input[0])
    if filled.any() or shape is None or shape.op_type != "Concat" or len(shape.input) < 2:
        return 0
    rows = constants.value(shape.input[-2])
    return int(rows.reshape(-1)[0]) if rows is not None and rows.size == 1 else 0


def _matrix(graph: onnx.GraphProto, name: str, makers: dict[str, onnx.NodeProto]) -> npt.NDArray[np.generic] | None:
    """A constant matrix, behind what repeats it for each crop; none where it is computed."""
    constants = Constants(graph)
    value = constants.value(name)
    while value is None:
        node = makers.get(name)
        if node is None or node.op_type not in _REPEATING:
            return None
        name = node.input[0]
        value = constants.value(name)
    while value.ndim > 2 and value.shape[0] == 1:
        value = value[0]
    return value if value.ndim == 2 and value.dtype.kind == "f" else None


def _move_bias(edit: GraphEdit, spline: onnx.NodeProto, makers: dict[str, onnx.NodeProto]) -> None:
    """Add what the last layer's bias makes of the grid at the end, not to the control points.

    The bias is where control points mostly are. Without it a rounded tensor holds how far they moved, which is small,
    and so is its error.
    """
    constants = Constants(edit.graph)
    matrix = constants.value(spline.input[0])
    layer = _behind(spline.input[1], makers, _HANDING_ON)
    bias = (
        constants.value(layer.input[2])
        if layer is not None and layer.op_type == "Gemm" and len(layer.input) > 2
        else None
    )
    if layer is None or matrix is None or bias is None or bias.size != 2 * matrix.shape[1]:
        return
    beta = next((a.f for a in layer.attribute if a.name == "beta"), 1.0)
    resting = matrix.astype(np.float64) @ (beta * bias.astype(np.float64)).reshape(-1, 2)
    del layer.input[2:]
    spline_output = spline.output[0]
    edit.node("Add", edit.rename_made(spline_output), edit.constant(resting, np.float32), output=spline_output)


def _behind(name: str, makers: dict[str, onnx.NodeProto], passed: tuple[str, ...]) -> onnx.NodeProto | None:
    node = makers.get(name)
    while node is not None and node.op_type in passed:
        node = makers.get(node.input[0])
    return node


def _drop_unread(edit: GraphEdit) -> None:
    """Remove nodes that nothing reads any more, and the weights that only they read."""
    outputs = {output.name for output in edit.graph.output}
    while True:
        read = outputs | set(_read(edit.graph.node))
        unread = [node for node in edit.graph.node if not read.intersection(node.output)]
        if not unread:
            break
        for node in unread:
            edit.graph.node.remove(node)
    edit.drop_unread_weights()


def _read(nodes: Iterator[onnx.NodeProto]) -> Iterator[str]:
    for node in nodes:
        yield from node.input
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _read(inner.node)

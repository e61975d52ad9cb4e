"""A recognizer that is told with each run which classes it may answer.

`charset` int32 [K] is a second input of the adapted graph: ids in ascending order, and -1 as padding behind them. An
engine keeps what it prepared for each size it met, OpenVINO 1 MB a size, so the caller pads to a few sizes.

Where the layer that scores the classes is a plain matrix product, its columns are gathered by the ids, so that a small
charset is also fast. Elsewhere a bias before the softmax rules the others out, as in OCRNet, whose few classes cost
nothing. Either way the probability is among the allowed classes.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.class_layer import find_class_layer, scores_behind
from ocdrnet_deploy.networks.description import NetworkDescription
from ocdrnet_deploy.networks.graph import GraphEdit
from ocdrnet_deploy.networks.signature import maker, outputs

CHARSET = "charset"
_RULED_OUT = -1e9  # added to a score before the softmax; an infinity in half precision, which leaves nothing of it too


def restrict_classes(edit: GraphEdit, description: NetworkDescription) -> bool:
    """Let the network score only the classes of the tensor `charset`, which `declare_charset` makes an input.

    Args:
        edit: of the network as it was trained.
        description: of it.

    Returns:
        Whether only those classes are left in the scores; otherwise all are, and the others are ruled out.

    Raises:
        NetworkError: the scores are not found.
    """
    edit.rename_tensor(CHARSET, f"ocdrnet_original_{CHARSET}")
    before = len(edit.graph.node)
    is_padding = edit.node("Less", CHARSET, edit.constant(0, np.int32))
    classes = _classes_of_ids(edit, edit.node("Where", is_padding, edit.constant(0, np.int32), CHARSET), description)
    is_narrowed = description.answer != "ids" and _narrowed(edit, classes, is_padding)
    if not is_narrowed:
        _rule_out(edit, classes, description)
    edit.prepend(before)
    del edit.graph.value_info[:]  # some state the number of all classes
    return is_narrowed


def declare_charset(edit: GraphEdit) -> None:
    """Make `charset` an input."""
    edit.graph.input.append(helper.make_tensor_value_info(CHARSET, TensorProto.INT32, ["K"]))


def _classes_of_ids(edit: GraphEdit, ids: str, description: NetworkDescription) -> str:
    """Indices among the network's own classes: they are the ids, unless its blank is not the first."""
    if description.answer == "ids" or description.blank == 0:
        return ids
    count = outputs(edit.model)[0].fixed(2)
    blank = description.blank % count if count else 0
    order = [blank, *(index for index in range(count) if index != blank)]
    return edit.node("Gather", edit.constant(order, np.int32), ids)


def _narrowed(edit: GraphEdit, classes: str, is_padding: str) -> bool:
    try:
        layer = find_class_layer(edit.model, outputs(edit.model)[0].name)
    except NetworkError:
        return False
    padding = edit.node("Where", is_padding, *(edit.constant(value, np.float32) for value in (_RULED_OUT, 0)))
    for tensor in layer.tensors:
        inputs = edit.graph.node[tensor.node].input
        inputs[tensor.position] = edit.node(
            "Gather", inputs[tensor.position], classes, axis=tensor.axis % tensor.value.ndim
        )
    if len(layer.tensors) > 1:
        bias = layer.tensors[1]
        inputs = edit.graph.node[bias.node].input
        inputs[bias.position] = edit.node("Add", inputs[bias.position], padding)
    else:
        scores = edit.graph.node[layer.tensors[0].node].output[0]
        edit.node("Add", edit.rename_made(scores), padding, output=scores)
    return True


def _rule_out(edit: GraphEdit, classes: str, description: NetworkDescription) -> None:
    """Put a bias between what goes into the softmax and those who read it."""
    scores = outputs(edit.model)[0].name
    if description.answer != "class-logits":
        scores = _softmax(edit.model, description).input[0]
    unrestricted = edit.rename_made(scores)
    zero, ruled_out = (numpy_helper.from_array(np.array([value], np.float32)) for value in (0, _RULED_OUT))
    last = edit.node("Gather", edit.node("Shape", unrestricted), edit.constant([-1], np.int64))
    everything = edit.node("ConstantOfShape", last, value=ruled_out)
    nothing = edit.node("ConstantOfShape", edit.node("Shape", classes), value=zero)
    bias = edit.node("ScatterElements", everything, classes, nothing, axis=0)
    edit.node("Add", unrestricted, bias, output=scores)


def _softmax(model: onnx.ModelProto, description: NetworkDescription) -> onnx.NodeProto:
    """The softmax over the classes, which are the last axis."""
    names = {outputs(model)[0].name}
    if description.answer == "ids":
        names = {scores_behind(model, name) for name in ("output_id", "output_prob")}
    node = maker(model, names.pop()) if len(names) == 1 else None
    if node is None or node.op_type != "Softmax" or _axis(node) not in (-1, 2):
        raise NetworkError("the recognizer's classes are not chosen from one softmax: no charset can rule some out")
    return node


def _axis(node: onnx.NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "axis"), -1)

"""A network's graph -> the pipeline's tensor contract.

A recognizer that is told with each run which classes it may answer.

`charset` int32 [K] is a second input of the adapted graph: ids in ascending order, and -1 as padding behind them. An
engine keeps what it prepared for each size it met, OpenVINO 1 MB a size, so the caller pads to a few sizes.

Where the layer that scores the classes is a plain matrix product, its columns are gathered by the ids, so that a small
charset is also fast. Elsewhere a bias before the softmax rules the others out, as in OCRNet, whose few classes cost
nothing. Either way the probability is among the allowed classes.

Colour order, gray, mean, scale and layout go into the graph before the network; the choice of a character, its
probability and the 8-bit probability map go behind it. So every detector and every recognizer, whoever trained it,
takes uint8 [N, h, w, 3] BGR and Python never touches a float image.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from ocdrnet_deploy.catalog.description import NetworkDescription, Normalization
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.class_layer import find_class_layer, narrowed, scores_behind
from ocdrnet_deploy.graphs.class_scores import best_classes
from ocdrnet_deploy.graphs.graph import GraphEdit
from ocdrnet_deploy.graphs.signature import OLDEST_OPSET, TensorSignature, image_input, maker, outputs
from ocdrnet_deploy.graphs.spatial_transformer import keep_spatial_transformer


def prune_classes(
    model: onnx.ModelProto, description: NetworkDescription, kept: npt.NDArray[np.bool_]
) -> tuple[onnx.ModelProto, NetworkDescription]:
    """Drop the classes of characters that are not kept; the others keep their order, and the blank its place.

    Args:
        model: a CTC recognizer before it is adapted.
        description: of it; its card's characters are left as they are.
        kept: bool [characters].

    Returns:
        The smaller network, and its description: a blank in the middle has another index.

    Raises:
        NetworkError: the recognizer is no CTC, or its last layer is not one that can be cut.
    """
    if description.card.get("decoder") == "attention":
        raise NetworkError("an attention recognizer cannot be cut: its characters are fed back from step to step")
    layer = find_class_layer(model, _scores(model, description))
    classes = len(kept) + 1
    if layer.classes != classes:
        raise NetworkError(f"the recognizer's last layer has {layer.classes} classes; {classes} are needed")
    blank = description.blank % classes
    columns = np.flatnonzero(np.insert(kept, blank, True))  # the blank's class among those of the characters
    edit = GraphEdit(model)
    narrowed(edit, layer, columns)
    if description.answer != "ids":
        edit.graph.output[0].type.tensor_type.shape.dim[2].dim_value = len(columns)
    return edit.model, replace(description, blank=int(np.searchsorted(columns, blank)))


def _scores(model: onnx.ModelProto, description: NetworkDescription) -> str:
    if description.answer != "ids":
        return outputs(model)[0].name
    found = {scores_behind(model, name) for name in ("output_id", "output_prob")}
    if len(found) != 1 or "" in found:
        raise NetworkError("the recognizer's ids and probabilities are not chosen from one softmax; it cannot be cut")
    return found.pop()


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


GRAY = (0.114, 0.587, 0.299)  # of B, G, R: ITU-R BT.601's luma, as Pillow's and OpenCV's conversions to gray


def normalize_input(edit: GraphEdit, normalization: Normalization, height: int | str, width: int | str) -> None:
    """Feed the network `(pixel - mean) * scale` as float [N, C, h, w], made from `input` uint8 [N, h, w, 3] BGR.

    Args:
        edit: of the network.
        normalization: of its input.
        height: in pixels, or a name where it is free.
        width: likewise.

    Raises:
        NetworkError: the network has not one image input of 32-bit floats with as many planes.
    """
    original = image_input(edit.model)
    _check_planes(original, normalization)
    edit.rename_tensor(original.name, "ocdrnet_normalized")
    if original.name != "input":
        edit.rename_tensor("input", "ocdrnet_original_input")
    before = len(edit.graph.node)
    planes = _planes(edit, edit.node("Cast", "input", to=TensorProto.FLOAT), normalization)
    centered = edit.node("Sub", planes, edit.constant(np.reshape(normalization.mean, (1, -1, 1, 1)), np.float32))
    scale = edit.constant(np.reshape(normalization.scale, (1, -1, 1, 1)), np.float32)
    edit.node("Mul", centered, scale, output="ocdrnet_normalized")
    edit.prepend(before)
    edit.replace_input(original.name, _image(height, width))


def _check_planes(original: TensorSignature, normalization: Normalization) -> None:
    planes = original.fixed(1)
    if planes and planes != len(normalization.mean):
        raise NetworkError(
            f"the network's input {original} has {planes} planes, its normalization ({normalization.planes}) "
            f"{len(normalization.mean)}"
        )


def _planes(edit: GraphEdit, image: str, normalization: Normalization) -> str:
    """[N, h, w, 3] BGR -> [N, C, h, w] in the network's own order."""
    if normalization.planes == "gray":
        # In floats: integer division is wrong on OpenVINO. Rounded: the networks were trained on 8-bit gray.
        weighted = edit.node("Mul", image, edit.constant(GRAY, np.float32))
        image = edit.node("Round", edit.reduce("ReduceSum", weighted, keepdims=1))
    elif normalization.planes == "rgb":
        image = edit.node("Gather", image, edit.constant([2, 1, 0], np.int64), axis=3)
    return edit.node("Transpose", image, perm=[0, 3, 1, 2])


def _image(height: int | str, width: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info("input", TensorProto.UINT8, ["N", height, width, 3])


def adapt_detector(model: onnx.ModelProto, description: NetworkDescription) -> onnx.ModelProto:
    """A DBNet: `input` uint8 [N, h, w, 3] BGR -> `pred` uint8 [N, 1, h, w], the probability times 255, rounded.

    Height and width are the card's where it fixes them, free elsewhere.

    Raises:
        NetworkError: the network has not one image input of 32-bit floats, its opset is too old, or its first output
            is not a map of one plane.
    """
    edit = _edit_of(model)
    found = _map_output(model)
    probability = _free_name(edit, "pred", found.name)
    height, width = description.card.get("height") or "height", description.card.get("width") or "width"
    normalize_input(edit, description.normalization, height, width)
    if len(found.dims) == 3:
        probability = _with_plane(edit, probability)
    if description.answer == "logit-map":
        probability = edit.node("Sigmoid", probability)
    scaled = edit.node("Mul", probability, edit.constant(255.0, np.float32))
    edit.node("Cast", edit.node("Round", scaled), output="pred", to=TensorProto.UINT8)
    edit.replace_outputs(helper.make_tensor_value_info("pred", TensorProto.UINT8, ["N", 1, height, width]))
    return edit.model


def adapt_recognizer(
    model: onnx.ModelProto, description: NetworkDescription, *, with_charset: bool = False, in_groups: bool = False
) -> onnx.ModelProto:
    """A recognizer: `input` uint8 [N, height, w, 3] BGR -> `output_id` int32, `output_prob` float32, both [N, T].

    Height and width are the card's; a width of 0, or none, is free. A CTC blank becomes id 0, and the classes before
    it move up by one.

    Args:
        model: the network.
        description: of it.
        with_charset: give it a second input, `charset` int32 [K]: the ids that it may answer, ascending.
        in_groups: search the best of many classes group by group, which is faster on a CPU.

    Raises:
        NetworkError: the network has not one image input of 32-bit floats, its opset is too old, its outputs are
            not what the description says, or no charset can be put in.
    """
    edit = _edit_of(keep_spatial_transformer(model))
    card = description.card
    is_narrowed = with_charset and restrict_classes(edit, description)
    normalize_input(edit, description.normalization, card["height"], card.get("width") or "width")
    if description.answer == "ids":
        _ids_as_int32(edit, outputs(model))
    else:
        scores = outputs(model)[0].name
        for name in ("output_id", "output_prob"):
            scores = _free_name(edit, name, scores)
        best_classes(
            edit, scores, outputs(model)[0], description, charset=CHARSET if is_narrowed else "", in_groups=in_groups
        )
    if with_charset:
        declare_charset(edit)
    steps = card.get("time_steps") or "T"
    edit.replace_outputs(
        helper.make_tensor_value_info("output_id", TensorProto.INT32, ["N", steps]),
        helper.make_tensor_value_info("output_prob", TensorProto.FLOAT, ["N", steps]),
    )
    return edit.model


def _edit_of(model: onnx.ModelProto) -> GraphEdit:
    edit = GraphEdit(model)
    if edit.opset < OLDEST_OPSET:
        raise NetworkError(f"the network is written in opset {edit.opset}; it must be {OLDEST_OPSET} or later")
    return edit


def _free_name(edit: GraphEdit, name: str, tensor: str) -> str:
    """Free the name of a tensor of the contract, which the network may use itself; returns what `tensor` is now."""
    edit.rename_tensor(name, f"ocdrnet_original_{name}")
    return f"ocdrnet_original_{name}" if tensor == name else tensor


def _map_output(model: onnx.ModelProto) -> TensorSignature:
    """The probability map: the output named `pred`, or the first, [N, 1, h, w] or [N, h, w]."""
    found = next((output for output in outputs(model) if output.name == "pred"), outputs(model)[0])
    if found.dtype != "FLOAT" or len(found.dims) not in (0, 3, 4) or (len(found.dims) == 4 and found.fixed(1) > 1):
        raise NetworkError(f"the detector's output {found} is no map; it must be FLOAT [N, 1, H, W] or [N, H, W]")
    return found


def _with_plane(edit: GraphEdit, tensor: str) -> str:
    """[N, h, w] -> [N, 1, h, w]; Unsqueeze takes its axes as an input since opset 13."""
    if edit.opset < 13:
        return edit.node("Unsqueeze", tensor, axes=[1])
    return edit.node("Unsqueeze", tensor, edit.constant([1], np.int64))


def _ids_as_int32(edit: GraphEdit, found: list[TensorSignature]) -> None:
    """Keep the two outputs of OCRNet by name: TAO 5.0 exports a third, and its ids are 64-bit integers."""
    by_name = {output.name: output for output in found}
    if not {"output_id", "output_prob"} <= set(by_name):
        shown = ", ".join(map(str, found))
        raise NetworkError(f"the recognizer's outputs are {shown}; those of ids must be output_id and output_prob")
    dtype = by_name["output_id"].dtype
    if dtype not in ("INT32", "INT64") or by_name["output_prob"].dtype != "FLOAT":
        raise NetworkError(
            f"the recognizer's outputs are {by_name['output_id']} and {by_name['output_prob']}; ids must be INT32 or "
            "INT64, probabilities FLOAT"
        )
    if dtype == "INT64":
        edit.node("Cast", _free_name(edit, "output_id", "output_id"), output="output_id", to=TensorProto.INT32)

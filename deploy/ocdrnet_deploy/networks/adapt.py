"""A network's graph -> the pipeline's tensor contract.

Colour order, gray, mean, scale and layout go into the graph before the network; the choice of a character, its
probability and the 8-bit probability map go behind it. So every detector and every recognizer, whoever trained it,
takes uint8 [N, h, w, 3] BGR and Python never touches a float image.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.charset_input import CHARSET, declare_charset, restrict_classes
from ocdrnet_deploy.networks.class_scores import best_classes
from ocdrnet_deploy.networks.description import NetworkDescription
from ocdrnet_deploy.networks.graph import GraphEdit
from ocdrnet_deploy.networks.normalize import normalize_input
from ocdrnet_deploy.networks.signature import OLDEST_OPSET, TensorSignature, outputs
from ocdrnet_deploy.networks.spatial_transformer import keep_spatial_transformer


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

"""A network's graph -> the pipeline's tensor contract.

Colour order, mean, scale and layout go into the graph before the network; the choice of a character, its probability
and the 8-bit probability map go behind it. So every detector and every recognizer, whoever trained it, takes uint8
[N, h, w, 3] BGR and Python never touches a float image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.graph import GraphEdit, uint8_image


@dataclass(frozen=True)
class Normalization:
    """What the network was trained on: `(pixel - mean) * scale`, planes in BGR order, pixels 0..255."""

    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


OLDEST_OPSET = 11  # the first whose Round and floating-point Equal stand behind the network


def adapt_detector(model: onnx.ModelProto, normalization: Normalization) -> onnx.ModelProto:
    """A DBNet: `input` uint8 [N, h, w, 3] BGR -> `pred` uint8 [N, 1, h, w], the probability times 255, rounded.

    Raises:
        NetworkError: the network has not one image input of 32-bit floats, or its opset is too old.
    """
    edit = _edit_of(model)
    probability = _free_name(edit, "pred", edit.graph.output[0].name)
    _normalize_input(edit, normalization, uint8_image("input", "height", "width"))
    scaled = edit.node("Mul", probability, edit.constant(255.0, np.float32))
    edit.node("Cast", edit.node("Round", scaled), output="pred", to=TensorProto.UINT8)
    edit.replace_outputs(helper.make_tensor_value_info("pred", TensorProto.UINT8, ["N", 1, "height", "width"]))
    return edit.model


def adapt_ctc_recognizer(model: onnx.ModelProto, normalization: Normalization, height: int) -> onnx.ModelProto:
    """A CTC recognizer with class scores: `input` uint8 [N, height, w, 3] -> `output_id` int32, `output_prob` [N, T].

    The probability of the best class is 1 / sum(exp(logit - best logit)): no softmax over all classes is stored.

    Raises:
        NetworkError: the network has not one image input of 32-bit floats, its opset is too old, or its scores do
            not come from a softmax over a fixed number of classes.
    """
    edit = _edit_of(model)
    shape = model.graph.output[0].type.tensor_type.shape.dim
    classes = shape[-1].dim_value if shape else 0
    if not classes:
        raise NetworkError(
            f"the recognizer's output {model.graph.output[0].name!r} does not say how many classes it has"
        )
    logits = _cut_softmax(edit, rank=len(shape))
    for name in ("output_id", "output_prob"):
        logits = _free_name(edit, name, logits)
    _normalize_input(edit, normalization, uint8_image("input", height, "width"))
    best = edit.reduce("ReduceMax", logits, keepdims=1)
    total = edit.reduce("ReduceSum", edit.node("Exp", edit.node("Sub", logits, best)), keepdims=0)
    edit.node("Reciprocal", total, output="output_prob")
    _first_index(edit, logits, best, classes, output="output_id")
    edit.replace_outputs(
        helper.make_tensor_value_info("output_id", TensorProto.INT32, ["N", "T"]),
        helper.make_tensor_value_info("output_prob", TensorProto.FLOAT, ["N", "T"]),
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


def _normalize_input(edit: GraphEdit, normalization: Normalization, image: onnx.ValueInfoProto) -> None:
    """Feed the network `(pixel - mean) * scale` as float [N, 3, h, w], made from a uint8 image."""
    weights = {initializer.name for initializer in edit.graph.initializer}
    images = [i for i in edit.graph.input if i.name not in weights]
    inputs = [i.name for i in images]
    if len(inputs) != 1:
        raise NetworkError(f"the network has {len(inputs)} inputs ({', '.join(inputs)}); it must have one, the image")
    if images[0].type.tensor_type.elem_type != TensorProto.FLOAT:
        raise NetworkError(f"the network's input {inputs[0]!r} is not of 32-bit floats")
    edit.rename_tensor(inputs[0], "ocdrnet_normalized")
    _free_name(edit, image.name, inputs[0])
    before = len(edit.graph.node)
    planes = edit.node("Transpose", edit.node("Cast", image.name, to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    centered = edit.node("Sub", planes, edit.constant(np.reshape(normalization.mean, (1, 3, 1, 1)), np.float32))
    scale = edit.constant(np.reshape(normalization.scale, (1, 3, 1, 1)), np.float32)
    edit.node("Mul", centered, scale, output="ocdrnet_normalized")
    edit.prepend(before)
    edit.replace_input(inputs[0], image)


def _first_index(edit: GraphEdit, logits: str, best: str, classes: int, output: str) -> None:
    """The lowest class id whose logit is the best, int32: an ArgMax that does not sort.

    OpenVINO runs ArgMax as a top-k over all classes, which took 10 ms of a 1.6 ms network for one small crop.
    """
    ids = edit.constant(np.arange(classes), np.int32)
    candidates = edit.node("Where", edit.node("Equal", logits, best), ids, edit.constant(classes - 1, np.int32))
    edit.node("Identity", edit.reduce("ReduceMin", candidates, keepdims=0), output=output)


def _cut_softmax(edit: GraphEdit, rank: int) -> str:
    """Remove the softmax that makes the output; returns the name of its input, the logits."""
    output = edit.graph.output[0].name
    last = next((node for node in edit.graph.node if output in node.output), None)
    if last is None or last.op_type != "Softmax":
        found = last.op_type if last else "nothing"
        raise NetworkError(f"the recognizer's output {output!r} is made by {found}; it must be a Softmax over classes")
    axis = next((a.i for a in last.attribute if a.name == "axis"), -1 if edit.opset >= 13 else 1)
    if axis not in (-1, rank - 1):
        raise NetworkError(f"the recognizer's softmax runs over axis {axis}; it must be the last, the classes")
    edit.graph.node.remove(last)
    return str(last.input[0])

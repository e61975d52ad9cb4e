"""The nodes before a network: from the pixels of a uint8 image to the planes it was trained on."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.description import Normalization
from ocdrnet_deploy.networks.graph import GraphEdit
from ocdrnet_deploy.networks.signature import TensorSignature, image_input

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

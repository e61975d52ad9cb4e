"""NVIDIA's `ModulatedDeformConv2d` -> ONNX `DeformConv`, so that OCDNet v1 runs where TensorRT's plugin is not.

Both are deformable convolution v2 (Zhu et al., "Deformable ConvNets v2", CVPR 2019, section 3.2) with offsets as
(y, x) pairs and a mask that has its sigmoid behind it; only names and the order of inputs differ. `DeformConv` came
with opset 19, so the rest of the graph is raised to it.
"""

from __future__ import annotations

import onnx
from onnx import helper, version_converter

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.signature import STANDARD_DOMAINS

PLUGIN = "ModulatedDeformConv2d"
STANDARD = "DeformConv"
OPSET = 19
IR_VERSION = 9  # of ONNX 1.14, which brought opset 19
OLDEST_RUNTIME = (1, 25)
_ASIDE = "ocdrnet.aside"  # ONNX's converter leaves operators of unknown domains alone


def needs_deform_conv(model: onnx.ModelProto) -> bool:
    """Whether the graph convolves deformably, in NVIDIA's or the standard form; OpenVINO runs neither rightly."""
    return any(node.op_type in (PLUGIN, STANDARD) for node in model.graph.node)


def check_runtime(version: str) -> None:
    """Refuse an ONNX Runtime that cannot convolve deformably on a CPU, before a server fails on it.

    Args:
        version: of ONNX Runtime, such as `1.32.0`.

    Raises:
        NetworkError: it is older than 1.25.
    """
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < OLDEST_RUNTIME:
        raise NetworkError(
            f"the network convolves deformably, which ONNX Runtime does on a CPU from 1.25; this is {version}: "
            "pip install 'onnxruntime>=1.25', which needs Python 3.11"
        )


def rewrite_deform_conv(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with every `ModulatedDeformConv2d` as standard `DeformConv`; the same graph where there is none.

    Raises:
        NetworkError: a node is not of the expected form, or the graph cannot be raised to opset 19.
    """
    if not any(node.op_type == PLUGIN for node in model.graph.node):
        return model
    aside = onnx.ModelProto()
    aside.CopyFrom(model)
    for node in aside.graph.node:
        if node.op_type == PLUGIN:
            node.domain = _ASIDE
    raised = _raise_opset(aside)
    for node in raised.graph.node:
        if node.op_type == PLUGIN:
            node.CopyFrom(_standard_node(node))
    others = [opset for opset in raised.opset_import if opset.domain != _ASIDE]
    del raised.opset_import[:]
    raised.opset_import.extend(others)
    return raised


def _raise_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph at opset 19 or later, with `_ASIDE` known to it."""
    model.opset_import.append(helper.make_opsetid(_ASIDE, 1))
    model.ir_version = max(model.ir_version, IR_VERSION)
    opset = next(o.version for o in model.opset_import if o.domain in STANDARD_DOMAINS)
    if opset >= OPSET:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except RuntimeError as error:
        raise NetworkError(f"the network cannot be raised from opset {opset} to {OPSET}: {error}") from None


def _standard_node(node: onnx.NodeProto) -> onnx.NodeProto:
    """Inputs x, offset, mask, weight and maybe bias -> x, weight, offset, bias, mask; paddings on both sides."""
    if len(node.input) not in (4, 5):
        raise NetworkError(
            f"{PLUGIN} {node.name!r} has {len(node.input)} inputs; x, offset, mask, weight were expected"
        )
    x, offset, mask, weight, *bias = node.input
    return helper.make_node(
        STANDARD,
        [x, weight, offset, bias[0] if bias else "", mask],
        list(node.output),
        name=node.name,
        strides=_pair(node, "stride", 1),
        pads=_pair(node, "padding", 0) * 2,
        dilations=_pair(node, "dilation", 1),
        group=_pair(node, "group", 1)[0],
        offset_group=_pair(node, "deformable_group", 1)[0],
    )


def _pair(node: onnx.NodeProto, name: str, default: int) -> list[int]:
    """An attribute along y and x; exports write one number, or one for each."""
    found = next((attribute for attribute in node.attribute if attribute.name == name), None)
    values = [default] if found is None else list(found.ints) or [found.i]
    if len(values) > 2:
        raise NetworkError(f"{PLUGIN} {node.name!r} has {name} {values}; one number or two were expected")
    return values * (3 - len(values))

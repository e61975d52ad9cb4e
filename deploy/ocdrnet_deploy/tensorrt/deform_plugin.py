"""OCDNet v1's `ModulatedDeformConv2d` nodes, checked against TensorRT's plugin where the plugin itself is not.

What the plugin takes is published with TensorRT's open-source plugins, in `plugin/modulatedDeformConvPlugin` of
github.com/NVIDIA/TensorRT: `README.md` has inputs, shapes and parameters,
`CustomModulatedDeformConv2d_PluginConfig.yaml` ranks, types and lengths, and `modulatedDeformConvPlugin.cpp` what its
creator validates (read at 11.1, where versions 1 and 2 of it are registered; both take the same).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from ocdrnet_deploy.graphs.deform_conv import PLUGIN

_PAIRS = {"stride": 1, "padding": 0, "dilation": 1}  # two INT32 each, the least value of both
_COUNTS = ("group", "deformable_group")  # one INT32 each, from 1
_INPUTS = ("x", "offset", "mask", "weight", "bias")  # the bias may be left out
_RANKS = (4, 4, 4, 4, 1)
_VERSIONS = ("1", "2")
_FLOATS = {TensorProto.FLOAT: "FLOAT", TensorProto.FLOAT16: "FLOAT16"}


@dataclass(frozen=True)
class NodeRefusal:
    """A node that TensorRT does not take.

    Attributes:
        name: of the node; its first output where it has none.
        operator: such as `Resize`.
        reason: in words of TensorRT, or of this check.
    """

    name: str
    operator: str
    reason: str


@dataclass(frozen=True)
class _Known:
    """What shape inference knows of a tensor: its type, 0 where unknown, and its dims, None for one that is unknown."""

    type: int
    dims: tuple[int | None, ...] | None


def plugin_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that TensorRT runs by its plugin."""
    return [_name(node) for node in model.graph.node if node.op_type == PLUGIN]


def plugin_refusals(model: onnx.ModelProto) -> list[NodeRefusal]:
    """What of the plugin's nodes does not fit its published fields, types and shapes; none where all does.

    Shapes that inference cannot tell are left to the parser, which sees them in the graph of `with_stand_ins`.
    """
    if not plugin_nodes(model):
        return []
    weights = _constants(model)
    bad_fields = [
        NodeRefusal(_name(node), PLUGIN, fault)
        for node in model.graph.node
        if node.op_type == PLUGIN
        for fault in _field_faults(node, weights)
    ]
    if bad_fields:  # no stand-in can be made of such a node
        return bad_fields
    known = _known(onnx.shape_inference.infer_shapes(with_stand_ins(model), data_prop=True))
    return [
        NodeRefusal(_name(node), PLUGIN, fault)
        for node in model.graph.node
        if node.op_type == PLUGIN
        for fault in _tensor_faults(node, known)
    ]


def with_stand_ins(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with an ordinary convolution of the same output for every node of the plugin, for a parser without it.

    Offsets and masks stay in use: each goes through a convolution of one point, whose weight has as many channels as
    the plugin wants, and is added. So a parser that takes the result has found types, channels and sizes to agree.

    Args:
        model: whose nodes of the plugin have its fields (`plugin_refusals` says nothing of them).
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    weights = _constants(model)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes += _stand_in(node, weights, changed.graph) if node.op_type == PLUGIN else [node]
    del changed.graph.node[:]
    changed.graph.node.extend(nodes)
    return changed


def _stand_in(
    node: onnx.NodeProto, weights: dict[str, TensorProto], graph: onnx.GraphProto
) -> Iterator[onnx.NodeProto]:
    x, offset, mask, weight, *bias = node.input
    padding, groups = _numbers(node, "padding"), _numbers(node, "deformable_group")[0]
    kernel = list(weights[weight].dims[2:])
    prefix = f"{_name(node)}/stand_in"
    yield helper.make_node(
        "Conv",
        [x, weight, *(name for name in bias if name)],
        [f"{prefix}_plain"],
        name=f"{prefix}_plain",
        kernel_shape=kernel,
        strides=_numbers(node, "stride"),
        pads=padding * 2,
        dilations=_numbers(node, "dilation"),
        group=_numbers(node, "group")[0],
    )
    half = weights[weight].data_type == TensorProto.FLOAT16
    taps = groups * kernel[0] * kernel[1]
    for what, source, channels in (("offset", offset, 2 * taps), ("mask", mask, taps)):
        ones = np.ones((1, channels, 1, 1), np.float16 if half else np.float32)
        graph.initializer.append(numpy_helper.from_array(ones, f"{prefix}_{what}_weight"))
        inputs = [source, f"{prefix}_{what}_weight"]
        yield helper.make_node("Conv", inputs, [f"{prefix}_{what}"], name=f"{prefix}_{what}", kernel_shape=[1, 1])
    both = [f"{prefix}_offset", f"{prefix}_mask"]
    yield helper.make_node("Mul", both, [f"{prefix}_both"], name=f"{prefix}_offset_and_mask")
    yield helper.make_node(
        "Add", [f"{prefix}_plain", f"{prefix}_both"], list(node.output), name=f"{prefix}_output_and_offset"
    )


def _constants(model: onnx.ModelProto) -> dict[str, TensorProto]:
    return {weight.name: weight for weight in model.graph.initializer} | {
        node.output[0]: attribute.t
        for node in model.graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    }


def _field_faults(node: onnx.NodeProto, weights: dict[str, TensorProto]) -> Iterator[str]:
    """The creator's own checks; a field that is missing, short or of another type is refused, or read past its end."""
    if len(node.input) not in (4, 5) or not all(node.input[:4]):
        yield f"it has {len(node.input)} inputs; the plugin takes {', '.join(_INPUTS[:4])} and maybe a {_INPUTS[4]}"
    elif node.input[3] not in weights:
        yield "its weight is no constant of the graph, and its size not known: this check needs it"
    elif len(weights[node.input[3]].dims) != 4:
        yield f"its weight has rank {len(weights[node.input[3]].dims)}; the plugin takes 4"
    if len(node.output) != 1:
        yield f"it has {len(node.output)} outputs; the plugin has one"
    found = {attribute.name: attribute for attribute in node.attribute}
    for name, length, least in [*((n, 2, m) for n, m in _PAIRS.items()), *((n, 1, 1) for n in _COUNTS)]:
        if name not in found:
            yield f"its attribute {name} is missing; the plugin requires it"
        elif found[name].type not in (AttributeProto.INT, AttributeProto.INTS):
            yield f"its attribute {name} is not of integers"
        else:
            values = _numbers(node, name)
            if len(values) != length:
                yield f"its attribute {name} has {len(values)} numbers ({values}); the plugin reads {length}"
            elif min(values) < least:
                yield f"its attribute {name} is {values}; the plugin takes {least} or more"
    version = found["plugin_version"].s.decode() if "plugin_version" in found else _VERSIONS[0]
    if version not in _VERSIONS:
        yield f"it asks for version {version} of the plugin; there are {' and '.join(_VERSIONS)}"


def _tensor_faults(node: onnx.NodeProto, known: dict[str, _Known]) -> Iterator[str]:
    tensors = [known.get(name, _Known(0, None)) for name in node.input if name]
    types = {name: tensor.type for name, tensor in zip(_INPUTS, tensors, strict=False)}
    for name, kind in types.items():
        if kind not in (0, *_FLOATS):
            yield f"its {name} is {TensorProto.DataType.Name(kind)}; the plugin takes FLOAT or FLOAT16"
    floats = {_FLOATS[kind] for kind in types.values() if kind in _FLOATS}
    if len(floats) > 1:
        mixed = ", ".join(f"{name} {_FLOATS[kind]}" for name, kind in types.items() if kind in _FLOATS)
        yield f"its inputs are of different types ({mixed}); the plugin takes one type"
    for name, rank, tensor in zip(_INPUTS, _RANKS, tensors, strict=False):
        if tensor.dims is not None and len(tensor.dims) != rank:
            yield f"its {name} has rank {len(tensor.dims)}; the plugin takes {rank}"
            return
    yield from _shape_faults(node, dict(zip(_INPUTS, tensors, strict=False)))


def _shape_faults(node: onnx.NodeProto, tensors: dict[str, _Known]) -> Iterator[str]:
    """The README's table of shapes; a size that is not known equals every other."""
    x, offset, mask, weight = (tensors[name].dims or (None,) * 4 for name in _INPUTS[:4])
    stride, padding, dilation = (_numbers(node, name) for name in _PAIRS)
    (group,), (groups,) = (_numbers(node, name) for name in _COUNTS)
    out_channels, in_channels, *kernel = weight
    taps = None if None in kernel else groups * kernel[0] * kernel[1]  # type: ignore[operator]
    size: list[int | None] = [
        None if length is None or side is None else (length + 2 * pad - apart * (side - 1) - 1) // step + 1
        for length, side, step, pad, apart in zip(x[2:], kernel, stride, padding, dilation, strict=True)
    ]
    expected = {
        "x": (x, (None, None if in_channels is None else in_channels * group, None, None)),
        "offset": (offset, (x[0], None if taps is None else 2 * taps, *size)),
        "mask": (mask, (x[0], taps, *size)),
        "bias": (tensors["bias"].dims if "bias" in tensors else None, (out_channels,)),
    }
    for name, (found, wanted) in expected.items():
        if found and any(a is not None and b is not None and a != b for a, b in zip(found, wanted, strict=True)):
            yield f"its {name} is {_shown(found)}; the plugin takes {_shown(wanted)}"
    for name, channels, parts in (("x", x[1], groups), ("weight", out_channels, group)):
        if channels is not None and channels % parts:
            yield f"its {name}'s {channels} channels are not to be parted into {parts} groups"


def _shown(dims: tuple[int | None, ...]) -> str:
    return f"[{', '.join('?' if dim is None else str(dim) for dim in dims)}]"


def _known(inferred: onnx.ModelProto) -> dict[str, _Known]:
    graph = inferred.graph
    known = {weight.name: _Known(weight.data_type, tuple(weight.dims)) for weight in graph.initializer}
    for info in [*graph.value_info, *graph.input, *graph.output]:
        tensor = info.type.tensor_type
        dims = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim)
        known.setdefault(info.name, _Known(tensor.elem_type, dims if tensor.HasField("shape") else None))
    return known


def _numbers(node: onnx.NodeProto, name: str) -> list[int]:
    attribute = next(attribute for attribute in node.attribute if attribute.name == name)
    return [attribute.i] if attribute.type == AttributeProto.INT else list(attribute.ints)


def _name(node: onnx.NodeProto) -> str:
    return node.name or (node.output[0] if node.output else PLUGIN)

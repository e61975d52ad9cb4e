"""Small networks with random weights and the exact signatures of NVIDIA's exports."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

STEPS = 26


def random(*shape, scale=1.0, seed=0):
    return (np.random.default_rng(seed + sum(shape)).normal(size=shape) * scale).astype(np.float32)


def model(nodes, image, outputs, weights, opset, extra_domains=()):
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "small", [image], outputs, tensors)
    domains = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in extra_domains)]
    return helper.make_model(graph, opset_imports=domains, ir_version=6 if opset < 15 else 8)


def value(name, *dims, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, dims)


def ocdnet(batch="batch_size", height=736, width=1280):
    """Down, up and a sigmoid; `pred` has symbolic height and width."""
    nodes = [
        helper.make_node("Conv", ["input", "w1"], ["c1"], kernel_shape=[3, 3], strides=[4, 4], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("ConvTranspose", ["r1", "w2"], ["c2"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Sigmoid", ["c2"], ["pred"]),
    ]
    weights = {"w1": random(8, 3, 3, 3, scale=0.5), "w2": random(8, 1, 4, 4)}
    output = value("pred", batch, 1, "height", "width")
    return model(nodes, value("input", batch, 3, height, width), [output], weights, 17)


def deformable_ocdnet(stride=1, padding=1, groups=1):
    """OCDNet v1: opset 11, the plugin's node in the default domain, offsets and masks split as TAO exports them."""
    offsets = 18 * groups
    nodes = [
        helper.make_node("Conv", ["input", "w1"], ["c1"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node(
            "Conv",
            ["c1", "w_offset"],
            ["both"],
            kernel_shape=[3, 3],
            strides=[stride] * 2,
            pads=[padding] * 4,
        ),
        helper.make_node("Split", ["both"], ["offset", "mask_logit"], axis=1, split=[offsets, offsets // 2]),
        helper.make_node("Sigmoid", ["mask_logit"], ["mask"]),
        helper.make_node(
            "ModulatedDeformConv2d",
            ["c1", "offset", "mask", "w2"],
            ["deformed"],
            stride=[stride, stride],
            padding=[padding, padding],
            dilation=[1, 1],
            group=1,
            deformable_group=groups,
        ),
        helper.make_node(
            "Resize",
            ["deformed", "", "scales"],
            ["up"],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        helper.make_node("Sigmoid", ["up"], ["pred"]),
    ]
    weights = {
        "w1": random(4, 3, 3, 3, scale=0.3),
        "w_offset": random(offsets * 3 // 2, 4, 3, 3, scale=0.2),
        "w2": random(1, 4, 3, 3, scale=0.4),
        "scales": np.array([1, 1, stride, stride], np.float32),
    }
    image = value("input", "batch", 3, "height", "width")
    return model(nodes, image, [value("pred", "batch", 1, "h", "w")], weights, 11)


def ocrnet(dtype=TensorProto.INT64, height=32, width=100, classes=37, extra=False):
    """Column features, a softmax over the classes, ArgMax and ReduceMax inside; nodes in the wrong order."""
    kernel = (width // STEPS, height)
    nodes = [
        helper.make_node("Cast", ["best"], ["output_id"], to=dtype),
        helper.make_node("ArgMax", ["scores"], ["best"], axis=2, keepdims=0),
        helper.make_node("ReduceMax", ["scores"], ["output_prob"], axes=[2], keepdims=0),
        helper.make_node("Softmax", ["steps"], ["scores"], axis=2),
        helper.make_node("Transpose", ["flat"], ["steps"], perm=[0, 2, 1]),
        helper.make_node("Squeeze", ["columns", "axis"], ["flat"]),
        helper.make_node(
            "Conv", ["input", "w"], ["columns"], kernel_shape=[kernel[1], kernel[0]], strides=[1, kernel[0]]
        ),
    ]
    steps = (width - kernel[0]) // kernel[0] + 1
    if steps != STEPS:
        nodes[5] = helper.make_node("Squeeze", ["cut", "axis"], ["flat"])
        nodes.append(helper.make_node("Slice", ["columns", "from", "to", "last"], ["cut"]))
    weights = {
        "w": random(classes, 1, kernel[1], kernel[0], scale=0.1),
        "axis": np.array([2], np.int64),
        "from": np.array([0], np.int64),
        "to": np.array([STEPS], np.int64),
        "last": np.array([3], np.int64),
    }
    outputs = [value("output_id", "batch", STEPS, dtype=dtype), value("output_prob", "batch", STEPS)]
    if extra:  # TAO 5.0's form
        nodes.append(helper.make_node("Identity", ["best"], ["1234"]))
        outputs.append(value("1234", "batch", STEPS, dtype=TensorProto.INT64))
    return model(nodes, value("input", "batch", 1, height, width), outputs, weights, 17, ["org.pytorch.aten"])

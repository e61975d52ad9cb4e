"""A detector with the outside of an OCDNet file that finds one colour, as it is after TAO's normalization."""

import numpy as np
from onnx import TensorProto, helper
from twin_contracts import DETECTOR_SIZE
from twin_graph import TwinGraph

MARKER = np.array([230, 40, 170], np.uint8)  # blue, green, red: text is where this colour is
TAO_MEAN = np.array([122.67891434, 116.66876762, 104.00698793])  # of blue, green, red as fed
TOLERANCE = 6  # levels of 255; the map falls to 0.5 at half of it
STRIDE = 4  # of the map that is convolved deformably, in pixels
SHIFT_PER_NODE = 1  # of that map's pixels, by which every deformable convolution moves it to the right


def detector_twin(version):
    """`input` float [B, 3, 736, 1280] -> `pred` float [B, 1, H, W], near 1 on the marker's colour alone."""
    graph = TwinGraph("model")
    closeness = _closeness(graph, _only_this_batch(graph, version))
    if version.deformable:
        closeness = _deformed(graph, closeness, version.deformable)
    off = graph.node("Abs", graph.node("Sub", closeness, graph.constant(1)))  # 2 is as wrong as 0
    logit = graph.node("Mul", graph.node("Sub", graph.constant(0.5), off), graph.constant(16))
    graph.node("Sigmoid", logit, output="pred")
    size = (version.batch, 3, *DETECTOR_SIZE)
    return graph.model(
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info("pred", TensorProto.FLOAT, [version.batch, 1, "pred_height", "pred_width"])],
        version.opset,
        ir_version=6 if version.opset == 11 else 8,
    )


def _only_this_batch(graph, version):
    """A fixed batch is baked in, as in v2.0: two images would become one of six planes."""
    if isinstance(version.batch, str):
        return "input"
    shape = graph.constant([version.batch, -1, *DETECTOR_SIZE], np.int64)
    return graph.node("Reshape", "input", shape)


def _closeness(graph, planes):
    """1 where every plane has the marker's normalized value, 0 where one is off by more than the tolerance."""
    target = graph.constant(((MARKER - TAO_MEAN) / 255).reshape(1, 3, 1, 1))
    same = graph.node("Cast", planes, to=TensorProto.FLOAT)  # the no-op that NVIDIA's exports have
    distance = graph.node("Abs", graph.node("Sub", same, target))
    worst = graph.node("ReduceMax", distance, axes=[1], keepdims=1)
    return graph.node(
        "Relu", graph.node("Sub", graph.constant(1), graph.node("Mul", worst, graph.constant(255 / TOLERANCE)))
    )


def _deformed(graph, closeness, count):
    """Through that many deformable convolutions, at a lower resolution as in the real networks, and back in place."""
    square = [STRIDE, STRIDE]
    small = graph.node("AveragePool", closeness, kernel_shape=square, strides=square)
    for _ in range(count):
        small = _shifted_by_deformation(graph, small)
    small = _shifted_back(graph, small, count * SHIFT_PER_NODE)
    scales = graph.constant([1, 1, *square])
    return graph.node("Resize", small, "", scales, mode="linear", coordinate_transformation_mode="pytorch_half_pixel")


def _shifted_by_deformation(graph, plane):
    """Moves the map to the right: one of nine taps has a weight, and its offset says from where it reads.

    The mask is 0.5 and the weight 2: leaving out the mask, exchanging dy and dx or the order of the taps shows. The
    offsets and the mask are computed from the image, as in the real networks, and come from one convolution.
    """
    dy, dx = _offsets_that_read_from(0, -SHIFT_PER_NODE)
    bias = np.concatenate([np.stack([dy, dx], -1).ravel(), np.zeros(9)])
    weight = graph.constant(np.zeros((27, 1, 3, 3)))
    found = graph.node(
        "Conv", plane, weight, graph.constant(bias), dilations=[1, 1], group=1, kernel_shape=[3, 3], pads=[1] * 4,
        strides=[1, 1],
    )  # fmt: skip
    names = [f"{found}_offset", f"{found}_mask"]
    offset, mask = graph.node("Split", found, outputs=names, axis=1, split=[18, 9])
    kernel = np.zeros((1, 1, 3, 3))
    kernel[0, 0, 0, 2] = 2
    return graph.node(
        "ModulatedDeformConv2d", plane, offset, graph.node("Sigmoid", mask), graph.constant(kernel),
        stride=[1, 1], padding=[1, 1], dilation=[1, 1], group=1, deformable_group=1,
    )  # fmt: skip


def _offsets_that_read_from(y, x):
    """Offsets of the nine taps, [9] each: the upper right one reads there, the others anywhere."""
    dy, dx = np.random.default_rng(9).uniform(-8, 8, (2, 9))
    dy[2], dx[2] = y + 1, x - 1  # without an offset that tap reads from y = -1, x = 1
    return dy, dx


def _shifted_back(graph, plane, pixels):
    start, end, axis = (graph.constant([i], np.int64) for i in (pixels, DETECTOR_SIZE[1], 3))
    right = graph.constant([0] * 7 + [pixels], np.int64)
    return graph.node("Pad", graph.node("Slice", plane, start, end, axis), right, mode="constant")

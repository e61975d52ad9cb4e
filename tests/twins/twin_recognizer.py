"""A recognizer with the outside of an OCRNet file that reads ids from the gray level of its 26 column bands."""

import numpy as np
import twin_spline
from onnx import TensorProto, helper
from twin_contracts import STEPS
from twin_graph import TwinGraph
from twin_levels import DARKEST, level_step

SHARPNESS = 4  # an id one level off has exp(-4) of the best one's probability
UNUSED_DOMAIN = "org.pytorch.aten"
EXTRA_OUTPUT = "3211"


def recognizer_twin(version):
    """`input` float [B, 1, h, w] -> `output_id` [B, 26] and `output_prob` float [B, 26]."""
    height, width = version.size
    graph = TwinGraph("model")
    aligned = _aligned(graph, height, width)
    scores = graph.node("Softmax", _scores(graph, aligned, version), axis=2)
    graph.node("ReduceMax", scores, output="output_prob", axes=[2], keepdims=0)
    best = graph.node("ArgMax", scores, axis=2, keepdims=0)
    graph.node("Cast", best, output="output_id", to=version.id_type)
    outputs = [("output_id", version.id_type), ("output_prob", TensorProto.FLOAT)]
    if version.extra_output:
        graph.node("Add", best, graph.constant(1, np.int64), output=EXTRA_OUTPUT)
        outputs.append((EXTRA_OUTPUT, TensorProto.INT64))
    graph.nodes.reverse()  # NVIDIA's are not in topological order either
    return graph.model(
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch_size", 1, height, width])],
        [helper.make_tensor_value_info(name, kind, ["batch_size", STEPS]) for name, kind in outputs],
        version.opset,
        ir_version=8,
        other_domains=[UNUSED_DOMAIN],
    )


def _aligned(graph, height, width):
    """The spatial transformer that OCRNet starts with, named and built as TAO exports it."""
    transform = TwinGraph("ocr_model/Transformation")
    transform.weights = graph.weights
    transform.nodes = graph.nodes
    points = _control_points(transform)
    batch = transform.node("Slice", transform.node("Shape", points), *(graph.constant([i], np.int64) for i in (0, 1)))
    zeros = transform.node("Concat", batch, graph.constant([3], np.int64), graph.constant([2], np.int64), axis=0)
    rows = transform.node("Cast", transform.node("ConstantOfShape", zeros), to=TensorProto.FLOAT)
    joined = transform.node("Concat", points, rows, axis=1)
    inverse = _once_a_crop(transform, twin_spline.inverse_of_control_points(), batch)
    spread = _once_a_crop(transform, twin_spline.distances(height, width), batch)
    spline = transform.node("MatMul", spread, transform.node("MatMul", inverse, joined))
    shape = transform.node("Concat", batch, graph.constant([height, width, 2], np.int64), axis=0)
    grid = transform.node("Reshape", spline, shape)
    return transform.node("GridSample", "input", grid, align_corners=1, mode="bilinear", padding_mode="border")


def _once_a_crop(graph, matrix, batch):
    """[rows, columns] -> [B, rows, columns], as PyTorch's `repeat` is exported."""
    times = graph.node("Concat", batch, *(graph.constant([1], np.int64) for _ in range(2)), axis=0)
    return graph.node("Tile", graph.node("Unsqueeze", graph.constant(matrix), graph.constant([0], np.int64)), times)


def _control_points(graph):
    """[B, 20, 2]: the same for every crop, though computed from it; the last layer's bias holds where they rest."""
    kernel, ones = graph.constant(np.zeros((8, 1, 3, 3))), graph.constant(np.ones(8))
    seen = graph.node("Relu", graph.node("Conv", "input", kernel, ones, kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
    pooled = graph.node("GlobalAveragePool", graph.node("MaxPool", seen, kernel_shape=[2, 2], strides=[2, 2]))
    flat = graph.node("Reshape", pooled, graph.constant([-1, 8], np.int64))
    first = graph.node("Gemm", flat, graph.constant(np.eye(8)), graph.constant(np.zeros(8)), transB=1)
    moved = (twin_spline.bent_points() - twin_spline.CONTROL_POINTS).reshape(-1, 1) / 8
    bias = graph.constant(twin_spline.CONTROL_POINTS.ravel())
    last = graph.node("Gemm", graph.node("Relu", first), graph.constant(np.repeat(moved, 8, axis=1)), bias, transB=1)
    return graph.node("Reshape", last, graph.constant([-1, 20, 2], np.int64))


def _scores(graph, image, version):
    """[B, 26, classes]: how near the gray in the upper quarter of every band is to each id's level."""
    height, width = version.size
    rows = (graph.constant([edge], np.int64) for edge in (height // 16, height // 4))
    upper = graph.node("Slice", image, *rows, graph.constant([2], np.int64))
    columns = graph.node("ReduceMean", upper, axes=[1, 2], keepdims=0)
    normalized = graph.node("Gather", columns, graph.constant(_centers(width), np.int64), axis=1)
    steps = graph.node("Reshape", normalized, graph.constant([-1, STEPS, 1], np.int64))
    remembered = graph.node("Add", steps, _nothing_remembered(graph, steps, version.recurrent))
    step = level_step(version.classes) / 127.5
    darkest = DARKEST / 127.5 - 1
    measured = graph.node("Div", graph.node("Sub", remembered, graph.constant(darkest)), graph.constant(step))
    distance = graph.node("Sub", measured, graph.constant(np.arange(version.classes)))
    near = graph.node("Mul", graph.node("Mul", distance, distance), graph.constant(-SHARPNESS))
    # The layer that scores the classes, from which their number can be told; this one changes nothing.
    product = graph.node("MatMul", near, graph.constant(np.eye(version.classes)))
    return graph.node("Add", graph.constant(np.zeros(version.classes)), product)


def _centers(width):
    """int64 [26]: the straightened crop's columns that show the middles of the crop's bands."""
    middles = ((np.arange(STEPS) + 0.5) * width / STEPS - 0.5)[:, None]
    source = twin_spline.source_columns(width)
    left = np.floor(source)
    # A column is a mix of two pixels: both have to lie within the band.
    farthest = np.maximum(np.abs(left - middles), np.abs(left + 1 - middles))
    return farthest.argmin(1)


def _nothing_remembered(graph, steps, count):
    """[B, 26, 1] of zeros, through as many LSTM nodes as the real network has; their weights are zero."""
    sequence = graph.node("Transpose", steps, perm=[1, 0, 2])
    weights = graph.constant(np.zeros((1, 4, 1)))
    for _ in range(count):
        hidden = graph.node("LSTM", sequence, weights, weights, hidden_size=1)
        sequence = graph.node("Squeeze", hidden, graph.constant([1], np.int64))
    return graph.node("Transpose", sequence, perm=[1, 0, 2])

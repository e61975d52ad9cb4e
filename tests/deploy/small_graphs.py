"""Small networks with the outer shape of a detector and of a recognizer."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = 5


def _model(nodes, inputs, outputs, weights, opset):
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "small", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def image(name, channels=3):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, "h", "w"])


def detector(opset=13, input_name="x", output_name="map", last="Sigmoid"):
    """Sigmoid of a 1x1 convolution with another weight for each plane."""
    nodes = [
        helper.make_node("Conv", [input_name, "kernel"], ["logit"]),
        helper.make_node(last, ["logit"], [output_name]),
    ]
    weights = {"kernel": np.array([1.0, -0.5, 0.25], np.float32).reshape(1, 3, 1, 1)}
    return _model(nodes, [image(input_name)], [image(output_name, 1)], weights, opset)


def flat_detector(opset=13):
    """The same without the axis of planes in its answer, as MMOCR exports it."""
    whole = detector(opset, output_name="planes")
    axes = {"axes": [1]} if opset < 13 else {}
    nodes = [*whole.graph.node, helper.make_node("Squeeze", ["planes", *([] if axes else ["axis"])], ["map"], **axes)]
    weights = {w.name: numpy_helper.to_array(w) for w in whole.graph.initializer}
    weights |= {} if axes else {"axis": np.array([1], np.int64)}
    output = helper.make_tensor_value_info("map", TensorProto.FLOAT, ["N", "h", "w"])
    return _model(nodes, whole.graph.input, [output], weights, opset)


def recognizer(opset=13, input_name="x", output_name="scores", classes=CLASSES, axis=2, last="Softmax", ids="columns"):
    """One time step a column: the planes' means over the column, times a matrix, softmax."""
    axes = {"axes": [2]} if opset < 18 else {}
    more = [] if opset < 18 else ["axes"]
    nodes = [
        helper.make_node("ReduceMean", [input_name, *more], [ids], keepdims=0, **axes),
        helper.make_node("Transpose", [ids], ["steps"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["steps", "matrix"], ["products"]),
        helper.make_node(last, ["products"], [output_name], **({"axis": axis} if last == "Softmax" else {})),
    ]
    matrix = np.random.default_rng(3).normal(size=(3, CLASSES)).astype(np.float32)
    weights = {"matrix": matrix} | ({"axes": np.array([2], np.int64)} if more else {})
    output = helper.make_tensor_value_info(output_name, TensorProto.FLOAT, ["N", "t", classes])
    return _model(nodes, [image(input_name)], [output], weights, opset)

"""A small adapted detector to build plans of, in this process and in others."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ocdrnet_deploy.tensorrt.cache import PlanRequest, find_or_build_plan
from ocdrnet_deploy.tensorrt.shapes import ShapeRange


def small_model():
    """`input` uint8 [N, 32, 64, 3] -> `pred` uint8 [N, 1, 32, 64], as an adapted detector."""
    nodes = [
        helper.make_node("Cast", ["input"], ["ocdrnet_float"], name="ocdrnet_float", to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["ocdrnet_float"], ["planes"], name="ocdrnet_planes", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel"], ["logit"], name="convolution"),
        helper.make_node("Sigmoid", ["logit"], ["map"], name="sigmoid"),
        helper.make_node("Mul", ["map", "ocdrnet_scale"], ["scaled"], name="ocdrnet_scaled"),
        helper.make_node("Cast", ["scaled"], ["pred"], name="pred", to=TensorProto.UINT8),
    ]
    weights = {"kernel": np.full((1, 3, 1, 1), 0.01, np.float32), "ocdrnet_scale": np.float32(255)}
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.UINT8, ["N", 32, 64, 3])],
        [helper.make_tensor_value_info("pred", TensorProto.UINT8, ["N", 1, 32, 64])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def small_request(precision="fp16"):
    shapes = ShapeRange((1, 32, 64, 3), (4, 32, 64, 3), (8, 32, 64, 3))
    return PlanRequest("detector small", small_model(), shapes, precision)


def build():
    """Entry point of another process."""
    print(find_or_build_plan(small_request()))

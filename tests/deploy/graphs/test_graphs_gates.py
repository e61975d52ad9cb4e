import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from runs import run

from ocdrnet_deploy.graphs.openvino_rewrites import join_residual_gates

IMAGES = np.random.default_rng(5).normal(size=(2, 3, 6, 8)).astype(np.float32)


def gated(kind="HardSigmoid", total=("x", "product"), product=("x", "gate"), base="x"):
    """x + x * gate of the channel's mean, with nodes in between that only hand on."""
    nodes = [
        helper.make_node("GlobalAveragePool", [base], ["mean"]),
        helper.make_node(kind, ["mean"], ["opened"]),
        helper.make_node("Identity", ["opened"], ["gate"]),
        helper.make_node("Mul", list(product), ["product"]),
        helper.make_node("Identity", ["x"], ["again"]),
        helper.make_node("Add", list(total), ["y"]),
    ]
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "h", "w"])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3, "h", "w"])
    other = numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float32), "other")
    graph = helper.make_graph(nodes, "gated", [value], [answer], [other])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def operators(model):
    return sorted(node.op_type for node in model.graph.node)


@pytest.mark.parametrize("kind", ["HardSigmoid", "Sigmoid"])
@pytest.mark.parametrize("total", [("x", "product"), ("product", "x"), ("again", "product")])
@pytest.mark.parametrize("product", [("x", "gate"), ("gate", "x"), ("gate", "again")])
def test_gate_and_sum_become_one_product(kind, total, product):
    model = gated(kind, total, product)
    joined = join_residual_gates(model)
    np.testing.assert_allclose(run(joined, IMAGES)["y"], run(model, IMAGES)["y"], rtol=1e-6)
    assert joined.graph.node[-1].op_type == "Mul"
    assert operators(joined).count("Mul") == 1


@pytest.mark.parametrize(
    "model",
    [gated("Relu"), gated(total=("other", "product")), gated(product=("other", "gate")), gated(total=("x", "gate"))],
    ids=["no gate", "another sum", "another product", "no product"],
)
def test_other_sums_stay(model):
    joined = join_residual_gates(model)
    np.testing.assert_array_equal(run(joined, IMAGES)["y"], run(model, IMAGES)["y"])
    assert joined.graph.node[-1].op_type == "Add"


def test_the_product_stays_where_others_read_it():
    model = gated()
    model.graph.output.append(helper.make_tensor_value_info("product", TensorProto.FLOAT, ["N", 3, "h", "w"]))
    joined = join_residual_gates(model)
    found, expected = run(joined, IMAGES), run(model, IMAGES)
    for name in ("y", "product"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)

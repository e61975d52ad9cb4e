import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from runs import run

from ocdrnet_deploy.catalog.description import NetworkDescription, Normalization
from ocdrnet_deploy.graphs.adapt import adapt_recognizer
from ocdrnet_deploy.graphs.class_scores import FEWEST_CLASSES, GROUP

PLAIN = Normalization("bgr", (127.5, 127.5, 127.5), (1 / 20, 1 / 20, 1 / 20))
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 6, 40, 3), np.uint8)
COUNTS = [FEWEST_CLASSES, FEWEST_CLASSES + 1, 10 * GROUP - 1, 18710]


def recognizer(classes, last="Softmax", opset=11, bias=None, scale=1):
    """One time step a column: the planes' means, times a matrix, plus a bias."""
    rng = np.random.default_rng(classes)
    weights = {
        "matrix": scale * rng.normal(size=(3, classes)).astype(np.float32),
        "bias": rng.normal(size=classes).astype(np.float32) * 0.1 if bias is None else bias,
    }
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["columns"], keepdims=0, axes=[2]),
        helper.make_node("Transpose", ["columns"], ["steps"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["steps", "matrix"], ["products"]),
        helper.make_node("Add", ["products", "bias"], ["logits"]),
        helper.make_node(last, ["logits"], ["scores"], **({"axis": 2} if last == "Softmax" else {})),
    ]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "h", "w"])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", "t", classes])
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "wide", [image], [scores], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def description(answer="class-scores", blank=0):
    return NetworkDescription("recognizer", answer, PLAIN, blank, {"height": 6, "decoder": "ctc"})


def both(model, described, pictures=IMAGES):
    plain, grouped = adapt_recognizer(model, described), adapt_recognizer(model, described, in_groups=True)
    assert "GatherElements" in {node.op_type for node in grouped.graph.node}
    return run(plain, pictures), run(grouped, pictures)


@pytest.mark.parametrize("answer", ["class-scores", "class-logits"])
@pytest.mark.parametrize("opset", [11, 13, 17])
@pytest.mark.parametrize("classes", COUNTS)
def test_answers_what_the_plain_search_answers(answer, opset, classes):
    last = "Softmax" if answer == "class-scores" else "Identity"
    plain, grouped = both(recognizer(classes, last, opset), description(answer))
    np.testing.assert_array_equal(grouped["output_id"], plain["output_id"])
    np.testing.assert_allclose(grouped["output_prob"], plain["output_prob"], rtol=1e-5)
    assert grouped["output_id"].dtype == np.int32
    assert len(np.unique(plain["output_id"])) > 5


@pytest.mark.parametrize("classes", COUNTS)
@pytest.mark.parametrize("blank", [5, -1])
def test_blank_elsewhere_goes_to_0(blank, classes):
    plain, grouped = both(recognizer(classes), description(blank=blank))
    np.testing.assert_array_equal(grouped["output_id"], plain["output_id"])


@pytest.mark.parametrize("best", [0, GROUP - 1, GROUP, 10 * GROUP - 2])
def test_finds_a_class_at_either_end_of_a_group(best):
    classes = 10 * GROUP - 1
    bias = np.zeros(classes, np.float32)
    bias[best] = 50
    _, grouped = both(recognizer(classes, bias=bias), description())
    assert (grouped["output_id"] == best).all()


def test_ties_go_to_the_lowest_class():
    _, grouped = both(recognizer(1500, bias=np.zeros(1500, np.float32), scale=0), description())
    assert not grouped["output_id"].any()
    np.testing.assert_allclose(grouped["output_prob"], 1 / 1500, rtol=1e-5)


def test_filled_up_classes_never_win():
    """Every real class is unlikely, and yet none of those that fill the last group is chosen."""
    _, grouped = both(recognizer(1025, bias=np.full(1025, -1e4, np.float32)), description())
    assert grouped["output_id"].max() < 1025


def test_few_classes_are_searched_plainly():
    adapted = adapt_recognizer(recognizer(FEWEST_CLASSES - 1), description(), in_groups=True)
    assert "GatherElements" not in {node.op_type for node in adapted.graph.node}


def test_a_layer_without_bias_is_searched_plainly():
    model = recognizer(2000)
    nodes = [node for node in model.graph.node if node.op_type != "Add"]
    nodes[-1].input[0] = "products"
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    adapted = adapt_recognizer(model, description(), in_groups=True)
    assert "GatherElements" not in {node.op_type for node in adapted.graph.node}
    np.testing.assert_array_equal(
        run(adapted, IMAGES)["output_id"], run(adapt_recognizer(model, description()), IMAGES)["output_id"]
    )

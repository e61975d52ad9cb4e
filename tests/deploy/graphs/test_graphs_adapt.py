from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from runs import normalized, run
from small_graphs import detector, flat_detector, image, recognizer

from ocdrnet_deploy.catalog.description import NetworkDescription, Normalization
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.adapt import adapt_detector, adapt_recognizer

NORMALIZATION = Normalization("bgr", (100.0, 120.0, 140.0), (1 / 50, 1 / 60, 1 / 80))  # another one for each plane
DETECTOR = NetworkDescription("detector", "probability-map", NORMALIZATION, 0, {"resize": "multiple-of-32"})
RECOGNIZER = NetworkDescription("recognizer", "class-scores", NORMALIZATION, 0, {"height": 6, "decoder": "ctc"})
OPSETS = [11, 13, 17, 18]
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 6, 9, 3), np.uint8)


def reference(model, pictures, normalization=NORMALIZATION):
    """The network as it was, on images that NumPy normalized."""
    return next(iter(run(model, normalized(pictures, normalization)).values()))


@pytest.mark.parametrize("opset", OPSETS)
def test_adapted_detector_is_the_network_on_normalized_images(opset):
    original = detector(opset)
    found = run(adapt_detector(original, DETECTOR), IMAGES)["pred"]
    assert found.dtype == np.uint8
    assert found.shape == (2, 1, 6, 9)
    assert np.ptp(found) > 100
    assert np.abs(found / 255 - reference(original, IMAGES)).max() <= 0.5 / 255 + 1e-5


@pytest.mark.parametrize("opset", OPSETS)
def test_logits_get_their_sigmoid(opset):
    original, logits = detector(opset), detector(opset, last="Identity")
    found = run(adapt_detector(logits, replace(DETECTOR, answer="logit-map")), IMAGES)["pred"]
    assert np.abs(found / 255 - reference(original, IMAGES)).max() <= 0.5 / 255 + 1e-5


@pytest.mark.parametrize("opset", OPSETS)
def test_map_without_planes_gets_one(opset):
    found = run(adapt_detector(flat_detector(opset), DETECTOR), IMAGES)["pred"]
    assert found.shape == (2, 1, 6, 9)
    np.testing.assert_array_equal(found, run(adapt_detector(detector(opset), DETECTOR), IMAGES)["pred"])


def test_map_of_two_planes_is_refused():
    original = detector()
    original.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2
    with pytest.raises(NetworkError, match=r"output map FLOAT \[N, 2, h, w\] is no map"):
        adapt_detector(original, DETECTOR)


@pytest.mark.parametrize("planes", ["bgr", "rgb"])
@pytest.mark.parametrize("opset", OPSETS)
def test_order_of_planes(opset, planes):
    normalization = replace(NORMALIZATION, planes=planes)
    found = run(adapt_detector(detector(opset), replace(DETECTOR, normalization=normalization)), IMAGES)["pred"]
    assert np.abs(found / 255 - reference(detector(opset), IMAGES, normalization)).max() <= 0.5 / 255 + 1e-5


def declared(values):
    return [
        (v.name, v.type.tensor_type.elem_type, [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim])
        for v in values
    ]


def test_contract_of_the_detector():
    graph = adapt_detector(detector(), DETECTOR).graph
    assert declared(graph.input) == [("input", TensorProto.UINT8, ["N", "height", "width", 3])]
    assert declared(graph.output) == [("pred", TensorProto.UINT8, ["N", 1, "height", "width"])]


def test_contract_of_the_recognizer():
    graph = adapt_recognizer(recognizer(), RECOGNIZER).graph
    assert declared(graph.input) == [("input", TensorProto.UINT8, ["N", 6, "width", 3])]
    assert declared(graph.output) == [
        ("output_id", TensorProto.INT32, ["N", "T"]),
        ("output_prob", TensorProto.FLOAT, ["N", "T"]),
    ]


def test_network_that_uses_the_contracts_names_itself():
    """NVIDIA's OCDNet is `input` -> `pred`."""
    original = onnx.shape_inference.infer_shapes(detector(input_name="input", output_name="pred"))
    found = run(adapt_detector(original, DETECTOR), IMAGES)["pred"]
    assert np.abs(found / 255 - reference(original, IMAGES)).max() <= 0.5 / 255 + 1e-5


def test_branches_read_renamed_tensors():
    """A branch may read the network's input without naming it as one of its own."""
    inner = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "branch", [], [image("y")])
    original = detector()
    original.graph.node.insert(0, helper.make_node("If", ["yes"], ["chosen"], then_branch=inner, else_branch=inner))
    original.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "yes"))
    original.graph.node[1].input[0] = "chosen"
    expected = run(adapt_detector(detector(), DETECTOR), IMAGES)["pred"]
    np.testing.assert_array_equal(run(adapt_detector(original, DETECTOR), IMAGES)["pred"], expected)


@pytest.mark.parametrize("inner", ["input", "output_id", "output_prob"])
def test_network_whose_inner_tensor_has_a_name_of_the_contract(inner):
    original = onnx.shape_inference.infer_shapes(recognizer(ids=inner))
    found = run(adapt_recognizer(original, RECOGNIZER), IMAGES)
    np.testing.assert_array_equal(found["output_id"], reference(original, IMAGES).argmax(-1))


def test_original_is_left_as_it_was():
    for original, adapt, description in (
        (detector(), adapt_detector, DETECTOR),
        (recognizer(), adapt_recognizer, RECOGNIZER),
    ):
        before = original.SerializeToString()
        adapt(original, description)
        assert original.SerializeToString() == before


def test_weights_listed_as_inputs_are_no_images():
    original = detector()
    original.graph.input.append(helper.make_tensor_value_info("kernel", TensorProto.FLOAT, [1, 3, 1, 1]))
    found = run(adapt_detector(original, DETECTOR), IMAGES)
    assert found["pred"].shape == (2, 1, 6, 9)


def test_two_inputs_are_refused():
    original = detector()
    original.graph.input.append(image("mask"))
    with pytest.raises(NetworkError, match=r"has 2 inputs \(x, mask\); it must have one"):
        adapt_detector(original, DETECTOR)


def test_input_of_other_numbers_is_refused():
    original = detector()
    original.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    with pytest.raises(NetworkError, match="'x' is not of 32-bit floats"):
        adapt_detector(original, DETECTOR)


@pytest.mark.parametrize("opset", [9, 10])
def test_old_opset_is_refused(opset):
    with pytest.raises(NetworkError, match=f"opset {opset}; it must be 11"):
        adapt_detector(detector(opset), DETECTOR)
    with pytest.raises(NetworkError, match=f"opset {opset}; it must be 11"):
        adapt_recognizer(recognizer(opset), RECOGNIZER)


def test_input_of_three_dimensions_is_refused():
    original = detector()
    del original.graph.input[0].type.tensor_type.shape.dim[0]
    with pytest.raises(NetworkError, match="has 3 dimensions; it must be"):
        adapt_detector(original, DETECTOR)

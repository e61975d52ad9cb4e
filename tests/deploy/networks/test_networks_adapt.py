import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from small_graphs import CLASSES, detector, image, recognizer

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.adapt import Normalization, adapt_ctc_recognizer, adapt_detector

NORMALIZATION = Normalization((100.0, 120.0, 140.0), (1 / 50, 1 / 60, 1 / 80))  # another one for each plane
OPSETS = [11, 13, 17, 18]
PICTURES = np.random.default_rng(0).integers(0, 256, (2, 6, 9, 3), np.uint8)


def run(model, pictures):
    onnx.checker.check_model(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    return dict(zip(outputs, session.run(None, {session.get_inputs()[0].name: pictures}), strict=True))


def reference(model, pictures):
    """The network as it was, on pictures that NumPy normalized."""
    mean, scale = (np.array(values, np.float32) for values in (NORMALIZATION.mean, NORMALIZATION.scale))
    planes = ((pictures.astype(np.float32) - mean) * scale).transpose(0, 3, 1, 2)
    return next(iter(run(model, np.ascontiguousarray(planes)).values()))


@pytest.mark.parametrize("opset", OPSETS)
def test_adapted_detector_is_the_network_on_normalized_pictures(opset):
    original = detector(opset)
    found = run(adapt_detector(original, NORMALIZATION), PICTURES)["pred"]
    assert found.dtype == np.uint8
    assert found.shape == (2, 1, 6, 9)
    assert np.ptp(found) > 100
    assert np.abs(found / 255 - reference(original, PICTURES)).max() <= 0.5 / 255 + 1e-5


@pytest.mark.parametrize("opset", OPSETS)
def test_adapted_recognizer_is_softmax_and_argmax(opset):
    original = recognizer(opset)
    found = run(adapt_ctc_recognizer(original, NORMALIZATION, height=6), PICTURES)
    scores = reference(original, PICTURES)
    assert found["output_id"].dtype == np.int32
    assert found["output_prob"].dtype == np.float32
    np.testing.assert_array_equal(found["output_id"], scores.argmax(-1))
    np.testing.assert_allclose(found["output_prob"], scores.max(-1), atol=1e-6)
    assert len(np.unique(found["output_id"])) > 2


def test_ties_go_to_the_lowest_id():
    """Pictures that normalize to nothing: every class has the same logit."""
    flat = np.broadcast_to(np.array(NORMALIZATION.mean, np.uint8), (1, 6, 4, 3)).copy()
    found = run(adapt_ctc_recognizer(recognizer(), NORMALIZATION, height=6), flat)
    assert not found["output_id"].any()
    np.testing.assert_allclose(found["output_prob"], 1 / CLASSES, rtol=1e-6)


def declared(values):
    return [
        (v.name, v.type.tensor_type.elem_type, [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim])
        for v in values
    ]


def test_contract_of_the_detector():
    graph = adapt_detector(detector(), NORMALIZATION).graph
    assert declared(graph.input) == [("input", TensorProto.UINT8, ["N", "height", "width", 3])]
    assert declared(graph.output) == [("pred", TensorProto.UINT8, ["N", 1, "height", "width"])]


def test_contract_of_the_recognizer():
    graph = adapt_ctc_recognizer(recognizer(), NORMALIZATION, height=6).graph
    assert declared(graph.input) == [("input", TensorProto.UINT8, ["N", 6, "width", 3])]
    assert declared(graph.output) == [
        ("output_id", TensorProto.INT32, ["N", "T"]),
        ("output_prob", TensorProto.FLOAT, ["N", "T"]),
    ]
    assert "Softmax" not in {node.op_type for node in graph.node}


def test_network_that_uses_the_contracts_names_itself():
    """NVIDIA's OCDNet is `input` -> `pred`."""
    original = onnx.shape_inference.infer_shapes(detector(input_name="input", output_name="pred"))
    found = run(adapt_detector(original, NORMALIZATION), PICTURES)["pred"]
    assert np.abs(found / 255 - reference(original, PICTURES)).max() <= 0.5 / 255 + 1e-5


@pytest.mark.parametrize("inner", ["input", "output_id", "output_prob"])
def test_network_whose_inner_tensor_has_a_name_of_the_contract(inner):
    original = onnx.shape_inference.infer_shapes(recognizer(ids=inner))
    found = run(adapt_ctc_recognizer(original, NORMALIZATION, height=6), PICTURES)
    np.testing.assert_array_equal(found["output_id"], reference(original, PICTURES).argmax(-1))


def test_original_is_left_as_it_was():
    for original, adapt in ((detector(), adapt_detector), (recognizer(), lambda m, n: adapt_ctc_recognizer(m, n, 6))):
        before = original.SerializeToString()
        adapt(original, NORMALIZATION)
        assert original.SerializeToString() == before


def test_weights_listed_as_inputs_are_no_images():
    original = detector()
    original.graph.input.append(helper.make_tensor_value_info("kernel", TensorProto.FLOAT, [1, 3, 1, 1]))
    found = run(adapt_detector(original, NORMALIZATION), PICTURES)
    assert found["pred"].shape == (2, 1, 6, 9)


def test_two_inputs_are_refused():
    original = detector()
    original.graph.input.append(image("mask"))
    with pytest.raises(NetworkError, match=r"has 2 inputs \(x, mask\); it must have one"):
        adapt_detector(original, NORMALIZATION)


def test_input_of_other_numbers_is_refused():
    original = detector()
    original.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    with pytest.raises(NetworkError, match="'x' is not of 32-bit floats"):
        adapt_detector(original, NORMALIZATION)


@pytest.mark.parametrize("opset", [9, 10])
def test_old_opset_is_refused(opset):
    with pytest.raises(NetworkError, match=f"opset {opset}; it must be 11"):
        adapt_detector(detector(opset), NORMALIZATION)
    with pytest.raises(NetworkError, match=f"opset {opset}; it must be 11"):
        adapt_ctc_recognizer(recognizer(opset), NORMALIZATION, 6)


def test_recognizer_without_a_softmax_is_refused():
    with pytest.raises(NetworkError, match="'scores' is made by Relu; it must be a Softmax"):
        adapt_ctc_recognizer(recognizer(last="Relu"), NORMALIZATION, 6)


def test_recognizer_whose_output_nothing_makes_is_refused():
    original = recognizer()
    original.graph.output[0].name = "elsewhere"
    with pytest.raises(NetworkError, match="'elsewhere' is made by nothing"):
        adapt_ctc_recognizer(original, NORMALIZATION, 6)


@pytest.mark.parametrize("classes", ["many", 0])
def test_recognizer_that_does_not_say_its_classes_is_refused(classes):
    original = recognizer(classes="many")
    if not classes:
        original.graph.output[0].type.tensor_type.ClearField("shape")
    with pytest.raises(NetworkError, match="'scores' does not say how many classes"):
        adapt_ctc_recognizer(original, NORMALIZATION, 6)


@pytest.mark.parametrize(("opset", "axis", "fits"), [(13, -1, True), (13, 2, True), (13, 1, False), (11, 1, False)])
def test_softmax_must_run_over_the_classes(opset, axis, fits):
    original = recognizer(opset, axis=axis)
    if fits:
        adapt_ctc_recognizer(original, NORMALIZATION, 6)
        return
    with pytest.raises(NetworkError, match=f"softmax runs over axis {axis}"):
        adapt_ctc_recognizer(original, NORMALIZATION, 6)


@pytest.mark.parametrize(("opset", "fits"), [(11, False), (13, True)])
def test_softmax_without_an_axis_has_its_opsets(opset, fits):
    original = recognizer(opset)
    del original.graph.node[-1].attribute[:]
    if fits:
        adapt_ctc_recognizer(original, NORMALIZATION, 6)
        return
    with pytest.raises(NetworkError, match="softmax runs over axis 1"):
        adapt_ctc_recognizer(original, NORMALIZATION, 6)

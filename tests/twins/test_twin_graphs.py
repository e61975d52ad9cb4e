"""The twins by themselves: the outside of NVIDIA's files, and no setting of this project between image and text."""

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto
from twin_contracts import DETECTORS, RECOGNIZERS, STEPS
from twin_detector import MARKER, TAO_MEAN, detector_twin
from twin_image import RIPPLE, draw_image, plate_boxes
from twin_levels import colour_of_gray, gray_level
from twin_recognizer import EXTRA_OUTPUT, UNUSED_DOMAIN, recognizer_twin
from twin_text import TEXTS, ids_of_steps

RUN_AS_THEY_ARE = [version for version in DETECTORS if not version.deformable]


def by_name(versions):
    return pytest.mark.parametrize("version", versions, ids=lambda version: version.name)


def declared(values):
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim],
        )
        for value in values
    }


def run(model, image):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"input": image.astype(np.float32)}), strict=True))


def tao_planes(image):
    """As TAO preprocesses for OCDNet."""
    stretched = cv2.resize(image, (1280, 736), interpolation=cv2.INTER_LINEAR)
    return ((stretched - TAO_MEAN) / 255).transpose(2, 0, 1)[None]


def tao_gray(image, size):
    """As TAO preprocesses for OCRNet."""
    height, width = size
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return ((cv2.resize(gray, (width, height), interpolation=cv2.INTER_CUBIC) / 255 - 0.5) / 0.5)[None, None]


def plates(image):
    return [image[y0:y1, x0:x1] for (x0, y0), _, (x1, y1), _ in plate_boxes()]


@by_name(DETECTORS)
def test_outside_of_a_detector(version):
    model = detector_twin(version)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", version.opset)]
    assert declared(model.graph.input) == {"input": (TensorProto.FLOAT, [version.batch, 3, 736, 1280])}
    output = [version.batch, 1, "pred_height", "pred_width"]
    assert declared(model.graph.output) == {"pred": (TensorProto.FLOAT, output)}


@pytest.mark.parametrize(("name", "count"), [("ocdnet-v1.0-resnet18", 6), ("ocdnet-v1.0-resnet50", 13)])
def test_deformable_nodes_of_version_1(name, count):
    model = detector_twin(next(version for version in DETECTORS if version.name == name))
    deformable = [node for node in model.graph.node if node.op_type == "ModulatedDeformConv2d"]
    assert len(deformable) == count
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in deformable[0].attribute}
    ones = [1, 1]
    assert attributes == {"stride": ones, "padding": ones, "dilation": ones, "group": 1, "deformable_group": 1}
    assert {len(node.input) for node in deformable} == {4}
    assert {node.domain for node in deformable} == {""}


@by_name(RECOGNIZERS)
def test_outside_of_a_recognizer(version):
    model = recognizer_twin(version)
    domains = {opset.domain: opset.version for opset in model.opset_import}
    assert domains == {"": 17, UNUSED_DOMAIN: 1}
    assert declared(model.graph.input) == {"input": (TensorProto.FLOAT, ["batch_size", 1, *version.size])}
    steps = ["batch_size", STEPS]
    expected = {"output_id": (version.id_type, steps), "output_prob": (TensorProto.FLOAT, steps)}
    if version.extra_output:
        expected[EXTRA_OUTPUT] = (TensorProto.INT64, steps)
    assert declared(model.graph.output) == expected
    assert sum(node.op_type == "LSTM" for node in model.graph.node) == version.recurrent
    with pytest.raises(onnx.checker.ValidationError):  # as NVIDIA's: neither sorted nor of known domains alone
        onnx.checker.check_model(model)


@by_name(RUN_AS_THEY_ARE)
def test_detector_marks_the_cores_alone(version):
    image = draw_image(RECOGNIZERS[0])
    found = run(detector_twin(version), tao_planes(image))["pred"][0, 0]
    cores = (np.abs(image - MARKER.astype(int)) <= RIPPLE).all(-1).astype(np.uint8)
    cores = cv2.resize(cores, (1280, 736), interpolation=cv2.INTER_NEAREST)
    inside = cv2.erode(cores, np.ones((5, 5)))
    around = cv2.dilate(cores, np.ones((5, 5)))
    assert found[inside > 0].min() > 0.99
    assert found[around == 0].max() < 0.01


def test_only_version_2_0_refuses_two_images():
    image = np.concatenate([tao_planes(draw_image(RECOGNIZERS[0]))] * 2)
    for version in RUN_AS_THEY_ARE:
        if version.batch == 1:
            with pytest.raises(ort.capi.onnxruntime_pybind11_state.InvalidArgument):
                run(detector_twin(version), image)
        else:
            assert len(run(detector_twin(version), image)["pred"]) == 2


@by_name(RECOGNIZERS)
def test_recognizer_reads_every_step_of_every_plate(version):
    cut_out = [tao_gray(plate, version.size) for plate in plates(draw_image(version))]
    found = run(recognizer_twin(version), np.concatenate(cut_out))
    expected = [ids_of_steps(text, version) for text in TEXTS[version.decoder]]
    np.testing.assert_array_equal(found["output_id"], expected)
    assert found["output_prob"].min() > 0.85


@by_name([RECOGNIZERS[0], RECOGNIZERS[2]])
def test_colours_have_the_gray_of_their_id(version):
    for character_id in range(version.classes):
        level = gray_level(character_id, version.classes)
        for tint in ((60, -60), (-60, 60), (50, 50), (0, 0)):
            assert colour_of_gray(level, tint) @ [0.114, 0.587, 0.299] == pytest.approx(level, abs=0.5)

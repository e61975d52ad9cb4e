from pathlib import Path

import pytest
from onnx import TensorProto

from ocdrnet_deploy.networks.prepare import prepare_recognizer
from ocdrnet_deploy.tensorrt.command import PlanFiles, build_command, graph_for, precision_flags
from ocdrnet_deploy.tensorrt.shapes import detector_shapes, recognizer_shapes
from ocdrnet_deploy.tensorrt.version import TensorRtVersion
from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.recognition.width_groups import padded_width

FREE = DetectorCard("d", "s", "MIT", "0", "multiple-of-32")
FIXED = DetectorCard("d", "s", "MIT", "0", "stretch", height=736, width=1280)
OLD, LAST_OLD, TYPED, ELEVEN = (TensorRtVersion(*v) for v in ((8, 6, 1), (10, 11, 0), (10, 12, 0), (11, 1, 0)))


@pytest.fixture(scope="module")
def model():
    return prepare_recognizer("ppocrv6-small", engine="tensorrt").model


def halves(model):
    return any(weight.data_type == TensorProto.FLOAT16 for weight in model.graph.initializer)


@pytest.mark.parametrize("version", [OLD, LAST_OLD])
def test_older_tensorrt_chooses_fp16_itself_but_for_the_named_nodes(model, version):
    fp16, constraints, layers = precision_flags(model, "fp16", version)
    assert (fp16, constraints) == ("--fp16", "--precisionConstraints=prefer")
    named = layers.removeprefix("--layerPrecisions=").split(",")
    assert "output_prob:fp32" in named
    assert all(name.endswith(":fp32") for name in named)
    networks_own = {name.removesuffix(":fp32") for name in named if not name.startswith(("ocdrnet_", "output_prob"))}
    class_scores = {"MatMul.12", "Add.208", "Identity.210", "Softmax.2"}
    normalizations = {name for name in networks_own if name.startswith(("Pow", "ReduceMean", "Sqrt"))}
    assert networks_own == class_scores | normalizations
    assert len({name.partition(".")[0] for name in normalizations}) == 3
    assert "output_id:fp32" not in named, "it makes integers"
    assert graph_for(model, "fp16", version) is model


def test_from_10_12_the_graph_has_the_types_and_a_flag_says_so(model):
    assert precision_flags(model, "fp16", TYPED) == ["--stronglyTyped"]
    assert halves(graph_for(model, "fp16", TYPED))


def test_11_takes_no_precision_flag(model):
    assert precision_flags(model, "fp16", ELEVEN) == []
    assert halves(graph_for(model, "fp16", ELEVEN))


@pytest.mark.parametrize("version", [OLD, LAST_OLD, TYPED, ELEVEN])
def test_fp32_is_the_graph_as_it_is(model, version):
    assert precision_flags(model, "fp32", version) == []
    assert graph_for(model, "fp32", version) is model


def test_command():
    files = PlanFiles(Path("/c/model.onnx"), Path("/c/model.plan"), Path("/c/timing.cache"))
    assert build_command(Path("/bin/trtexec"), files, detector_shapes(FIXED, 32), ["--stronglyTyped"]) == [
        "/bin/trtexec",
        "--onnx=/c/model.onnx",
        "--saveEngine=/c/model.plan",
        "--minShapes=input:1x736x1280x3",
        "--optShapes=input:8x736x1280x3",
        "--maxShapes=input:32x736x1280x3",
        "--timingCacheFile=/c/timing.cache",
        "--skipInference",
        "--stronglyTyped",
    ]


def test_free_detector_takes_every_size_that_the_pipeline_makes():
    shapes = detector_shapes(FREE, 8)
    assert (shapes.least, shapes.tuned, shapes.most) == ((1, 32, 32, 3), (8, 736, 1312, 3), (8, 2016, 2016, 3))
    assert shapes.dims == (-1, -1, 3)
    assert not shapes.is_fixed


@pytest.mark.parametrize(("batch", "tuned"), [(1, 1), (4, 4), (8, 8), (32, 8)])
def test_detector_is_tuned_for_8_images_at_most(batch, tuned):
    shapes = detector_shapes(FIXED, batch)
    assert (shapes.tuned_batch, shapes.max_batch, shapes.dims) == (tuned, batch, (736, 1280, 3))


@pytest.mark.parametrize(("width", "dims"), [(100, (32, 100, 3)), (0, (32, -1, 3))])
def test_recognizer_is_tuned_for_32_crops(width, dims):
    card = RecognizerCard("r", "s", "MIT", "0", 32, "ctc", ("a",), width=width, max_width=1000)
    shapes = recognizer_shapes(card, 1000)
    assert (shapes.least[0], shapes.tuned_batch, shapes.max_batch, shapes.dims) == (1, 32, 1000, dims)
    assert shapes.most[2] == (width or padded_width(1000))
    assert shapes.tuned[2] == (width or 320)

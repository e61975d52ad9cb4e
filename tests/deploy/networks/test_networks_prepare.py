"""From a name in the catalog to an adapted network and its card."""

import hashlib
from dataclasses import replace

import numpy as np
import onnx
import pytest
from nvidia_graphs import deformable_ocdnet, ocdnet, ocrnet
from onnx import helper
from runs import random_images, run

from ocdrnet_deploy.catalog.catalog import find_network
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks import find
from ocdrnet_deploy.networks.prepare import prepare_detector, prepare_recognizer
from ocdrnet_ops.cards import DetectorCard

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def downloaded(tmp_path, monkeypatch):
    """Pretend that a catalog entry's weights and character list are there."""

    def place(model, characters=None):
        path = tmp_path / "weights.onnx"
        path.write_bytes(model.SerializeToString())
        monkeypatch.setattr(find.weights, "find_weights", lambda entry: path)
        monkeypatch.setattr(find.weights, "character_list", lambda *_: characters)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    return place


def input_dims(model):
    return [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]


def test_detector_of_the_catalog(downloaded):
    sha256 = downloaded(ocdnet())
    prepared = prepare_detector("ocdnet-v2.3")
    entry = find_network("detector", "ocdnet-v2.3")
    assert prepared.card == DetectorCard(
        "ocdnet-v2.3", str(entry.source), entry.license, sha256, **entry.description.card
    )
    assert input_dims(prepared.model) == ["N", 736, 1280, 3]
    assert (prepared.max_batch, prepared.runtime) == (0, "openvino")


def test_size_of_the_file_wins_over_the_catalogs(downloaded):
    downloaded(ocdnet(height=640, width=640))
    prepared = prepare_detector("ocdnet-v2.1")
    assert (prepared.card.height, prepared.card.width) == (640, 640)
    assert input_dims(prepared.model) == ["N", 640, 640, 3]


def test_network_of_one_image_a_run(downloaded):
    downloaded(ocdnet(batch=1))
    assert prepare_detector("ocdnet-v2.1").max_batch == 1
    downloaded(ocdnet())
    assert prepare_detector("ocdnet-v2.0").max_batch == 1  # as the catalog says


def test_recognizer_of_the_catalog(downloaded):
    downloaded(ocrnet(classes=37))
    prepared = prepare_recognizer("ocrnet-v1.0")
    assert prepared.card.characters == tuple(ALPHABET)
    assert (prepared.card.width, prepared.card.time_steps, prepared.card.interpolation) == (100, 26, "cubic")
    assert [output.name for output in prepared.model.graph.output] == ["output_id", "output_prob"]


def test_character_list_of_the_version_wins(downloaded):
    downloaded(ocrnet(height=64, width=200), tuple("xyz"))
    assert prepare_recognizer("ocrnet-v2.0").card.characters == ("x", "y", "z")


def test_default_networks_are_as_described():
    recognizer_card = prepare_recognizer("ppocrv6-small").card
    assert len(recognizer_card.characters) > 18_000
    assert (recognizer_card.width, recognizer_card.max_batch) == (0, 0)
    assert prepare_detector("ppocrv6-small").runtime == "openvino"


ENGINES = [
    pytest.param(engine, "DeformConv", "onnxruntime", marks=pytest.mark.deformable) for engine in ("cpu", "cuda")
]


@pytest.mark.parametrize(
    ("engine", "operator", "runtime"), [*ENGINES, ("tensorrt", "ModulatedDeformConv2d", "tensorrt")]
)
def test_deformable_detector_for_each_engine(downloaded, engine, operator, runtime):
    downloaded(deformable_ocdnet())
    prepared = prepare_detector("ocdnet-v1.0-resnet18", engine=engine)
    assert operator in {node.op_type for node in prepared.model.graph.node}
    assert prepared.runtime == runtime
    assert input_dims(prepared.model) == ["N", 736, 1280, 3]


@pytest.mark.deformable
def test_deformable_detector_runs(downloaded):
    downloaded(deformable_ocdnet(stride=2))
    model = prepare_detector("ocdnet-v1.0-resnet18").model
    for axis, size in ((1, 64), (2, 96)):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
        model.graph.output[0].type.tensor_type.shape.dim[axis + 1].dim_value = size
    found = run(model, random_images(2, 64, 96))["pred"]
    assert (found.dtype, found.shape) == (np.uint8, (2, 1, 64, 96))
    assert np.ptp(found) > 100


@pytest.mark.parametrize(
    ("engine", "runtime"), [("cpu", "openvino"), ("cuda", "onnxruntime"), ("tensorrt", "tensorrt")]
)
def test_runtime_of_standard_operators(downloaded, engine, runtime):
    downloaded(ocdnet())
    assert prepare_detector("ocdnet-v2.3", engine=engine).runtime == runtime


def test_own_operators_are_for_tensorrt_alone(downloaded):
    model = ocdnet()
    model.graph.node.append(helper.make_node("MyPlugin", ["input"], ["unused"]))
    downloaded(model)
    with pytest.raises(NetworkError, match="uses MyPlugin, which standard ONNX has not; TensorRT"):
        prepare_detector("ocdnet-v2.3")
    assert prepare_detector("ocdnet-v2.3", engine="tensorrt").runtime == "tensorrt"


def test_weights_with_noted_types_of_another_size(downloaded, monkeypatch):
    """An export of one size, its declaration made free: what was noted inside must not contradict the card's size."""
    model = onnx.shape_inference.infer_shapes(ocdnet())
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].Clear()
    entry = find_network("detector", "ocdnet-v2.3")
    small = replace(entry.description, card=entry.description.card | {"height": 64, "width": 96})
    monkeypatch.setattr(find, "find_network", lambda kind, name: replace(entry, description=small))
    downloaded(model)
    assert run(prepare_detector("ocdnet-v2.3").model, random_images(2, 64, 96))["pred"].shape == (2, 1, 64, 96)

"""Adapted OCDNet and OCRNet against reference preprocessing and the network as it was."""

import cv2
import numpy as np
import pytest
from nvidia_graphs import STEPS, ocdnet, ocrnet
from onnx import TensorProto
from PIL import Image
from runs import gray, normalized, random_images, real_images, run, stretched

from ocdrnet_deploy.catalog.catalog import catalog
from ocdrnet_deploy.catalog.description import NORMALIZATIONS, NetworkDescription
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.adapt import adapt_detector, adapt_recognizer
from ocdrnet_triton.engines.base import Placement
from ocdrnet_triton.engines.openvino import OpenVinoNetwork

HEIGHT, WIDTH = 160, 288
VARIANTS = ["tao", "nvocdr", "tao-int8-calibrator"]
IDS = {"INT32": TensorProto.INT32, "INT64": TensorProto.INT64}


def detector_description(normalization="tao", **fields):
    card = {"resize": "stretch", "height": HEIGHT, "width": WIDTH}
    values = {"kind": "detector", "answer": "probability-map", "max_batch": 0, "card": card}
    return NetworkDescription(**values | fields, normalization=NORMALIZATIONS[normalization])


def recognizer_description(height=32, width=100, decoder="ctc"):
    card = {"height": height, "width": width, "decoder": decoder, "time_steps": STEPS}
    return NetworkDescription("recognizer", "ids", NORMALIZATIONS["gray-half"], 0, card)


def map_difference(pictures, normalization="tao", adapted_as=None):
    """Largest difference of probabilities between the adapted network and the reference."""
    original = ocdnet(height=HEIGHT, width=WIDTH)
    found = run(adapt_detector(original, detector_description(adapted_as or normalization)), pictures)["pred"]
    expected = run(original, normalized(pictures, NORMALIZATIONS[normalization]))["pred"]
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    assert np.ptp(found) > 200
    return np.abs(found / 255 - expected).max()


@pytest.mark.parametrize("normalization", VARIANTS)
def test_detector_equals_its_reference_on_random_images(normalization):
    assert map_difference(random_images(200 if normalization == "tao" else 20, HEIGHT, WIDTH), normalization) <= 1 / 255


@pytest.mark.images
def test_detector_equals_its_reference_on_real_images():
    assert map_difference(stretched(real_images(), HEIGHT, WIDTH)) <= 1 / 255


@pytest.mark.parametrize("other", [name for name in VARIANTS if name != "tao"])
def test_another_variants_order_or_means_are_no_reference(other):
    """The two differ by 18 of 255 in two planes, which must not pass as rounding."""
    assert map_difference(random_images(3, HEIGHT, WIDTH), "tao", adapted_as=other) > 4 / 255


def recognized(original, description, pictures):
    found = run(adapt_recognizer(original, description), pictures)
    assert list(found) == ["output_id", "output_prob"]
    assert (found["output_id"].dtype, found["output_prob"].dtype) == (np.int32, np.float32)
    return found


def assert_ids_equal(pictures, height, width, decoder, classes, dtype=TensorProto.INT64):
    original = ocrnet(dtype, height, width, classes)
    found = recognized(original, recognizer_description(height, width, decoder), pictures)
    expected = run(original, normalized(pictures, NORMALIZATIONS["gray-half"]))
    np.testing.assert_array_equal(found["output_id"], expected["output_id"])
    np.testing.assert_allclose(found["output_prob"], expected["output_prob"], atol=1e-5)
    assert len(np.unique(found["output_id"])) > classes / 2


@pytest.mark.parametrize("dtype", IDS)
@pytest.mark.parametrize(
    ("height", "width", "decoder", "classes"), [(32, 100, "ctc", 37), (64, 200, "attention", 63)], ids=["v1", "v2"]
)
def test_recognizer_equals_its_reference(height, width, decoder, classes, dtype):
    pictures = random_images(200, height, width)
    assert_ids_equal(pictures, height, width, decoder, classes, IDS[dtype])


@pytest.mark.images
@pytest.mark.parametrize(("height", "width", "decoder", "classes"), [(32, 100, "ctc", 37), (64, 200, "attention", 63)])
def test_recognizer_equals_its_reference_on_real_images(height, width, decoder, classes):
    pictures = stretched(real_images(), height, width, cv2.INTER_CUBIC)
    assert_ids_equal(pictures, height, width, decoder, classes)


@pytest.mark.parametrize("dtype", IDS)
@pytest.mark.parametrize(("height", "width", "decoder", "classes"), [(32, 100, "ctc", 37), (64, 200, "attention", 63)])
def test_both_engines_read_the_same(tmp_path, height, width, decoder, classes, dtype):
    """Also from a graph whose nodes are not sorted and which names a domain that it does not use."""
    model = adapt_recognizer(
        ocrnet(IDS[dtype], height, width, classes, extra=True), recognizer_description(height, width, decoder)
    )
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    pictures = random_images(32, height, width)
    network = OpenVinoNetwork(tmp_path / "model.onnx", ["output_id", "output_prob"], Placement(1, 1), precision="f32")
    (found,) = network.run([pictures])
    expected = run(model, pictures)
    assert found["output_id"].dtype == np.int32
    np.testing.assert_array_equal(found["output_id"], expected["output_id"])
    np.testing.assert_allclose(found["output_prob"], expected["output_prob"], atol=1e-3)


def test_both_engines_detect_the_same(tmp_path):
    model = adapt_detector(ocdnet(height=HEIGHT, width=WIDTH), detector_description())
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    pictures = random_images(2, HEIGHT, WIDTH)
    network = OpenVinoNetwork(tmp_path / "model.onnx", ["pred"], Placement(1, 1), precision="f32")
    found = network.run([pictures])[0]["pred"].astype(int)
    assert np.abs(found - run(model, pictures)["pred"]).max() <= 1


def test_gray_is_rounded_to_8_bits_before_it_is_normalized():
    """Two images of one gray level that differ only in color read the same."""
    first, second = np.zeros((2, 1, 32, 100, 3), np.uint8)
    first[:] = (10, 20, 30)  # 21.85
    second[:] = (22, 22, 22)
    found = [recognized(ocrnet(), recognizer_description(), picture)["output_prob"] for picture in (first, second)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("color", [(255, 0, 0), (0, 255, 0), (0, 0, 255)], ids=["blue", "green", "red"])
def test_gray_weights_of_each_color(color):
    level = int(np.rint(np.dot(color, (0.114, 0.587, 0.299))))
    pictures = [np.full((1, 32, 100, 3), value, np.uint8) for value in (color, (level,) * 3, (level + 1,) * 3)]
    found = [recognized(ocrnet(), recognizer_description(), picture)["output_prob"] for picture in pictures]
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-4


def test_gray_is_pillows_within_a_level():
    """TAO trains on Pillow's, in fixed point; the two part at ties."""
    pictures = random_images(20, 100, 100)
    pillow = np.stack([np.asarray(Image.fromarray(picture[..., ::-1].copy()).convert("L")) for picture in pictures])
    difference = np.abs(gray(pictures) - pillow)
    assert difference.max() <= 1
    assert difference.mean() < 1e-3


def test_third_output_of_tao_5_0_is_dropped():
    pictures = random_images(4, 32, 100)
    plain = recognized(ocrnet(), recognizer_description(), pictures)
    extra = recognized(ocrnet(extra=True), recognizer_description(), pictures)
    np.testing.assert_array_equal(plain["output_id"], extra["output_id"])


def test_ids_that_are_integers_already_are_not_cast():
    operators = [node.op_type for node in adapt_recognizer(ocrnet(IDS["INT32"]), recognizer_description()).graph.node]
    assert operators.count("Cast") == 1 + 1  # the image's, and the network's own


def dims(values):
    return [[d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in values]


def test_fixed_sizes_are_declared():
    graph = adapt_recognizer(ocrnet(), recognizer_description()).graph
    assert dims(graph.input) == [["N", 32, 100, 3]]
    assert dims(graph.output) == [["N", STEPS]] * 2
    graph = adapt_detector(ocdnet(height=HEIGHT, width=WIDTH), detector_description()).graph
    assert dims(graph.input) == [["N", HEIGHT, WIDTH, 3]]
    assert dims(graph.output) == [["N", 1, HEIGHT, WIDTH]]


@pytest.mark.parametrize("names", [("ids", "output_prob"), ("output_id", "probabilities")])
def test_ids_under_other_names_are_refused_with_what_there_is(names):
    original = ocrnet()
    for output, name in zip(original.graph.output, names, strict=True):
        output.name = name
    with pytest.raises(NetworkError, match=rf"outputs are {names[0]} INT64 \[batch, 26\].*must be output_id and"):
        adapt_recognizer(original, recognizer_description())


def test_ids_of_floats_are_refused():
    with pytest.raises(NetworkError, match=r"output_id FLOAT .*must be INT32 or INT64"):
        adapt_recognizer(ocrnet(TensorProto.FLOAT), recognizer_description())


def test_color_planes_for_a_gray_network_are_refused():
    with pytest.raises(
        NetworkError, match=r"input FLOAT \[batch_size, 3, .*has 3 planes, its normalization \(gray\) 1"
    ):
        adapt_detector(ocdnet(), detector_description("gray-half"))


@pytest.mark.parametrize("entry", catalog(), ids=lambda entry: f"{entry.description.kind}-{entry.name}")
def test_catalog_describes_what_these_networks_are(entry):
    """The contracts' table, row by row."""
    description = entry.description
    if not entry.name.startswith("oc"):
        return
    if description.kind == "detector":
        assert description.normalization == NORMALIZATIONS["tao"]
        assert description.card["resize"] == "stretch"
        return
    v1 = entry.name.startswith("ocrnet-v1")
    card = description.card
    assert description.normalization == NORMALIZATIONS["gray-half"]
    assert (card["height"], card["width"], card["time_steps"]) == ((32, 100, 26) if v1 else (64, 200, 26))
    assert (card["decoder"], len(card["characters"])) == (("ctc", 36) if v1 else ("attention", 61))
    assert card["interpolation"] == "cubic"

"""Each part of an adaptation, changed alone, shows in the numbers that the reference tests compare."""

from dataclasses import replace

import numpy as np
import pytest
from nvidia_graphs import ocdnet, ocrnet
from onnx import TensorProto
from runs import normalized, random_images, run

from ocdrnet_deploy.catalog.description import NORMALIZATIONS, NetworkDescription
from ocdrnet_deploy.graphs import adapt
from ocdrnet_deploy.graphs.adapt import adapt_detector, adapt_recognizer

TAO, GRAY = NORMALIZATIONS["tao"], NORMALIZATIONS["gray-half"]
HEIGHT, WIDTH = 96, 160
DETECTOR = NetworkDescription(
    "detector", "probability-map", TAO, 0, {"resize": "stretch", "height": HEIGHT, "width": WIDTH}
)
RECOGNIZER = NetworkDescription("recognizer", "ids", GRAY, 0, {"height": 32, "width": 100, "time_steps": 26})


def of_contract(planes, mean, scale):
    return {"planes": planes, "mean": mean, "scale": pytest.approx(scale)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tao", of_contract("bgr", (122.67891434, 116.66876762, 104.00698793), (1 / 255,) * 3)),
        ("nvocdr", of_contract("bgr", (104.00698793, 116.66876762, 122.67891434), (1 / 255,) * 3)),
        ("tao-int8-calibrator", of_contract("rgb", (122.67891434, 116.66876762, 104.00698793), (1 / 255,) * 3)),
        ("gray-half", of_contract("gray", (127.5,), (2 / 255,))),
    ],
)
def test_normalizations_are_nvidias(name, expected):
    assert vars(NORMALIZATIONS[name]) == expected


def shifted(plane, by=2.0):
    return replace(TAO, mean=tuple(m + by * (i == plane) for i, m in enumerate(TAO.mean)))


DETECTOR_MUTATIONS = {
    "planes": replace(TAO, planes="rgb"),
    "first mean": shifted(0),
    "second mean": shifted(1),
    "third mean": shifted(2),
    "means in reverse": replace(TAO, mean=TAO.mean[::-1]),
    "scale": replace(TAO, scale=(1 / 250,) * 3),
    "scale of one plane": replace(TAO, scale=(1 / 255, 1 / 255, 1 / 245)),
}


def detector_difference(normalization):
    pictures = random_images(2, HEIGHT, WIDTH)
    original = ocdnet(height=HEIGHT, width=WIDTH)
    found = run(adapt_detector(original, replace(DETECTOR, normalization=normalization)), pictures)["pred"]
    return np.abs(found / 255 - run(original, normalized(pictures, TAO))["pred"]).max()


def test_detector_unchanged():
    assert detector_difference(TAO) <= 1 / 255


@pytest.mark.parametrize("mutation", DETECTOR_MUTATIONS)
def test_changed_detector_shows(mutation):
    assert detector_difference(DETECTOR_MUTATIONS[mutation]) > 1 / 255


def recognizer_difference(normalization=GRAY):
    """Share of other ids, and the largest difference of probabilities."""
    pictures = random_images(50, 32, 100)
    found = run(adapt_recognizer(ocrnet(), replace(RECOGNIZER, normalization=normalization)), pictures)
    expected = run(ocrnet(), normalized(pictures, GRAY))
    probabilities = np.abs(found["output_prob"] - expected["output_prob"]).max()
    return (found["output_id"] != expected["output_id"]).mean(), probabilities


def test_recognizer_unchanged():
    ids, probabilities = recognizer_difference()
    assert ids == 0
    assert probabilities <= 1e-5


@pytest.mark.parametrize(
    "changed",
    [replace(GRAY, mean=(125.5,)), replace(GRAY, scale=(1 / 125,)), replace(GRAY, mean=(0.0,), scale=(1 / 255,))],
    ids=["mean", "scale", "unit range"],
)
def test_changed_recognizer_shows(changed):
    assert recognizer_difference(changed)[1] > 1e-3


@pytest.mark.parametrize(
    "weights",
    [(0.299, 0.587, 0.114), (1 / 3, 1 / 3, 1 / 3), (0.0722, 0.7152, 0.2126), (0.0, 1.0, 0.0)],
    ids=["for RGB", "mean", "BT.709", "green alone"],
)
def test_other_gray_weights_show(monkeypatch, weights):
    monkeypatch.setattr(adapt, "GRAY", weights)
    assert recognizer_difference()[1] > 1e-3


def test_gray_that_is_not_rounded_shows(monkeypatch):
    node = adapt.GraphEdit.node
    monkeypatch.setattr(
        adapt.GraphEdit,
        "node",
        lambda self, op, *inputs, **more: inputs[0] if op == "Round" else node(self, op, *inputs, **more),
    )
    assert recognizer_difference()[1] > 1e-4


@pytest.mark.parametrize("dtype", [TensorProto.INT32, TensorProto.INT64])
def test_ids_are_int32_whatever_the_export(dtype):
    found = run(adapt_recognizer(ocrnet(dtype), RECOGNIZER), random_images(1, 32, 100))
    assert found["output_id"].dtype == np.int32

"""The recognizer reads a crop alike whatever company it is in: alone, among others, in another order, padded."""

import numpy as np
import pytest
from encoded_images import pixels_of
from sample_truth import SAMPLES, truth_boxes

from ocdrnet_ops.cards import read_recognizer_card
from ocdrnet_ops.geometry.crop import crop_lines

NAMES = ("storefront.jpg", "receipt.jpg", "languages.png", "rotated.jpg")
PROBABILITY_TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def card(served):
    return read_recognizer_card(served.repository / "ocrnet" / "1" / "card.json")


@pytest.fixture(scope="module")
def crops(card):
    """Pixels [h, w, 3] and own width of every line of the samples, each as narrow as if it were its image's only."""
    boxes = [(pixels_of(SAMPLES / name), box[None]) for name in NAMES for box in truth_boxes(name)]
    single = [crop_lines(pixels, box, card) for pixels, box in boxes]
    return [(crop.pixels[0], int(crop.widths[0, 0])) for crop in single]


@pytest.fixture(scope="module")
def recognize(grpc_call, card):
    """Ids and probabilities of a batch, each crop's own time steps."""

    def run(crops):
        widest = max(pixels.shape[1] for pixels, _ in crops)
        batch = np.stack([padded(pixels, widest) for pixels, _ in crops])
        widths = np.array([[width] for _, width in crops], np.int32)
        tensors = [
            grpc_call.input_class("input", batch.shape, "UINT8").set_data_from_numpy(batch),
            grpc_call.input_class("CROP_WIDTHS", widths.shape, "INT32").set_data_from_numpy(widths),
        ]
        result = grpc_call.infer(tensors, model="ocrnet")
        ids, probabilities = result.as_numpy("output_id"), result.as_numpy("output_prob")
        steps = [-(-width // card.stride) for _, width in crops]
        return [(ids[row, :own], probabilities[row, :own]) for row, own in enumerate(steps)]

    return run


@pytest.fixture(scope="module")
def alone(recognize, crops):
    return [recognize([crop])[0] for crop in crops]


def padded(pixels, width):
    return np.pad(pixels, ((0, 0), (0, width - pixels.shape[1]), (0, 0)), mode="edge")


def assert_same(read, expected):
    for (ids, probabilities), (expected_ids, expected_probabilities) in zip(read, expected, strict=True):
        np.testing.assert_array_equal(ids, expected_ids)
        np.testing.assert_allclose(probabilities, expected_probabilities, atol=PROBABILITY_TOLERANCE)


def test_there_is_something_to_read(alone):
    assert len(alone) > 80
    assert all(ids.any() for ids, _ in alone)


def test_together(recognize, crops, alone):
    assert_same(recognize(crops), alone)


def test_shuffled(recognize, crops, alone):
    order = np.random.default_rng(7).permutation(len(crops))
    assert_same(recognize([crops[index] for index in order]), [alone[index] for index in order])


def test_padded_wider(recognize, crops, alone):
    wider = [(padded(pixels, pixels.shape[1] + 160), width) for pixels, width in crops[:20]]
    assert_same([recognize([crop])[0] for crop in wider], alone[:20])


def test_what_stands_right_of_a_crop_does_not_matter(recognize, crops, alone):
    noise = np.random.default_rng(8).integers(0, 256, (len(crops[0][0]), 160, 3), np.uint8)
    beside_noise = [(np.concatenate([pixels, noise], axis=1), width) for pixels, width in crops[:20]]
    assert_same(recognize(beside_noise), alone[:20])

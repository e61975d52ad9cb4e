"""The same pixels as OpenCV's, by NumPy's functions and by those of a library that takes no array of NumPy's."""

import dataclasses

import cupy_stand_in
import cv2
import numpy as np
import pytest

from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.geometry.crop import crop_lines
from ocdrnet_ops.geometry.text_outline import quad_outlines
from ocdrnet_ops.image.resize import scale_image
from ocdrnet_triton import array_pixels
from ocdrnet_triton.array_pixels import ArrayPixels

FREE = RecognizerCard("r", "s", "l", "0", height=48, decoder="ctc", characters=("a",))
FIXED = dataclasses.replace(FREE, height=32, width=100)
CARDS = {
    "free": FREE,
    "margin": dataclasses.replace(FREE, crop_margin=0.1),
    "stretched": FIXED,
    "cubic": dataclasses.replace(FIXED, interpolation="cubic"),
    "gray": dataclasses.replace(FIXED, keep_aspect=True, padding="gray"),
}
# OpenCV places a pixel to 1/32, so up to 1/64 off on each axis; between black and white neighbors that is 255 / 64
# twice. Each of its two roundings adds half a gray level, and what it adds up in fixed point another.
MOST_OFF = 255 / 32 + 2
MEAN_OFF = 0.6  # of noise, where every neighbor differs


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)


@pytest.fixture(scope="module")
def boxes():
    """Lines of all sizes at all angles, some of which reach over the border, and some that are no rectangles."""
    random = np.random.default_rng(2)
    sizes = [(30, 14), (200, 20), (240, 47), (90, 60), (150, 100), (260, 120), (300, 280), (20, 130), (1, 40), (60, 4)]
    quads = []
    for width, height in sizes:
        for degrees in random.uniform(-180, 180, 2):
            center = random.uniform(0, 400), random.uniform(0, 300)
            quads.append(cv2.boxPoints((center, (width, height), degrees)))
    quads += [quad + random.uniform(-5, 5, (4, 2)) for quad in quads[6:14]]
    beside = np.array([(450, 5), (490, 5), (490, 50), (450, 50)], np.float32)
    return np.array([*quads, beside], np.float32)


@pytest.fixture(scope="module")
def outlines(boxes):
    """The same, every second one bent."""
    bent = quad_outlines(boxes)
    arc = 20 * np.sin(np.linspace(0, np.pi, bent.shape[1] // 2, dtype=np.float32))
    bent[1::2, :, 1] -= np.concatenate([arc, arc[::-1]])
    return bent


def off(one, other):
    return np.abs(np.asarray(one, int) - np.asarray(other, int))


@pytest.mark.parametrize(
    "size",
    [(736, 1312), (301, 401), (200, 300), (150, 200), (100, 150), (75, 100), (99, 133), (64, 640), (12, 7), (300, 400)],
)
def test_scaled_as_by_opencv(noise, size):
    """Larger, smaller, much smaller, by whole numbers and not, and larger on one side alone."""
    scaled = ArrayPixels(np).scale(noise, *size)
    assert scaled.dtype == np.uint8
    assert scaled.flags.c_contiguous
    assert off(scaled, scale_image(noise, *size)).max() <= 1


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
@pytest.mark.parametrize("kind", ["boxes", "outlines"])
def test_cropped_as_by_opencv(request, noise, card, kind):
    shapes = request.getfixturevalue(kind)
    expected, crops = crop_lines(noise, shapes, card), ArrayPixels(np).crop_lines(noise, shapes, card)
    assert crops.pixels.dtype == expected.pixels.dtype
    np.testing.assert_array_equal(crops.widths, expected.widths)
    differences = off(crops.pixels, expected.pixels)
    assert differences.max() <= MOST_OFF
    assert differences.mean() <= MEAN_OFF


def test_without_a_box_there_is_the_same_blank_crop(noise):
    none = np.zeros((0, 4, 2), np.float32)
    expected, crops = crop_lines(noise, none, FIXED), ArrayPixels(np).crop_lines(noise, none, FIXED)
    np.testing.assert_array_equal(crops.pixels, expected.pixels)
    np.testing.assert_array_equal(crops.widths, expected.widths)


def test_many_crops_are_made_in_parts_of_bounded_memory(noise, outlines, monkeypatch):
    together = ArrayPixels(np).crop_lines(noise, outlines, FREE).pixels
    monkeypatch.setattr(array_pixels, "MOST_AT_ONCE", 20_000)
    parts = [len(part) for part in array_pixels._at_once(np.full((10, 2), (100, 50)))]
    assert parts == [4, 4, 2]
    np.testing.assert_array_equal(ArrayPixels(np).crop_lines(noise, outlines, FREE).pixels, together)


@pytest.mark.full
@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_another_library_makes_the_same_and_is_never_mixed_with_numpy(noise, outlines, card):
    pixels, image = ArrayPixels(cupy_stand_in), cupy_stand_in.asarray(noise)
    crops = pixels.crop_lines(image, outlines, card)
    np.testing.assert_array_equal(
        cupy_stand_in.asnumpy(crops.pixels), ArrayPixels(np).crop_lines(noise, outlines, card).pixels
    )
    scaled = pixels.scale(image, 111, 640)
    np.testing.assert_array_equal(cupy_stand_in.asnumpy(scaled), ArrayPixels(np).scale(noise, 111, 640))
    blank = pixels.crop_lines(image, outlines[:0], card)
    assert not cupy_stand_in.asnumpy(blank.pixels).any()

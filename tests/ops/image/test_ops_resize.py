from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocdrnet_ops.cards import DetectorCard
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.image.resize import detector_input, detector_size

FREE = DetectorCard("d", "s", "l", "0", "multiple-of-32", side=736, max_side=2016)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (736, 736, (736, 736)),
        (720, 1280, (736, 1312)),  # 1280 * 736 / 720 = 1308
        (368, 736, (736, 1472)),  # up to the short side
        (1000, 1500, (992, 1504)),  # between the two: its own size, rounded
        (2016, 2016, (2016, 2016)),
        (3000, 2000, (2016, 1344)),  # down to the long side
        (290, 580, (736, 1440)),
        (260, 520, (640, 1312)),  # but to 2.5 times its size at most
        (189, 378, (416, 832)),  # of a few lines: between 192 and 625 pixels
        (128, 256, (192, 384)),  # what may be one line or two grows to half as much again
        (96, 640, (160, 960)),
        (64, 256, (96, 384)),
        (45, 450, (96, 992)),
        (32, 320, (64, 800)),  # and is shown as 100 pixels at most, at 2.5 times its size
        (20, 200, (64, 512)),
        (400, 2000, (416, 2016)),  # the long side wins
        (1, 5000, (32, 2016)),
        (5000, 1, (2016, 32)),
        (1, 1, (32, 32)),
        (100_000_000, 1, (2016, 32)),
    ],
)
def test_free_size(height, width, expected):
    assert detector_size(height, width, FREE) == expected


@pytest.mark.parametrize(
    ("height", "width", "side", "expected"),
    [
        (1000, 2000, 320, (320, 640)),  # a side that was asked for also shrinks
        (100, 200, 320, (320, 640)),
        (1000, 2000, 1600, (1024, 2016)),
        (100, 200, 32, (32, 64)),
    ],
)
def test_free_size_with_a_requested_side(height, width, side, expected):
    assert detector_size(height, width, FREE, side) == expected


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.none() | st.integers(32, 4096))
def test_free_sizes_are_multiples_of_32_within_the_limit(height, width, side):
    for length in detector_size(height, width, FREE, side):
        assert length % 32 == 0
        assert 32 <= length <= 2016


def test_a_small_image_of_a_smaller_detector_grows_to_its_side():
    small = replace(FREE, side=320)
    assert detector_size(300, 600, small) == (320, 640)
    assert detector_size(64, 128, small) == (96, 192)
    assert detector_size(400, 800, small) == (384, 800)


@given(st.integers(250, 3000), st.integers(250, 3000))
def test_free_size_keeps_the_aspect_within_the_rounding(height, width):
    h, w = detector_size(height, width, FREE)
    scale = min(max(736 / min(height, width), 1), 2.5, 2016 / max(height, width))
    assert abs(h - max(32, height * scale)) <= 16
    assert abs(w - max(32, width * scale)) <= 16


def image_with_a_mark(height, width, y, x, size):
    image = np.zeros((height, width, 3), np.uint8)
    image[y : y + size, x : x + size] = (10, 200, 90)
    return image


CARDS = {
    "multiple-of-32": FREE,
    "stretch": DetectorCard("d", "s", "l", "0", "stretch", height=320, width=640),
    "letterbox": DetectorCard("d", "s", "l", "0", "letterbox", height=320, width=640),
}


@pytest.mark.parametrize("policy", CARDS)
@pytest.mark.parametrize(("height", "width"), [(400, 300), (300, 900), (736, 736), (1600, 2400)])
def test_map_transform_maps_edges_back_to_the_original(policy, height, width):
    y, x, size = height // 4, width // 2, min(height, width) // 4
    found = detector_input(image_with_a_mark(height, width, y, x, size), CARDS[policy])
    rows, columns = np.nonzero(found.tiles[0, :, :, 1] > 100)
    x0, y0, x_scale, y_scale = found.map_transforms[0]
    tolerance = 1.01 * max(x_scale, y_scale, 1)
    assert abs(x0 + columns.min() * x_scale - x) <= tolerance
    assert abs(x0 + (columns.max() + 1) * x_scale - (x + size)) <= tolerance
    assert abs(y0 + rows.min() * y_scale - y) <= tolerance
    assert abs(y0 + (rows.max() + 1) * y_scale - (y + size)) <= tolerance


@pytest.mark.parametrize("policy", ["multiple-of-32", "stretch"])
@pytest.mark.parametrize(("height", "width"), [(401, 307), (1, 5000), (5000, 1), (1, 1), (700, 2049)])
def test_map_transform_maps_the_corners_exactly(policy, height, width):
    found = detector_input(np.zeros((height, width, 3), np.uint8), CARDS[policy])
    x0, y0, x_scale, y_scale = found.map_transforms[0].astype(float)
    h, w = found.tiles.shape[1:3]
    assert (x0, y0) == (0, 0)
    assert w * x_scale == pytest.approx(width, rel=1e-6)
    assert h * y_scale == pytest.approx(height, rel=1e-6)
    assert found.map_transforms.dtype == np.float32
    assert found.tiles.dtype == np.uint8
    assert len(found.tiles) == len(found.map_transforms) == 1


def test_colors_keep_their_places():
    found = detector_input(np.full((400, 300, 3), (10, 200, 90), np.uint8), FREE)
    assert (found.tiles == (10, 200, 90)).all()


def test_thin_strokes_are_averaged_where_the_other_side_grows():
    """Every fifth column is black: of 3200 columns in 640 each becomes as dark as the others."""
    image = np.full((100, 3200, 3), 250, np.uint8)
    image[:, 2::5] = 0
    assert (detector_input(image, CARDS["stretch"]).tiles == 200).all()


def test_stretch_fills_the_input_whatever_the_aspect():
    found = detector_input(np.full((50, 900, 3), 7, np.uint8), CARDS["stretch"])
    assert found.tiles.shape == (1, 320, 640, 3)
    assert (found.tiles == 7).all()


@pytest.mark.parametrize("policy", ["stretch", "letterbox"])
def test_fixed_inputs_take_no_side(policy):
    image = np.full((50, 900, 3), 7, np.uint8)
    assert detector_input(image, CARDS[policy]).tiles.shape == (1, 320, 640, 3)
    with pytest.raises(OptionError, match=r"detector_side is 64.*fixed at 320 x 640"):
        detector_input(image, CARDS[policy], 64)


def test_requested_side_reaches_the_tile():
    assert detector_input(np.zeros((100, 200, 3), np.uint8), FREE, 64).tiles.shape == (1, 64, 128, 3)


@pytest.mark.parametrize(
    ("height", "width", "inner"),
    [
        (100, 100, (320, 320)),
        (1000, 100, (320, 32)),
        (100, 1000, (64, 640)),
        (1, 5000, (1, 640)),
        (160, 320, (320, 640)),
    ],
)
def test_letterbox_keeps_the_aspect_and_leaves_black_right_and_below(height, width, inner):
    found = detector_input(np.full((height, width, 3), 99, np.uint8), CARDS["letterbox"])
    tile = found.tiles[0]
    assert tile.shape == (320, 640, 3)
    assert (tile[: inner[0], : inner[1]] == 99).all()
    assert not tile[inner[0] :].any()
    assert not tile[:, inner[1] :].any()
    np.testing.assert_allclose(found.map_transforms[0], [0, 0, width / inner[1], height / inner[0]], rtol=1e-6)


def test_image_of_the_right_size_is_not_touched():
    image = np.random.default_rng(0).integers(0, 255, (736, 768, 3), np.uint8)
    found = detector_input(image, FREE)
    assert np.shares_memory(found.tiles, image)


@pytest.mark.parametrize(("height", "width"), [(2000, 200), (200, 2000)])
def test_strong_shrinking_averages_thin_strokes(height, width):
    card = DetectorCard("d", "s", "l", "0", "stretch", height=160, width=160)
    image = np.full((height, width, 3), 200, np.uint8)
    if height > width:
        image[::10] = 0
    else:
        image[:, ::10] = 0
    tile = detector_input(image, card).tiles[0].astype(int)
    assert tile.min() > 100  # bilinear sampling would meet some strokes and miss others


def test_mild_shrinking_is_bilinear():
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, ::2] = 200
    card = DetectorCard("d", "s", "l", "0", "stretch", height=32, width=32)
    assert (detector_input(image, card).tiles == 100).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(sorted(CARDS)))
def test_any_size_has_an_input(height, width, policy):
    found = detector_input(
        np.full((height, width, 3), 60, np.uint8), CARDS[policy], 32 if CARDS[policy].height == 0 else None
    )
    assert found.tiles.shape[1] % 32 == 0
    assert found.tiles.shape[2] % 32 == 0
    assert np.isfinite(found.map_transforms).all()


def test_very_long_image():
    assert detector_input(np.zeros((1, 70_000, 3), np.uint8), FREE).tiles.shape == (1, 32, 2016, 3)

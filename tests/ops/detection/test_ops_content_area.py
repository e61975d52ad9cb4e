"""The part of a mostly blank image that the detector is shown."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocdrnet_ops.cards import DetectorCard
from ocdrnet_ops.detection.tiles import FLAT, MARGIN, content_area, detector_tiles

FREE = DetectorCard("d", "s", "l", "0", "multiple-of-32", side=96, max_side=512)
STRETCH = DetectorCard("d", "s", "l", "0", "stretch", height=96, width=160)


def page(height=600, width=900, paper=255):
    return np.full((height, width, 3), paper, np.uint8)


def shape_of(part):
    return tuple(side.stop - side.start for side in part)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 538), st.integers(1, 698), st.integers(1, 60), st.integers(1, 200), st.sampled_from([0, 128, 255])
)
def test_it_holds_all_that_is_drawn_and_a_margin(top, left, height, width, paper):
    image = page(paper=paper)
    image[top : top + height, left : left + width] = 200
    part = content_area(image, FREE)
    assert part is not None
    rest = image.copy()
    rest[part] = paper
    assert (rest == paper).all()
    for side, start, end, length in zip(part, (top, left), (top + height, left + width), (600, 900), strict=True):
        assert 0 <= side.start < side.stop <= length
        assert side.start <= max(0, start - MARGIN) or side.stop == length
        assert side.stop >= min(length, end + MARGIN) or side.start == 0
    assert min(shape_of(part)) >= 96
    assert all(side % 128 == 0 for side in shape_of(part))


def test_a_small_mark_gets_what_the_detector_need_not_enlarge():
    image = page()
    image[300, 400] = 0
    assert shape_of(content_area(image, dataclasses.replace(FREE, side=400))) == (400, 400)
    assert shape_of(content_area(image, dataclasses.replace(STRETCH, height=256, width=704))) == (256, 704)


def test_a_part_no_larger_than_half_the_image_or_none():
    image = page(1000, 1000)
    image[100, 100] = image[480, 700] = 0
    assert shape_of(content_area(image, FREE)) == (512, 768)
    image[480, 830] = 0
    assert shape_of(content_area(image, FREE)) == (512, 896)
    image[560, 830] = 0  # 640 x 896
    assert content_area(image, FREE) is None


def test_nothing_is_cut_of_an_image_without_a_flat_border():
    image = page()
    image[300, 400] = 0
    image[:, 0] = np.linspace(255, 255 - FLAT, 600).astype(np.uint8)[:, None]
    assert content_area(image, FREE) is not None
    image[599, 0] = 255 - FLAT - 1
    assert content_area(image, FREE) is None


@pytest.mark.parametrize("place", [(0, 450), (599, 450), (300, 0), (300, 899)])
def test_a_line_that_reaches_a_border_leaves_the_whole(place):
    image = page()
    image[300, 400] = image[place] = 0
    assert content_area(image, FREE) is None


def test_noise_is_blank_and_what_is_a_little_fainter_than_paper_is_not():
    image = page(paper=250)
    image += np.random.default_rng(0).integers(0, 5, image.shape, np.uint8)
    assert content_area(image, FREE) is None
    image[300, 400] = 250 + 2 - FLAT
    assert content_area(image, FREE) is None
    image[300, 400, 1] = 250 + 2 - FLAT - 1
    assert content_area(image, FREE) is not None


def test_an_empty_page_and_a_small_one_stay_whole():
    assert content_area(page(), FREE) is None
    small = page(100, 180)
    small[50, 50] = 0
    assert content_area(small, FREE) is None


@pytest.mark.parametrize("card", [FREE, STRETCH])
def test_the_detector_is_shown_the_part_where_it_lies(card):
    image = page()
    image[500:520, 700:780] = 10
    seen = detector_tiles(image, card, None, "auto", 64)
    part = content_area(image, card)
    ((x, y, x_scale, y_scale),) = seen.map_transforms
    assert (y, x) == tuple(side.start for side in part)
    tile = seen.tiles[0, ..., 0]
    rows, columns = np.nonzero(tile < 100)
    np.testing.assert_allclose([rows.min() * y_scale + y, (rows.max() + 1) * y_scale + y], [500, 520], atol=1.5)
    np.testing.assert_allclose([columns.min() * x_scale + x, (columns.max() + 1) * x_scale + x], [700, 780], atol=1.5)
    assert seen.tiles.flags.c_contiguous


def test_a_side_that_was_asked_for_is_that_of_the_whole_image():
    image = page()
    image[500:520, 700:780] = 10
    assert detector_tiles(image, FREE, 300, "off", 64).tiles.shape[1:3] == (288, 448)


def test_a_part_that_would_be_tiled_leaves_the_whole_to_the_tiles():
    card = dataclasses.replace(FREE, max_side=1024)
    image = page(3000, 5000)
    image[100:1200, 100:2600] = np.random.default_rng(0).integers(0, 200, (1100, 2500, 1), np.uint8)
    assert content_area(image, card) is not None
    seen = detector_tiles(image, card, None, "auto", 64)
    assert seen.detail.shape == image.shape
    seen = detector_tiles(image, card, None, "on", 64)
    assert len(seen.tiles) > 1
    assert seen.map_transforms[0, :2].tolist() == [0, 0]

import dataclasses
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocdrnet_ops.cards import DetectorCard
from ocdrnet_ops.detection.dbnet import DbnetSettings, dbnet_settings, detect_boxes
from ocdrnet_ops.detection.tile_merging import LARGE_TEXT, merge_maps
from ocdrnet_ops.detection.tiles import OVERLAP, TILE_SIDE, detector_tiles, tile_grid
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.image.resize import detector_input

FREE = DetectorCard("d", "s", "l", "0", "multiple-of-32", side=736, max_side=2016)
SMALL = dataclasses.replace(FREE, side=128, max_side=544)
STRETCH = DetectorCard("d", "s", "l", "0", "stretch", height=736, width=1280)
CARDS = {
    "free": SMALL,
    "stretch": dataclasses.replace(STRETCH, height=512, width=640),
    "letterbox": DetectorCard("d", "s", "l", "0", "letterbox", height=640, width=576),
}
SETTINGS = DbnetSettings(0.3, 0.5, 1.5, 1000, 3, dilate=False)
SIDES = st.integers(1, 2000)


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def tiled(image, card=FREE, side=None, tiling="on", max_tiles=64):
    return detector_tiles(image, card, side, tiling, max_tiles)


def identity(found, blind_overview=True):
    """Maps of a detector whose answer is its input's first color."""
    maps = found.tiles[..., 0].copy()
    if blind_overview and len(maps) > 1:
        maps[-1] = 0
    return maps


def merged(image, found, **how):
    return merge_maps(identity(found, **how), found.map_transforms, image.shape[1::-1], SETTINGS)


def scaled_whole(image, height, width):
    shrinks = image.shape[0] > 2 * height or image.shape[1] > 2 * width
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, st.sampled_from(sorted(CARDS)), st.sampled_from([3, 5, 8, 64]))
def test_merged_map_is_the_untiled_one(height, width, card, max_tiles):
    image = noise(height, width)
    found = tiled(image, CARDS[card], max_tiles=max_tiles)
    assert len(found.tiles) == len(found.map_transforms) <= max_tiles
    if len(found.tiles) == 1:
        whole = detector_input(image, CARDS[card])
        assert (found.tiles == whole.tiles).all()
        assert (found.map_transforms == whole.map_transforms).all()
        return
    probability, map_transform = merged(image, found)
    assert (probability == scaled_whole(image, *probability.shape)[..., 0]).all()
    map_size = np.array(probability.shape[::-1])
    assert (map_transform[:2] == 0).all()
    np.testing.assert_allclose(map_transform[2:] * map_size, (width, height), rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, st.sampled_from(sorted(CARDS)), st.sampled_from([3, 5, 8, 64]))
def test_every_pixel_of_a_tile_lies_where_its_map_transform_says(height, width, card, max_tiles):
    image = noise(height, width)
    found = tiled(image, CARDS[card], max_tiles=max_tiles)
    x_scale, y_scale = found.map_transforms[0, 2:].astype(float)
    if len(found.tiles) == 1 or (x_scale, y_scale) != (1, 1):
        return
    for tile, (x, y, *_) in zip(found.tiles[:-1], found.map_transforms[:-1].astype(int), strict=True):
        part = image[y : y + tile.shape[0], x : x + tile.shape[1]]
        assert (tile[: part.shape[0], : part.shape[1]] == part).all()
        assert not tile[part.shape[0] :].any()
        assert not tile[:, part.shape[1] :].any()


@given(st.integers(1, 30_000), st.integers(1, 30_000), st.integers(3, 64), st.floats(0.01, 4), st.booleans())
def test_grid_covers_the_image_within_the_limits(height, width, max_tiles, wanted, fixed):
    card = STRETCH if fixed else FREE
    grid = tile_grid(height, width, card, wanted, max_tiles)
    assert 1 <= grid.count <= max_tiles - 1
    assert grid.scale <= wanted
    for length, starts, tile in (
        (grid.height, grid.tops, grid.tile_height),
        (grid.width, grid.lefts, grid.tile_width),
    ):
        assert starts[0] == 0
        assert starts[-1] + tile >= length
        assert all(second - first <= tile - OVERLAP for first, second in pairwise(starts))
    if fixed:
        assert (grid.tile_height, grid.tile_width) == (736, 1280)
    else:
        assert grid.tile_height % 32 == grid.tile_width % 32 == 0
        assert max(grid.tile_height, grid.tile_width) <= 2016


@pytest.mark.parametrize(
    ("height", "width", "card", "max_tiles", "scale", "count"),
    [
        (4000, 6000, FREE, 64, 1.0, 40),
        (4000, 6000, FREE, 8, 0.923, 6),  # a plan of batch 8: tiles of 2016, three by two
        (4000, 6000, STRETCH, 64, 1.0, 48),
        (10_000, 10_000, FREE, 64, 0.563, 49),
        (1, 100_000_000, FREE, 64, 4.864e-4, 63),
    ],
)
def test_scale_is_the_largest_that_the_limit_allows(height, width, card, max_tiles, scale, count):
    grid = tile_grid(height, width, card, 1.0, max_tiles)
    assert grid.scale == pytest.approx(scale, rel=5e-3)
    assert grid.count == count


@pytest.mark.full
def test_hundred_megapixels_stay_within_the_limit():
    found = tiled(np.zeros((10_000, 10_000, 3), np.uint8))
    assert len(found.tiles) <= 64
    assert found.tiles.shape[1] <= TILE_SIDE


@pytest.mark.parametrize(("height", "width"), [(1, 9000), (9000, 1), (2, 5000), (33, 7000)])
def test_images_a_few_pixels_wide(height, width):
    image = noise(height, width)
    found = tiled(image)
    assert len(found.tiles) > 1
    probability, map_transform = merged(image, found)
    assert (probability == image[..., 0]).all()
    assert map_transform.tolist() == [0, 0, 1, 1]


def may_be_tiled(found, tiling):
    """`on` cuts tiles at once; `auto` shows the whole, and hands on what tiles can be cut from."""
    if tiling == "on":
        assert not found.detail.size
        return len(found.tiles) > 1
    assert len(found.tiles) == 1
    return found.detail.size > 0


@pytest.mark.parametrize(
    ("height", "width", "side", "tiling", "is_tiled"),
    [
        (3024, 4032, None, "auto", False),  # a photo of 12 megapixels shrinks to the half, not to less
        (3024, 4040, None, "auto", True),
        (3024, 4032, None, "on", True),
        (4000, 6000, None, "off", False),
        (1000, 1000, None, "on", False),
        (1000, 1100, None, "on", True),
        (300, 1100, None, "on", False),  # the whole, at 736 / 300, is larger than tiles would be
        (1000, 2000, 1600, "auto", False),  # 2016 of 3200 pixels
        (1000, 3000, 1600, "auto", True),  # 2016 of 4800
        (1000, 2000, 1600, "on", True),
        (4000, 6000, 320, "on", False),
    ],
)
def test_when_a_free_detector_gets_tiles(height, width, side, tiling, is_tiled):
    found = tiled(np.zeros((height, width, 3), np.uint8), side=side, tiling=tiling)
    assert may_be_tiled(found, tiling) == is_tiled


@pytest.mark.parametrize(
    ("height", "width", "tiling", "is_tiled"),
    [
        (720, 1280, "auto", False),
        (1440, 2560, "auto", False),
        (3024, 4032, "auto", True),
        (720, 1280, "on", False),
        (800, 1280, "on", True),
        (3024, 4032, "off", False),
    ],
)
@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_when_a_detector_of_one_size_gets_tiles(height, width, tiling, is_tiled, resize):
    image = np.zeros((height, width, 3), np.uint8)
    found = tiled(image, dataclasses.replace(STRETCH, resize=resize), tiling=tiling)
    assert may_be_tiled(found, tiling) == is_tiled
    assert found.tiles.shape[1:] == (736, 1280, 3)


def test_side_is_that_of_the_whole_image():
    found = tiled(noise(500, 1000), side=1000)
    np.testing.assert_allclose(found.map_transforms[:-1, 2:], 0.5)


@pytest.mark.parametrize("max_tiles", [1, 2])
def test_detector_that_takes_one_image_at_once_gets_no_tiles(max_tiles):
    image = noise(1500, 4200)
    seen = tiled(image, tiling="auto", max_tiles=max_tiles)
    assert (len(seen.tiles), seen.detail.size) == (1, 0)
    with pytest.raises(OptionError, match=rf"tiling is on.*takes {max_tiles} images? at once.*--detector-batch"):
        tiled(image, max_tiles=max_tiles)


@pytest.mark.parametrize("tiling", ["auto", "on", "off"])
def test_detectors_of_one_size_take_no_side(tiling):
    with pytest.raises(OptionError, match=r"detector_side is 64.*fixed at 736 x 1280"):
        tiled(noise(2000, 4200), STRETCH, side=64, tiling=tiling)


def test_tiles_hardly_larger_than_the_overlap_are_none():
    tiny = dataclasses.replace(FREE, side=64, max_side=480)
    assert len(tiled(noise(600, 1700), tiny).tiles) == 1


def test_overview_is_last_and_holds_the_whole_image():
    image = np.full((1500, 3000, 3), 200, np.uint8)
    found = tiled(image)
    height, width = found.tiles.shape[1:3]
    x, y, x_scale, y_scale = found.map_transforms[-1]
    assert (x, y) == (0, 0)
    own = round(3000 / x_scale), round(1500 / y_scale)
    assert max(own[0] / width, own[1] / height) == 1
    assert own[0] / own[1] == pytest.approx(2, rel=0.01)
    assert (found.tiles[-1, : own[1], : own[0]] == 200).all()


@pytest.mark.parametrize("paper", [255, 128])
def test_empty_tiles_are_black_and_faint_text_is_not_empty(paper):
    image = np.full((1000, 3000, 3), paper, np.uint8)
    image += np.random.default_rng(0).integers(-4, 1, image.shape, np.int8).view(np.uint8)  # of a scanner
    cv2.putText(image, "pencil", (200, 500), cv2.FONT_HERSHEY_SIMPLEX, 1, (paper - 40,) * 3, 2)
    image[0, 0] = 0  # a page with flat borders would be cut to the text
    found = tiled(image)
    assert [bool(tile.any()) for tile in found.tiles] == [True, False, False, False, True]


def page_with_a_line_over_the_seams():
    """Regions as a detector would have them: one thin line through all tiles, one across all rows."""
    image = np.full((2300, 2900, 3), 3, np.uint8)
    image[700:716, 100:2800] = 230
    image[60:2200, 1500:1516] = 230
    image[1600:1612, 300:500] = 230
    return image


def test_line_across_the_seams_is_one_box():
    image = page_with_a_line_over_the_seams()
    image[700:716, 1480:1540] = 3  # or the two would be one region
    found = tiled(image)
    assert len(found.tiles) > 6
    probability, map_transform = merged(image, found)
    boxes = detect_boxes(probability, map_transform, (2900, 2300), SETTINGS).boxes
    whole = detect_boxes(image[..., 0], map_transform, (2900, 2300), SETTINGS).boxes
    assert len(boxes) == len(whole) == 5
    np.testing.assert_array_equal(boxes, whole)


def headline(height):
    """An image whose headline's pieces the tiles find, and the overview whole."""
    image = np.zeros((2300, 5200, 3), np.uint8)
    found = tiled(np.maximum(image, noise(*image.shape[:2])))
    maps = np.zeros(found.tiles.shape[:3], np.uint8)
    x_scale, y_scale = found.map_transforms[-1, 2:]
    maps[-1, int(300 / y_scale) : int((300 + height) / y_scale), int(200 / x_scale) : int(4800 / x_scale)] = 240
    return maps, found.map_transforms


def boxes_of(maps, map_transforms):
    return detect_boxes(*merge_maps(maps, map_transforms, (5200, 2300), SETTINGS), (5200, 2300), SETTINGS).boxes


def test_large_text_is_the_overview_s_box_without_its_pieces():
    maps, map_transforms = headline(400)
    maps[0, 350:650, 400:460] = maps[1, 300:600, 300:500] = 240
    (box,) = boxes_of(maps, map_transforms)
    assert box[:, 0].max() - box[:, 0].min() > 4600
    assert 380 < box[:, 1].max() - box[:, 1].min() < 1200


def test_small_text_is_the_tiles_alone():
    maps, map_transforms = headline(LARGE_TEXT // 4)
    assert not len(boxes_of(maps, map_transforms))


def test_large_region_behind_lines_of_small_text_is_none():
    maps, map_transforms = headline(500)
    for y in range(320, 800, 40):
        maps[:-1, y : y + 18, 100:900] = 240
    boxes = boxes_of(maps, map_transforms)
    assert len(boxes) > 12
    assert (boxes[:, :, 1].max(axis=1) - boxes[:, :, 1].min(axis=1)).max() < 100


def test_map_of_one_tile_is_passed_on():
    maps, map_transforms = np.full((1, 64, 96), 7, np.uint8), np.array([[0, 0, 2, 3]], np.float32)
    probability, map_transform = merge_maps(maps, map_transforms, (192, 192), SETTINGS)
    assert probability is not maps
    assert np.shares_memory(probability, maps)
    assert map_transform.tolist() == [0, 0, 2, 3]


@pytest.mark.parametrize(
    ("height", "width", "side"), [(20, 640, 4096), (9000, 800, None), (1, 6000, 4096), (6000, 1, None)]
)
def test_text_that_the_overview_sees_beside_the_image_is_nothing(detector_card, height, width, side):
    """The overview of a long image is mostly padding, and a detector may find text there."""
    card = detector_card()
    seen = detector_tiles(np.full((height, width, 3), 255, np.uint8), card, side, "on", 32)
    maps = np.zeros(seen.tiles.shape[:3], np.uint8)
    maps[-1] = 255  # all of it
    merged, _ = merge_maps(maps, seen.map_transforms, (width, height), dbnet_settings(card, {}))
    beside = maps.copy()
    scale_x, scale_y = seen.map_transforms[-1, 2:].tolist()
    beside[-1, : max(1, round(height / scale_y)), : max(1, round(width / scale_x))] = 0
    assert not merge_maps(beside, seen.map_transforms, (width, height), dbnet_settings(card, {}))[0].any()
    assert merged.shape[0] >= 1

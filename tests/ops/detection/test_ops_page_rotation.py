import numpy as np
import pytest

from ocdrnet_ops.detection.detect import elongations, is_rotated, looks_rotated, turn_back, turn_tiles

NONE = np.zeros((0, 4, 2), np.float32)


def quad(x, y, width, height):
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def tall(x, y, width, height):
    """Read downwards: the text's top-left is the box's top-right."""
    return list(np.roll(quad(x, y, width, height), -1, axis=0))


def boxes(*corners):
    return np.array(corners, np.float32).reshape(-1, 4, 2)


def test_wide_and_tall_text_is_measured_in_its_own_heights():
    assert elongations(boxes(quad(0, 0, 100, 20), tall(0, 0, 10, 40), quad(0, 0, 24, 20))) == (5.0, 4.0)
    assert elongations(NONE) == (0.0, 0.0)


def test_the_detector_looks_again_where_text_is_tall_or_there_is_none():
    wide = [quad(0, 0, 100, 20)] * 4
    assert not looks_rotated(boxes(*wide, tall(0, 0, 10, 20)))
    assert looks_rotated(boxes(*wide, tall(0, 0, 10, 80)))
    assert looks_rotated(boxes(tall(0, 0, 10, 60)))
    assert looks_rotated(NONE)


def test_the_frame_in_which_lines_run_along_the_rows_is_kept():
    upright, sideways = boxes(quad(0, 0, 100, 20)), boxes(tall(0, 0, 20, 100))
    assert is_rotated(sideways, upright)
    assert not is_rotated(upright, sideways)
    assert not is_rotated(NONE, NONE)
    assert not is_rotated(NONE, boxes(quad(0, 0, 40, 20)))  # as noise does
    assert not is_rotated(upright, NONE)
    assert is_rotated(NONE, upright)


@pytest.mark.parametrize("fixed", [False, True])
def test_a_turned_tile_shows_the_same_places(fixed):
    """A bright spot of the image is found again at its place through the turned map_transform."""
    picture_width, tile_size = 400, (96, 160)
    map_transform = np.array([[40, 20, 2.0, 1.5]], np.float32)
    tile = np.zeros((1, *tile_size, 3), np.uint8)
    tile[0, 30:34, 100:108] = 255
    spot = np.array([40 + 104 * 2.0, 20 + 32 * 1.5])
    turned, placed = turn_tiles(tile, map_transform, picture_width, fixed)
    assert turned.shape == ((1, 96, 160, 3) if fixed else (1, 160, 96, 3))
    y, x = (axis.mean() + 0.5 for axis in np.nonzero(turned[0, ..., 0] > 80))
    in_turned = np.array([x, y]) * placed[0, 2:] + placed[0, :2]
    np.testing.assert_allclose(turn_back(in_turned, picture_width), spot, atol=1.5)


def test_turning_back_keeps_corners_clockwise():
    back = turn_back(boxes(quad(10, 20, 30, 5)), 100)
    np.testing.assert_allclose(back[0], [(80, 10), (80, 40), (75, 40), (75, 10)])

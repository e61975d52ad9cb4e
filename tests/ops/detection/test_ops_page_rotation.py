import numpy as np
import pytest

from ocdrnet_ops.detection.dbnet import Detections
from ocdrnet_ops.detection.detect import elongations, join_frames, looks_rotated, right_frame, turn_back, turn_tiles

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


def test_the_frame_in_which_several_long_lines_run_along_the_rows_is_the_right_one():
    upright, sideways = [
        boxes(*[kind(0, 40 * i, *size) for i in range(3)]) for kind, size in ((quad, (100, 20)), (tall, (20, 100)))
    ]
    assert right_frame(sideways, upright) == "turned"
    assert right_frame(upright, sideways) == "upright"
    assert right_frame(NONE, upright) == "turned"
    assert right_frame(upright, NONE) == "upright"
    assert right_frame(NONE, NONE) == "upright"
    assert right_frame(NONE, boxes(quad(0, 0, 40, 20))) == "upright"  # as noise does


def test_few_lines_leave_the_frame_open():
    note, figures = [quad(0, 0, 300, 20)], [quad(40 * i, 50, 20, 20) for i in range(4)]
    assert right_frame(boxes(tall(0, 0, 20, 80)), boxes(quad(0, 0, 80, 20))) == "both"  # an "I"
    assert right_frame(boxes(tall(0, 0, 20, 300), quad(0, 50, 40, 20)), boxes(*note)) == "both"
    heads = [quad(0, 40 * i, 100, 20) for i in range(3)]
    turned_heads = [tall(40 * i, 0, 20, 100) for i in range(3)]
    assert right_frame(boxes(*turned_heads, *figures), boxes(*heads, *figures)) == "both"  # a table


def found(*corners, score=0.9):
    return Detections(boxes(*corners), np.full(len(corners), score, np.float32), False)


def on_its_side(x, y, width, height):
    """Where the turned image, 400 high, shows a box of the original one."""
    return quad(y, 400 - x - width, height, width)


WIDE, HIGH = (10, 10, 100, 20), (200, 50, 20, 120)


def bounds(detections):
    low, high = detections.boxes.min(axis=1), detections.boxes.max(axis=1)
    return np.concatenate([low, high - low], axis=1).round().astype(int).tolist()


def test_a_tall_line_is_taken_from_the_frame_in_which_it_lies_along_the_rows():
    """The other finds as much of it in a worse box; what else it finds is left where the frame is clear."""
    upright = found(quad(*WIDE), tall(203, 55, 14, 100), score=0.5)
    turned = found(on_its_side(*HIGH), on_its_side(300, 300, 20, 80), score=0.9)
    for frame, expected in (("upright", [[*WIDE], [*HIGH]]), ("turned", [[*HIGH], [300, 300, 20, 80], [*WIDE]])):
        joined = join_frames(upright, turned, 400, frame, 1000)
        assert bounds(joined) == expected
        assert joined.scores.tolist() == pytest.approx([0.9 if box[3] > 20 else 0.5 for box in expected])


def test_an_open_frame_has_all_and_narrow_boxes_as_characters_too():
    upright = found(quad(*WIDE), quad(50, 200, 22, 20), tall(200, 50, 20, 60))
    turned = found(on_its_side(50, 200, 20, 22), on_its_side(300, 50, 20, 240))
    joined = join_frames(upright, turned, 400, "both", 1000)
    as_line, as_character = [200, 50, 20, 60], [200, 50, 20, 60]
    assert bounds(joined) == [[*WIDE], [50, 200, 22, 20], as_line, [50, 200, 20, 22], [300, 50, 20, 240], as_character]
    along = joined.boxes[:, 1] - joined.boxes[:, 0]
    assert (np.abs(along[:, 1]) > np.abs(along[:, 0])).tolist() == [False, False, True, True, True, False]


def test_a_digit_that_is_tall_in_one_frame_and_square_in_the_other_is_no_line_twice():
    """It is tried as a line that runs down, and as an upright character."""
    joined = join_frames(found(tall(100, 50, 20, 31)), found(on_its_side(101, 50, 22, 31)), 400, "both", 1000)
    along = joined.boxes[:, 1] - joined.boxes[:, 0]
    assert (np.abs(along[:, 1]) > np.abs(along[:, 0])).tolist() == [True, False]
    square = join_frames(found(quad(100, 50, 30, 22)), found(tall(50, 270, 22, 36)), 400, "both", 1000)
    assert bounds(square) == [[100, 50, 30, 22]]


def test_no_more_boxes_than_a_request_allows():
    both = join_frames(found(quad(*WIDE)), found(on_its_side(*HIGH)), 400, "both", 1)
    assert (bounds(both), both.truncated) == ([[*WIDE]], True)
    assert not join_frames(found(quad(*WIDE)), found(on_its_side(*HIGH)), 400, "both", 2).truncated
    assert join_frames(found(), found(), 400, "both", 2).boxes.shape == (0, 4, 2)


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

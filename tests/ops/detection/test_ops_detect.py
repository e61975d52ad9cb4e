"""A detector of bright horizontal bars: what it finds of images as they came, and turned."""

import numpy as np
import pytest

from ocdrnet_ops.detection.closer_look import Detector
from ocdrnet_ops.detection.dbnet import dbnet_settings
from ocdrnet_ops.detection.detect import detect_text
from ocdrnet_ops.image.resize import DetectorInput


def horizontal_bars(tiles):
    """Bright pixels whose region is wider than high, each row of tiles by itself; tall bars it hardly sees."""
    maps = tiles[..., 0].copy()
    for tile in maps:
        tall = (tile > 0).sum(axis=0) > 60
        tile[:, tall] = 0
    return maps


@pytest.fixture
def read(detector_card):
    asked = []

    def read(bar, size=(320, 320), upside_down="auto", fixed=False, seen_by=horizontal_bars):
        """`bar`: x, y, width and height of the one bar in an image of `size`."""
        width, height = size
        card = detector_card(**({"resize": "stretch", "height": height, "width": width} if fixed else {}))
        tile = np.zeros((1, height, width, 3), np.uint8)
        if bar:
            x, y, w, h = bar
            tile[0, y : y + h, x : x + w] = 255
        seen = DetectorInput(tile, np.array([[0, 0, 1, 1]], np.float32))

        def ask(tiles):
            asked.append(tiles.shape)
            return seen_by(tiles)

        settings = dbnet_settings(card, {})
        return detect_text(seen, seen_by(tile), size, settings, upside_down, Detector(card, ask, 64)), asked

    return read


def bounds(box):
    return [*box.min(axis=0).tolist(), *box.max(axis=0).tolist()]


def test_an_upright_image_is_seen_once(read):
    found, asked = read((100, 150, 120, 20))
    assert asked == []
    assert bounds(found.boxes[0]) == pytest.approx([87, 137, 233, 183], abs=2)


@pytest.mark.parametrize("fixed", [False, True])
def test_an_image_on_its_side_is_seen_turned_and_found_where_it_is(read, fixed):
    found, asked = read((150, 60, 20, 120), size=(320, 256), fixed=fixed)
    assert asked == [(1, 256, 320, 3) if fixed else (1, 320, 256, 3)]
    assert bounds(found.boxes[0]) == pytest.approx([137, 47, 183, 193], abs=4)
    along = found.boxes[0, 1] - found.boxes[0, 0]
    assert abs(along[1]) > abs(along[0])


def test_off_takes_the_image_as_it_came(read):
    found, asked = read((150, 60, 20, 120), upside_down="off")
    assert (len(found.boxes), asked) == (0, [])


def test_on_always_looks_and_keeps_the_better_frame(read):
    found, asked = read((100, 150, 120, 20), upside_down="on")
    assert len(asked) == 1
    assert bounds(found.boxes[0]) == pytest.approx([87, 137, 233, 183], abs=2)


def test_an_image_without_text_is_seen_turned_once(read):
    found, asked = read(None)
    assert (len(found.boxes), len(asked)) == (0, 1)


LARGE = (960, 704)  # width and height of an image whose half is asked first
HALF, FULL = (1, 480, 352, 3), (1, 960, 704, 3)  # turned


def faint_bars(tiles):
    """Maps of a detector that is unsure of what is not bright."""
    maps = tiles[..., 0].copy()
    maps[maps == 255] = 100
    return maps


def test_half_of_an_image_without_text_is_seen_turned(read):
    found, asked = read(None, size=LARGE)
    assert (len(found.boxes), asked) == (0, [HALF])


def test_text_that_half_of_an_image_shows_turned_is_looked_at_in_full(read):
    found, asked = read((400, 60, 20, 120), size=LARGE)
    assert asked == [HALF, FULL]
    assert bounds(found.boxes[0]) == pytest.approx([387, 47, 433, 193], abs=4)


def test_what_is_no_box_upright_is_enough_to_look_turned_in_full(read):
    """In maps of 100 of 255 there is no box, but more than nothing."""
    _, asked = read((400, 60, 20, 120), size=LARGE, seen_by=faint_bars)
    assert asked == [FULL]


def test_on_looks_turned_in_full(read):
    _, asked = read(None, size=LARGE, upside_down="on")
    assert asked == [FULL]

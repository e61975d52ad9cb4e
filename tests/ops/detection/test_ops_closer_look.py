"""Which tiles of a large image are looked at, and what is found in all of it then."""

import cv2
import numpy as np
import pytest

from ocdrnet_ops.detection.closer_look import Detector, ink_beside_rules, ink_blocks, open_ink, tiles_of
from ocdrnet_ops.detection.dbnet import Detections, dbnet_settings
from ocdrnet_ops.detection.detect import detect_text
from ocdrnet_ops.detection.tiles import detector_tiles, tile_grid

SIZE = HEIGHT, WIDTH = 1600, 2400
PAPER = 240


def paper(height=HEIGHT, width=WIDTH, noise=4.0):
    """Paper as a scanner sees it: noise, and shade from the left to the right."""
    grain = np.random.default_rng(0).normal(0, noise, (height, width, 1))
    return (PAPER + grain - np.linspace(0, 30, width)[None, :, None]).astype(np.uint8).repeat(3, axis=2)


def write(image, text, x, y, scale=0.4, ink=40, thickness=1):
    cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, (ink,) * 3, thickness, cv2.LINE_AA)


@pytest.mark.parametrize("judge", [ink_blocks, ink_beside_rules])
def test_paper_is_no_ink_and_small_text_is(judge):
    image = paper()
    assert judge(image).shape == (HEIGHT // 8, WIDTH // 8)
    assert not judge(image).any()
    write(image, "Room 7", 1000, 800)  # 9 pixels high
    rows, columns = np.nonzero(judge(image))
    assert {*rows // 10} <= {9, 10}
    assert 120 <= columns.min() <= 126
    assert 128 <= columns.max() <= 136


@pytest.mark.parametrize("judge", [ink_blocks, ink_beside_rules])
def test_faint_and_colored_text_is_ink(judge):
    image = paper()
    write(image, "pencil", 200, 300, scale=0.6, ink=PAPER - 70)
    image[1000:1016, 2000:2060] = (PAPER - 60, PAPER - 20, PAPER + 10)  # hardly darker than the paper
    found = judge(image)
    assert found[30:40, 20:40].any()
    assert found[120:130, 248:260].any()


def test_rules_of_a_table_are_no_ink_and_text_between_them_is():
    image = paper()
    for y in range(200, 1500, 100):
        cv2.line(image, (100, y), (2300, y + 12), (30,) * 3, 4, cv2.LINE_AA)  # scanned a little aslant
    for x in range(100, 2400, 550):
        cv2.line(image, (x, 200), (x - 6, 1400), (30,) * 3, 3, cv2.LINE_AA)
    assert ink_blocks(image).any()
    assert not ink_beside_rules(image).any()
    write(image, "12.50", 700, 760)
    assert ink_beside_rules(image)[90:97, 86:96].any()


@pytest.mark.parametrize("shape", ["H", "block"])
def test_straight_strokes_of_large_letters_are_ink(shape):
    image = paper(noise=0)
    if shape == "H":
        image[400:1000, 400:460] = image[400:1000, 900:960] = image[680:740, 460:900] = 20
    else:
        image[400:800, 400:1200] = 20
    assert ink_beside_rules(image)[60:90, 50:60].any()


@pytest.mark.parametrize(("height", "width"), [(1, 9000), (9000, 1), (7, 3), (16, 5000)])
def test_images_a_few_pixels_wide_have_blocks(height, width):
    image = np.full((height, width, 3), 255, np.uint8)
    assert not ink_blocks(image).any()
    assert not ink_beside_rules(image).any()


@pytest.fixture
def card(detector_card):
    return detector_card(side=128, max_side=512)


def found(*boxes, score=0.9):
    """Boxes of x, y, width and height."""
    quads = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h in boxes]
    return Detections(np.array(quads, np.float32).reshape(-1, 4, 2), np.full(len(boxes), score, np.float32), False)


def wanted(image, card, boxes, least=40.0):
    grid = tile_grid(*image.shape[:2], card, 1.0, 64)
    assert (grid.rows, grid.columns) == (6, 9)
    return tiles_of(open_ink(image, boxes, least, 0.5), grid)


def test_a_blank_image_needs_no_tile(card):
    assert not wanted(paper(), card, found()).any()


def test_ink_needs_the_tile_that_it_is_nearest_to_the_middle_of(card):
    image = paper()
    grid = tile_grid(*SIZE, card, 1.0, 64)
    write(image, "Room 7", grid.lefts[3] + 230, grid.tops[2] + 240)
    found_wanted = np.argwhere(wanted(image, card, found())).tolist()
    assert found_wanted == [[2, 3]]


def test_ink_over_a_seam_needs_both_tiles(card):
    image = paper()
    grid = tile_grid(*SIZE, card, 1.0, 64)
    seam = (grid.lefts[3] + grid.tile_width + grid.lefts[4]) // 2
    write(image, "Room 7", seam - 25, grid.tops[2] + 240)
    assert np.argwhere(wanted(image, card, found())).tolist() == [[2, 3], [2, 4]]


TEXT = (1000, 760, 560, 60)


def with_text():
    image = paper()
    write(image, "Harbour Street 27", 1010, 810, scale=1.8, thickness=4)
    return image


def test_a_large_sure_box_explains_its_ink(card):
    image = with_text()
    assert wanted(image, card, found()).any()
    assert not wanted(image, card, found(TEXT)).any()


def test_a_box_of_small_text_does_not(card):
    assert wanted(with_text(), card, found(TEXT), least=61.0).any()
    assert wanted(paper(), card, found(TEXT), least=61.0).any()  # however faint: the detector saw something


def test_a_box_that_is_not_sure_does_not(card):
    assert wanted(with_text(), card, found(TEXT, score=0.4)).any()


def test_small_text_near_a_large_line_is_not_explained_by_it(card):
    image = with_text()
    write(image, "see page 20", 1100, 856)
    assert wanted(image, card, found(TEXT)).any()


class Bars:
    """A detector of dark bars that are wider than high, and 4 pixels high at least where it sees them."""

    def __init__(self, card):
        self.asked = []
        self.detector = Detector(card, self.maps_of, 64)

    def maps_of(self, tiles):
        self.asked.append(tiles.shape[:3])
        maps = np.zeros(tiles.shape[:3], np.uint8)
        for tile, answer in zip(tiles, maps, strict=True):
            ink = ((tile[..., 0] < 128) & (tile[..., 0] > 20)).astype(np.uint8)
            for x, y, width, height, _ in cv2.connectedComponentsWithStats(ink)[2][1:].tolist():
                if width > height >= 4:
                    answer[y : y + height, x : x + width] = 255
        return maps


def read(image, card, upside_down="auto"):
    seen = detector_tiles(image, card, None, "auto", 64)
    assert (len(seen.tiles), seen.detail.shape) == (1, image.shape)
    bars = Bars(card)
    maps = bars.maps_of(seen.tiles)
    size = image.shape[1], image.shape[0]
    boxes = detect_text(seen, maps, size, dbnet_settings(card, {}), upside_down, bars.detector).boxes
    return sorted([*box.min(axis=0).tolist(), *box.max(axis=0).tolist()] for box in boxes), bars.asked[1:]


def bar(image, x, y, width, height):
    image[y : y + height, x : x + width] = 40


def around(x, y, width, height, grown):
    return pytest.approx([x - grown, y - grown, x + width + grown, y + height + grown], abs=12)


def test_what_the_whole_shows_is_not_looked_at_again(card):
    image = paper()
    bar(image, 300, 300, 700, 50)
    boxes, asked = read(image, card)
    assert asked == []
    (box,) = boxes
    assert box == around(300, 300, 700, 50, 36)


def test_small_text_is_found_in_its_tiles_and_large_text_stays(card):
    image = paper()
    bar(image, 300, 300, 700, 50)
    grid = tile_grid(*SIZE, card, 1.0, 64)
    x, y = grid.lefts[6] + 180, grid.tops[4] + 250
    bar(image, x, y, 120, 10)  # two pixels of the whole
    boxes, (asked,) = read(image, card)
    assert asked[0] == 1
    assert boxes == [around(300, 300, 700, 50, 36), around(x, y, 120, 10, 7)]


def test_a_line_from_a_tile_into_what_is_not_looked_at_is_one(card):
    image = paper()
    bar(image, 100, 800, 2200, 48)
    bar(image, 1200, 940, 120, 10)
    boxes, (asked,) = read(image, card)
    assert asked[0] < 10
    assert boxes == [around(100, 800, 2200, 48, 36), around(1200, 940, 120, 10, 7)]


def test_small_text_of_an_image_on_its_side_is_looked_at_turned(card):
    image = paper()
    for x in (300, 500, 700):
        bar(image, x, 300, 50, 900)
    bar(image, 1700, 1200, 10, 120)
    boxes, asked = read(image, card)
    assert len(asked) == 2  # the whole turned, and tiles of that alone
    assert boxes == [
        *[around(x, 300, 50, 900, 36) for x in (300, 500, 700)],
        around(1700, 1200, 10, 120, 7),
    ]


def test_small_text_alone_on_its_side_is_found(card):
    image = paper()
    for x in (1700, 1800, 1900):
        bar(image, x, 1100, 10, 100)
    boxes, _ = read(image, card)
    assert boxes == [around(x, 1100, 10, 100, 7) for x in (1700, 1800, 1900)]

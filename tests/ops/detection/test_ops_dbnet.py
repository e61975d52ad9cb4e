import dataclasses
import time

import cv2
import numpy as np
import pyclipper
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from shapely.geometry import Polygon

from ocdrnet_ops.detection.dbnet import DbnetSettings, dbnet_settings, detect_boxes
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.geometry.quads import clip_quads
from ocdrnet_ops.geometry.text_outline import POINTS, are_straight, outline_quads, quad_outlines

SETTINGS = DbnetSettings(0.3, 0.5, 1.5, 1000, 3, dilate=False)
SAME = np.array([0, 0, 1, 1], np.float32)
ANGLES = range(0, 180, 15)


def detect(probability, map_transform=SAME, image_size=None, **changes):
    size = image_size or probability.shape[::-1]
    return detect_boxes(probability, map_transform, size, dataclasses.replace(SETTINGS, **changes))


def drawn(*rectangles, shape=(400, 400), value=230):
    """A map with rotated rectangles ((x, y), (w, h), degrees)."""
    probability = np.zeros(shape, np.uint8)
    for rectangle in rectangles:
        cv2.fillPoly(probability, [np.rint(cv2.boxPoints(rectangle)).astype(np.int32)], value)
    return probability


def iou(a, b):
    a, b = Polygon(a), Polygon(b)
    return a.intersection(b).area / a.union(b).area


def reference_boxes(probability, ratio=1.5):
    """DBNet's post-processing as its authors wrote it: polygons clipped by Vatti's algorithm, no shortcut."""
    binary = (probability > 0.3 * 255).astype(np.uint8)
    boxes = []
    for contour in cv2.findContours(binary, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]:
        rectangle = cv2.minAreaRect(contour)
        if min(rectangle[1]) < 3:
            continue
        corners = cv2.boxPoints(rectangle)
        polygon = Polygon(corners)
        offset = pyclipper.PyclipperOffset()
        offset.ArcTolerance = 0.01
        offset.AddPath(np.rint(corners * 100).astype(int).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
        grown = np.array(offset.Execute(100 * polygon.area * ratio / polygon.length)[0], np.float32) / 100
        boxes.append(cv2.boxPoints(cv2.minAreaRect(grown)) + 0.5)
    return boxes


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("ratio", [1.5, 2.0])
def test_boxes_are_those_of_the_reference(degrees, ratio):
    probability = drawn(
        ((200, 200), (160, 24), degrees), ((90, 330), (60, 40), degrees / 2), ((60, 60), (30, 30), degrees)
    )
    found = detect(probability, unclip_ratio=ratio)
    expected = [np.clip(box, 0, 400) for box in reference_boxes(probability, ratio)]
    assert len(found.boxes) == len(expected) == 3
    best = [max(iou(box, other) for box in found.boxes) for other in expected]
    assert np.mean(best) >= 0.99
    assert min(best) >= 0.97


@pytest.mark.parametrize("degrees", ANGLES)
def test_boxes_are_the_analytic_unclip(degrees):
    width, height = 180.0, 30.0
    found = detect(drawn(((200, 200), (width, height), degrees)))
    grown = 2 * width * height * 1.5 / (2 * (width + height))
    expected = cv2.boxPoints(((200.5, 200.5), (width + grown, height + grown), degrees))
    assert len(found.boxes) == 1
    assert iou(found.boxes[0], expected) >= 0.95


def test_an_upright_box_is_exact():
    """Pixels 100..199 x 50..69: sides of 99 and 19 between centers, grown by 99 * 19 * 1.5 / (2 * 118) = 11.956."""
    probability = np.zeros((200, 300), np.uint8)
    probability[50:70, 100:200] = 255
    found = detect(probability)
    d = 99 * 19 * 1.5 / (2 * 118)
    left, top, right, bottom = 100.5 - d, 50.5 - d, 199.5 + d, 69.5 + d
    np.testing.assert_allclose(found.boxes[0], [(left, top), (right, top), (right, bottom), (left, bottom)], atol=1e-3)
    assert found.scores.tolist() == [1.0]
    assert not found.truncated


def test_no_growth_at_ratio_zero():
    probability = np.zeros((100, 100), np.uint8)
    probability[40:60, 20:80] = 255
    np.testing.assert_allclose(
        detect(probability, unclip_ratio=0).boxes[0],
        [(20.5, 40.5), (79.5, 40.5), (79.5, 59.5), (20.5, 59.5)],
        atol=1e-3,
    )


def test_map_transform_takes_boxes_to_the_original():
    probability = np.zeros((200, 300), np.uint8)
    probability[50:70, 100:200] = 255
    plain = detect(probability).boxes
    placed = detect(probability, np.array([7, 11, 2, 3], np.float32), (10_000, 10_000)).boxes
    np.testing.assert_allclose(placed, plain * (2, 3) + (7, 11), atol=1e-2)


@pytest.mark.parametrize(
    ("value", "threshold", "count"),
    [(76, 0.3, 0), (77, 0.3, 1), (51, 0.2, 0), (52, 0.2, 1), (127, 0.5, 0), (128, 0.5, 1), (2, 0.01, 0), (3, 0.01, 1)],
)
def test_binarize_threshold_is_exclusive(value, threshold, count):
    probability = drawn(((100, 100), (80, 20), 0), value=value)
    assert len(detect(probability, binarize_threshold=threshold, box_threshold=0.0).boxes) == count


def test_score_is_the_mean_inside_the_region():
    probability = np.zeros((100, 200), np.uint8)
    probability[40:60, 20:60] = 204
    probability[40:60, 60:180] = 102
    found = detect(probability, box_threshold=0.0)
    assert found.scores[0] == pytest.approx((204 * 40 + 102 * 120) / 160 / 255, abs=1e-6)
    assert found.scores.dtype == np.float32


def test_score_of_a_turned_region_leaves_out_what_lies_around_it():
    found = detect(drawn(((200, 200), (200, 30), 45), value=204))
    assert found.scores[0] == pytest.approx(0.8, abs=1e-6)


def test_box_threshold_is_inclusive():
    probability = drawn(((100, 100), (80, 20), 0), value=153)
    assert len(detect(probability, box_threshold=153 / 255).boxes) == 1
    assert len(detect(probability, box_threshold=153 / 255 + 1e-6).boxes) == 0


@pytest.mark.parametrize(("height", "count"), [(3, 0), (5, 1)])
def test_min_size_is_measured_between_pixel_centers(height, count):
    probability = np.zeros((100, 200), np.uint8)
    probability[40 : 40 + height, 20:180] = 255
    assert len(detect(probability).boxes) == count


@pytest.mark.parametrize(("min_size", "count"), [(18, 1), (20, 0)])
def test_min_size_of_the_request(min_size, count):
    probability = np.zeros((100, 200), np.uint8)
    probability[40:60, 20:180] = 255
    assert len(detect(probability, min_size=min_size).boxes) == count


@pytest.mark.parametrize(("ratio", "count"), [(1.01, 1), (0.99, 0)])
def test_a_grown_box_must_be_two_pixels_over_min_size(ratio, count):
    """A square of side 4 between pixel centers grows by D' = 16 r / 16 on each side: 6 pixels at r = 1."""
    probability = np.zeros((50, 50), np.uint8)
    probability[20:25, 20:25] = 255
    assert len(detect(probability, min_size=4, unclip_ratio=ratio).boxes) == count


def test_a_region_that_grows_too_little_takes_no_score_with_it():
    probability = np.zeros((300, 200), np.uint8)
    probability[20:25, 20:25] = 250  # dropped, above and below the one that stays
    probability[100:130, 40:160] = 200
    probability[220:225, 20:25] = 240
    found = detect(probability, min_size=4, unclip_ratio=0.9)
    assert np.rint(found.scores * 255).tolist() == [200]
    assert len(found.boxes) == 1


def test_a_box_that_clipping_drops_takes_no_score_with_it():
    probability = np.zeros((300, 200), np.uint8)
    probability[20:50, 40:160] = 210
    probability[220:250, 40:160] = 240
    assert np.rint(detect(probability, image_size=(200, 100)).scores * 255).tolist() == [210]


def test_dilation_joins_regions_one_pixel_apart():
    probability = np.zeros((60, 200), np.uint8)
    probability[20:40, 20:90] = probability[20:40, 91:160] = 255
    assert len(detect(probability).boxes) == 2
    assert len(detect(probability, dilate=True).boxes) == 1


@pytest.mark.parametrize("gap", [1, 2])
def test_dilation_joins_regions_one_row_apart(gap):
    probability = np.zeros((100, 60), np.uint8)
    probability[20:40, 10:50] = probability[40 + gap : 60 + gap, 10:50] = 255
    assert len(detect(probability).boxes) == 2
    assert len(detect(probability, dilate=True).boxes) == gap


@settings(max_examples=60, deadline=None)
@given(
    st_numpy.arrays(
        np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 12)), elements=st.sampled_from([0, 0, 0, 76, 77, 255])
    ),
    st.integers(1, 4),
    st.integers(2, 4),
    st.booleans(),
)
def test_empty_rows_change_nothing(coarse, scale, min_size, dilate):
    """A line at the side leaves no row empty; it is itself too thin to be a region."""
    rows, columns = (scale * side for side in coarse.shape)
    probability = np.zeros((rows, columns + 4), np.uint8)
    probability[:, :columns] = np.kron(coarse, np.ones((scale, scale), np.uint8))
    joined = probability.copy()
    joined[:, -1] = 255
    own, others = (
        detect(found, min_size=min_size, dilate=dilate, box_threshold=0.2) for found in (probability, joined)
    )
    assert sorted(own.boxes.tolist()) == sorted(others.boxes.tolist())
    assert sorted(own.scores.tolist()) == sorted(others.scores.tolist())


@pytest.mark.parametrize("map_height", [60, 61, 62, 63])
@pytest.mark.parametrize("min_size", [3, 5])
def test_a_region_just_high_enough_is_found_at_every_row(map_height, min_size):
    """Not every row is looked at for bands; a region of `min_size` + 1 rows has sides of `min_size` between centers."""
    for top in range(map_height - min_size):
        probability = np.zeros((map_height, 60), np.uint8)
        probability[top : top + min_size + 1, 5:55] = 255
        found = detect(probability, min_size=min_size, image_size=(60, map_height + 40)).boxes
        assert len(found) == 1, top
        assert found[0, :, 1].mean() == pytest.approx(top + (min_size + 1) / 2)


def test_more_regions_than_the_limit_keep_the_largest_and_are_flagged():
    heights = [10, 30, 20, 40, 15]
    probability = np.zeros((500, 200), np.uint8)
    for row, height in enumerate(heights):
        probability[100 * row + 20 : 100 * row + 20 + height, 40:160] = 200 + row
    found = detect(probability, max_candidates=3)
    assert found.truncated
    assert sorted(np.rint(found.scores * 255).astype(int).tolist()) == [201, 202, 203]
    assert not detect(probability, max_candidates=5).truncated
    assert len(detect(probability, max_candidates=5).boxes) == 5
    assert detect(probability, max_candidates=4).truncated


def test_regions_that_do_not_pass_do_not_count_against_the_limit():
    probability = np.zeros((300, 200), np.uint8)
    probability[20:40, 40:160] = 255
    probability[120:140, 40:160] = 90  # under the box threshold
    probability[220:222, 40:160] = 255  # under min_size
    found = detect(probability, max_candidates=1)
    assert len(found.boxes) == 1
    assert not found.truncated


def test_boxes_that_stick_out_of_the_image_stay_rectangles():
    probability = drawn(((10, 60), (160, 24), 40))
    found = detect(probability)
    assert found.boxes.min() < 0
    for box in found.boxes:
        np.testing.assert_allclose(box[0] + box[2], box[1] + box[3], atol=1e-3)


def test_box_of_which_less_than_a_pixel_lies_in_the_image_is_dropped():
    probability = np.zeros((100, 200), np.uint8)
    probability[60:90, 20:180] = 255
    assert len(detect(probability, image_size=(200, 60)).boxes) == 1  # it grows up to about row 42
    found = detect(probability, image_size=(200, 40))
    assert found.boxes.shape == (0, 4, 2)
    assert found.scores.shape == (0,)


def test_empty_map():
    found = detect(np.zeros((64, 96), np.uint8))
    assert found.boxes.shape == (0, 4, 2)
    assert found.boxes.dtype == np.float32
    assert found.scores.shape == (0,)
    assert not found.truncated


def test_full_map_is_one_box_over_the_image():
    found = detect(np.full((64, 96), 255, np.uint8))
    clipped = clip_quads(found.boxes, (96, 64))
    np.testing.assert_allclose(clipped, [[(0, 0), (96, 0), (96, 64), (0, 64)]])


def test_each_box_has_its_own_score():
    probability = np.zeros((200, 400), np.uint8)
    corners = {200: (220, 120), 210: (220, 20), 220: (20, 120), 230: (20, 20)}
    for value, (x, y) in corners.items():
        probability[y : y + 20, x : x + 120] = value
    found = detect(probability)
    scored = dict(zip(np.rint(found.scores * 255).astype(int).tolist(), found.boxes.mean(axis=1), strict=True))
    assert set(scored) == set(corners)
    for value, (x, y) in corners.items():
        np.testing.assert_allclose(scored[value], (x + 60, y + 10), atol=1)


def test_boxes_start_at_the_top_left_of_the_text():
    found = detect(drawn(((200, 200), (30, 200), 0)))  # a tall box: its line reads downwards
    top_left, top_right = found.boxes[0][:2]
    assert top_left[1] < top_right[1]
    assert top_left[0] > found.boxes[0][3][0]


@settings(max_examples=60, deadline=None)
@given(
    st_numpy.arrays(
        np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from([0, 76, 77, 255])
    ),
    st.integers(1, 8),
    st.floats(0, 5),
    st.integers(1, 4),
    st.booleans(),
)
def test_any_map_gives_finite_aligned_boxes_that_meet_the_image(coarse, scale, ratio, min_size, dilate):
    probability = np.kron(coarse, np.ones((scale, scale), np.uint8))
    size = (probability.shape[1] * 2, probability.shape[0] * 3)
    map_transform = np.array([0, 0, 2, 3], np.float32)
    found = detect(
        probability,
        map_transform,
        size,
        unclip_ratio=ratio,
        min_size=min_size,
        dilate=dilate,
        box_threshold=0.2,
        max_candidates=5,
    )
    assert found.boxes.shape in [(len(found.scores), points, 2) for points in (4, 2 * POINTS)]
    assert len(found.boxes) <= 5
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert np.isfinite(found.boxes).all()
    assert (found.boxes.max(axis=1) >= 1).all()
    assert (found.boxes.min(axis=1) <= np.array(size) - 1).all()
    assert ((found.scores >= 0.2) & (found.scores <= 1)).all()


def test_settings_are_the_cards(detector_card):
    card = detector_card(
        binarize_threshold=0.2, box_threshold=0.6, unclip_ratio=1.7, max_candidates=50, min_size=4, dilate=True
    )
    assert dbnet_settings(card, {}) == DbnetSettings(0.2, 0.6, 1.7, 50, 4, dilate=True)


def test_settings_of_a_request_override_the_cards(detector_card):
    chosen = {"binarize_threshold": 0.1, "box_threshold": 0.2, "unclip_ratio": 1.0, "max_candidates": 7, "min_size": 9}
    other = {"detector_side": 640, "min_text_score": 0.1}  # of other steps
    assert dbnet_settings(detector_card(), chosen | other) == DbnetSettings(0.1, 0.2, 1.0, 7, 9, dilate=False)
    assert dbnet_settings(detector_card(), {}).geometry == "quad"
    assert dbnet_settings(detector_card(), {"geometry": "polygon"}).geometry == "polygon"


def test_candidates_over_the_cards_are_refused(detector_card):
    card = detector_card(max_candidates=50)
    assert dbnet_settings(card, {"max_candidates": 50}).max_candidates == 50
    with pytest.raises(OptionError, match="max_candidates is 51; this repository was built for at most 50"):
        dbnet_settings(card, {"max_candidates": 51})


def arcs(count=1, shape=(400, 400)):
    """A map with bands along arches."""
    probability = np.zeros(shape, np.uint8)
    for i in range(count):
        center = (i % 5 * 195 + 100, i // 5 * 95 + 90)
        cv2.ellipse(probability, center, (80, 60), 0, 190, 350, 230, 9)
    return probability


@pytest.mark.parametrize("degrees", ANGLES)
def test_polygons_of_straight_text_are_its_boxes(degrees):
    """Another mode must not read straight text differently."""
    probability = drawn(
        ((200, 200), (160, 24), degrees), ((90, 330), (60, 40), degrees / 2), ((60, 60), (30, 30), degrees)
    )
    map_transform = np.array([3, 5, 1.5, 1.2], np.float32)
    boxes = detect(probability, map_transform, (900, 900))
    polygons = detect(probability, map_transform, (900, 900), geometry="polygon")
    assert polygons.boxes.shape == (3, 2 * POINTS, 2)
    assert polygons.boxes.dtype == np.float32
    np.testing.assert_array_equal(polygons.boxes, quad_outlines(boxes.boxes))
    np.testing.assert_array_equal(outline_quads(polygons.boxes), boxes.boxes)
    np.testing.assert_array_equal(polygons.scores, boxes.scores)


def test_polygon_of_an_arch_follows_it_and_reads_to_the_right():
    found = detect(arcs(), np.array([10, 20, 2, 2], np.float32), (1000, 1000), geometry="polygon")
    (outline,) = found.boxes
    assert not are_straight(found.boxes).any()
    start, end, crown = outline[0], outline[POINTS - 1], outline[POINTS // 2]
    assert start[0] < crown[0] < end[0]
    assert crown[1] < min(start[1], end[1]) - 60
    assert outline[-1, 1] > start[1]
    band = Polygon([(10 + 2 * (x + 0.5), 20 + 2 * (y + 0.5)) for x, y in region_of(arcs())])
    assert Polygon(outline).buffer(1).contains(band)
    assert Polygon(outline).area < 0.6 * cv2.minAreaRect(outline)[1][0] * cv2.minAreaRect(outline)[1][1]


def test_bent_text_has_its_outline_whatever_the_answer_shows():
    map_transform = np.array([10, 20, 2, 2], np.float32)
    quads, polygons = (detect(arcs(), map_transform, (1000, 1000), geometry=shape) for shape in ("quad", "polygon"))
    np.testing.assert_array_equal(quads.boxes, polygons.boxes)
    straight = drawn(((200, 200), (160, 24), 10))
    assert detect(straight).boxes.shape == (1, 4, 2)
    assert detect(np.maximum(straight, arcs())).boxes.shape == (2, 2 * POINTS, 2)


def region_of(probability):
    return cv2.findContours(probability, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0][0][:, 0]


def test_each_polygon_has_its_own_score():
    probability = arcs()
    probability[300:320, 40:200] = 180
    probability[20:40, 220:380] = 250
    found = detect(probability, geometry="polygon")
    scores = np.rint(found.scores * 255).astype(int).tolist()
    assert dict(zip(scores, are_straight(found.boxes).tolist(), strict=True)) == {250: True, 230: False, 180: True}


def test_polygon_outside_the_image_is_dropped():
    assert len(detect(arcs(), image_size=(400, 15), geometry="polygon").boxes) == 0


def test_no_region_is_no_polygon():
    assert detect(np.zeros((64, 96), np.uint8), geometry="polygon").boxes.shape == (0, 2 * POINTS, 2)


def test_candidates_of_polygons_are_those_of_boxes():
    found = detect(arcs(20, (500, 1000)), geometry="polygon", max_candidates=7)
    assert found.truncated
    assert found.boxes.shape == (7, 2 * POINTS, 2)


def test_fifty_polygons_take_little_time():
    """A busy page in polygon mode; the limit for a page is 25 ms of computing, in the quietest of several runs."""
    probability = arcs(15, (1000, 1000))
    for i in range(35):
        y = 330 + i // 5 * 90
        probability[y : y + 12, i % 5 * 195 + 20 : i % 5 * 195 + 180] = 230
    timings = []
    for _ in range(15):
        start = time.process_time()
        found = detect(probability, geometry="polygon")
        timings.append(time.process_time() - start)
    assert len(found.boxes) == 50
    assert (~are_straight(found.boxes)).sum() == 15
    assert min(timings) < 0.025


@settings(max_examples=60, deadline=None)
@given(
    st_numpy.arrays(
        np.uint8, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.sampled_from([0, 76, 77, 255])
    ),
    st.integers(1, 12),
    st.floats(0, 5),
    st.integers(1, 3),
    st.booleans(),
)
def test_any_map_gives_finite_polygons_as_many_as_boxes(coarse, scale, ratio, min_size, dilate):
    probability = np.kron(coarse, np.ones((scale, scale), np.uint8))
    size = (probability.shape[1] * 2, probability.shape[0] * 3)
    changes = {"unclip_ratio": ratio, "min_size": min_size, "dilate": dilate, "box_threshold": 0.2}
    found = detect(probability, np.array([0, 0, 2, 3], np.float32), size, geometry="polygon", **changes)
    assert found.boxes.shape == (len(found.scores), 2 * POINTS, 2)
    assert found.boxes.dtype == np.float32
    assert np.isfinite(found.boxes).all()
    assert len(found.boxes) <= 1000


def test_a_thousand_regions_of_noise_give_polygons():
    noise = np.random.default_rng(8).integers(0, 256, (100, 160), np.uint8)
    probability = cv2.resize(noise, (1280, 800), interpolation=cv2.INTER_CUBIC)
    found = detect(probability, geometry="polygon", binarize_threshold=0.55, min_size=1)
    assert len(found.boxes) > 500
    assert np.isfinite(found.boxes).all()

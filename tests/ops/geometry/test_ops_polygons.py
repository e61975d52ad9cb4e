import cv2
import numpy as np
import pyclipper
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Polygon

from ocdrnet_ops.geometry.polygons import bent_outline
from ocdrnet_ops.geometry.text_outline import POINTS

SHAPE = (500, 700)


def contours(mask):
    return cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]


def arch(sweep, radius=180, middle=270):
    angles = np.deg2rad(np.linspace(middle - sweep / 2, middle + sweep / 2, 60))
    return np.stack([350 + radius * np.cos(angles), 260 + radius * np.sin(angles)], axis=1)


def wave(amplitude=35, length=420):
    x = np.linspace(120, 580, 60)
    return np.stack([x, 250 - amplitude * np.sin(2 * np.pi * (x - 350) / length)], axis=1)


def band(middle, half_height, degrees=0):
    """A mask with a band of even height, turned."""
    turn = cv2.getRotationMatrix2D((350, 250), degrees, 1)
    shape = LineString(middle @ turn[:, :2].T + turn[:, 2]).buffer(half_height, cap_style="flat")
    mask = np.zeros(SHAPE, np.uint8)
    cv2.fillPoly(mask, [np.rint(shape.exterior.coords).astype(np.int32)], 1)
    return mask


def offset(contour, ratio):
    """DBNet's growth as its authors wrote it: the polygon offset by D' with round joins."""
    polygon = Polygon(contour[:, 0])
    clipper = pyclipper.PyclipperOffset()
    clipper.AddPath((100 * contour[:, 0]).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    paths = clipper.Execute(100 * polygon.area * ratio / polygon.length)
    return max((Polygon(np.array(path) / 100) for path in paths), key=lambda path: path.area)


def iou(a, b):
    return a.intersection(b).area / a.union(b).area


CURVES = {
    "arc of 90": arch(90),
    "arc of 180": arch(180, 120),
    "arc of 270": arch(270, 110),
    "smile": arch(100, middle=90),
    "wave": wave(),
    "steep wave": wave(60, 500),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("degrees", [0, 40, 100, 250])
@pytest.mark.parametrize("ratio", [1.5, 2.0])
def test_outline_is_the_offset_region(name, degrees, ratio):
    (contour,) = contours(band(CURVES[name], 9, degrees))
    outline = bent_outline(contour, ratio, 3)
    assert outline.shape == (2 * POINTS, 2)
    assert outline.dtype == np.float32
    shape = Polygon(outline)
    assert shape.is_valid
    assert shape.exterior.is_ccw  # in an image, whose y points down, that is clockwise
    assert iou(shape, offset(contour, ratio)) > 0.8


@pytest.mark.parametrize("name", CURVES)
def test_sides_are_opposite_each_other(name):
    (contour,) = contours(band(CURVES[name], 9))
    outline = bent_outline(contour, 1.5, 3)
    across = outline[:POINTS] - outline[: POINTS - 1 : -1]
    heights = np.linalg.norm(across, axis=1)
    assert np.ptp(heights) < 0.01 * heights.mean()
    steps = np.linalg.norm(np.diff((outline[:POINTS] + outline[: POINTS - 1 : -1]) / 2, axis=0), axis=1)
    assert np.ptp(steps) < 0.1 * steps.mean()


def test_half_certain_text_in_the_hollow_is_left_out():
    """What PP-OCRv6 answers for large lettering on an arc: the outer side is clean, the hollow is filled in part."""
    clean = band(arch(120), 9)
    filled = clean.copy()
    cv2.fillPoly(filled, [np.array([(270, 100), (350, 80), (430, 100), (420, 130), (300, 140)])], 1)
    (with_hollow,) = contours(filled)
    (without,) = contours(clean)
    found = Polygon(bent_outline(with_hollow, 1.5, 3))
    assert iou(found, Polygon(bent_outline(without, 1.5, 3))) > 0.8


@pytest.mark.parametrize("degrees", [0, 20, 45, 90])
@pytest.mark.parametrize("size", [(200, 16), (60, 40), (30, 30), (300, 6)])
def test_straight_regions_are_boxes(size, degrees):
    mask = np.zeros(SHAPE, np.uint8)
    cv2.fillPoly(mask, [np.rint(cv2.boxPoints(((350, 250), size, degrees))).astype(np.int32)], 1)
    (contour,) = contours(mask)
    assert bent_outline(contour, 1.5, 3) is None


def test_a_slight_bend_is_a_box():
    (contour,) = contours(band(wave(4), 9))
    assert bent_outline(contour, 1.5, 3) is None


def test_a_short_bent_region_is_a_box():
    (contour,) = contours(band(arch(60, 60), 10))
    assert bent_outline(contour, 1.5, 3) is None


def test_a_line_too_thin_to_trust_is_a_box():
    (contour,) = contours(band(arch(120), 2))
    assert bent_outline(contour, 1.5, 2) is not None
    assert bent_outline(contour, 1.5, 8) is None


@pytest.mark.parametrize("arms", ["T", "X", "block"])
def test_what_is_no_band_is_a_box(arms):
    mask = np.zeros(SHAPE, np.uint8)
    if arms == "block":
        cv2.fillPoly(mask, [np.array([(100, 100), (500, 100), (500, 400), (300, 150), (100, 400)])], 1)
    else:
        cv2.line(mask, (150, 100), (550, 100 if arms == "T" else 400), 1, 16)
        cv2.line(mask, (350, 100), (350, 400), 1, 16)
    for contour in contours(mask):
        outline = bent_outline(contour, 1.5, 3)
        assert outline is None or np.isfinite(outline).all()


STROKES = st.lists(st.tuples(st.integers(0, 120), st.integers(0, 90)), min_size=2, max_size=9)


@settings(max_examples=150, deadline=None)
@given(st.lists(STROKES, min_size=1, max_size=4), st.integers(1, 14), st.floats(0, 5), st.booleans())
def test_any_scribble_has_finite_outlines(strokes, width, ratio, closed):
    """Rings, crossings, hairs and specks: outer contours, and those of holes."""
    mask = np.zeros((91, 121), np.uint8)
    for stroke in strokes:
        cv2.polylines(mask, [np.array(stroke, np.int32)], closed, 1, width)
    for contour in contours(mask):
        if len(contour) < 3:
            continue
        outline = bent_outline(contour, ratio, 1)
        assert outline is None or (outline.shape == (2 * POINTS, 2) and np.isfinite(outline).all())

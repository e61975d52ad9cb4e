import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from ocdrnet_ops.geometry.quads import order_from_text_top_left, quad_sizes
from ocdrnet_ops.geometry.text_outline import (
    POINTS,
    are_straight,
    corner_quads,
    grow_across,
    grow_along,
    order_from_text_start,
    outline_quads,
    outline_sizes,
    points_at,
    quad_outlines,
)

QUADS = np.array([[(10, 20), (210, 20), (210, 60), (10, 60)], [(5, 5), (40, 90), (20, 99), (-12, 14)]], np.float32)


def arc(start, end, radius=100, half=15, center=(200, 200), points=POINTS):
    """Text from one angle to another in degrees, clockwise on the screen where `end` is larger, tops outside."""
    angles = np.deg2rad(np.linspace(start, end, points))
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    half = half if end > start else -half
    sides = [np.add(center, (radius + half) * circle), np.add(center, (radius - half) * circle)[::-1]]
    return np.concatenate(sides).astype(np.float32)


def turned(outline):
    return np.roll(outline, len(outline) // 2, axis=0)


def test_a_quad_is_the_outline_of_two_points():
    np.testing.assert_array_equal(quad_outlines(QUADS, 2), QUADS)
    assert outline_quads(QUADS) is QUADS
    np.testing.assert_array_equal(corner_quads(QUADS), QUADS)
    np.testing.assert_array_equal(outline_sizes(QUADS), quad_sizes(QUADS))
    assert are_straight(QUADS).all()


def test_outlines_of_quads_are_straight_and_give_them_back():
    outlines = quad_outlines(QUADS)
    assert outlines.shape == (2, 2 * POINTS, 2)
    assert outlines.dtype == np.float32
    assert are_straight(outlines).all()
    np.testing.assert_array_equal(outline_quads(outlines), QUADS)
    np.testing.assert_array_equal(outline_sizes(outlines), quad_sizes(QUADS))
    assert [Polygon(outline).area for outline in outlines] == pytest.approx(
        [Polygon(quad).area for quad in QUADS], rel=1e-5
    )


@pytest.mark.parametrize("function", [outline_quads, outline_sizes, are_straight, order_from_text_start, corner_quads])
@pytest.mark.parametrize("points", [2, POINTS])
def test_no_outline(function, points):
    assert len(function(np.zeros((0, 2 * points, 2), np.float32))) == 0


def test_a_bend_of_half_a_pixel_is_straight():
    outline = quad_outlines(QUADS[:1])
    outline[0, 5, 1] += 0.4
    assert are_straight(outline).all()
    outline[0, 5, 1] += 0.2
    assert not are_straight(outline).any()


def test_size_of_an_arc_is_that_of_its_middle():
    width, height = outline_sizes(arc(180, 360)[None])[0]
    assert width == pytest.approx(100 * np.pi, rel=0.01)
    assert height == pytest.approx(30, rel=1e-5)


@pytest.mark.parametrize(("start", "end"), [(200, 340), (225, 315), (160, 20), (135, 45)])
def test_quad_of_an_arc_starts_at_its_texts_top_left(start, end):
    """Arches and smiles: the box lies along the image's rows."""
    outline = arc(start, end)
    (quad,) = outline_quads(outline[None])
    (x0, y0), (x1, y1) = outline.min(axis=0), outline.max(axis=0)
    np.testing.assert_allclose(quad, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)], atol=1.5)
    np.testing.assert_allclose(outline_quads(turned(outline)[None])[0], np.roll(quad, 2, axis=0), atol=1e-3)


@given(st.floats(0, 360), st.floats(30, 330))
def test_quads_are_clockwise_and_hold_the_outline(start, sweep):
    outline = arc(start, start + sweep)
    (quad,) = outline_quads(outline[None])
    assert cv2.contourArea(quad, oriented=True) > 0
    assert Polygon(quad).buffer(0.1).contains(Polygon(outline).convex_hull)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (200, 340),  # an arch
        (160, 20),  # a smile
        (120, 420),  # a ring that is open at the bottom
        (-60, 240),  # a ring that is open at the top: clockwise on its outside
        (20, 335),  # and at the right
        (200, 515),  # and at the left
        (-60, 60),  # the right part of a ring: downwards
        (120, 240),  # its left part: upwards
    ],
)
def test_text_starts_where_lettering_on_a_ring_does(start, end):
    outline = arc(start, end)
    np.testing.assert_array_equal(order_from_text_start(outline[None])[0], outline)
    np.testing.assert_array_equal(order_from_text_start(turned(outline)[None])[0], outline)


@pytest.mark.parametrize("degrees", range(-175, 185, 10))
def test_lines_that_hardly_bend_are_ordered_as_boxes_are(degrees):
    box = np.roll(cv2.boxPoints(((300, 300), (200, 30), degrees)), -1, axis=0)[None]
    expected = quad_outlines(order_from_text_top_left(box))
    np.testing.assert_allclose(order_from_text_start(quad_outlines(box)), expected, atol=1e-3)


def test_points_are_measured_along_the_middle():
    outline = arc(180, 360)
    top, bottom = points_at(outline, np.array([0, 0.5, 1], np.float32))
    np.testing.assert_allclose(top, [(85, 200), (200, 85), (315, 200)], atol=1.3)
    np.testing.assert_allclose(bottom, [(115, 200), (200, 115), (285, 200)], atol=1.3)


def test_points_of_a_quad_are_fractions_of_its_sides():
    at = np.array([0, 0.25, 1], np.float32)
    top, bottom = points_at(QUADS[1], at)
    np.testing.assert_array_equal(top, QUADS[1][0] + at[:, None] * (QUADS[1][1] - QUADS[1][0]))
    np.testing.assert_array_equal(bottom, QUADS[1][3] + at[:, None] * (QUADS[1][2] - QUADS[1][3]))


def test_points_of_an_outline_without_extent_are_finite():
    top, bottom = points_at(np.zeros((2 * POINTS, 2), np.float32), np.array([0, 0.3, 1], np.float32))
    assert not top.any()
    assert not bottom.any()


def test_outlines_grow_across_by_a_share_of_their_height():
    quad = np.array([[(10, 20), (90, 20), (90, 40), (10, 40)]], np.float32)
    np.testing.assert_allclose(grow_across(quad, 0.1), [[(10, 18), (90, 18), (90, 42), (10, 42)]])
    assert grow_across(quad, 0) is quad
    bent = arc(200, 340)[None]
    grown = grow_across(bent, 0.5)
    heights = [np.linalg.norm(each[:, :POINTS] - each[:, : POINTS - 1 : -1], axis=-1) for each in (bent, grown)]
    np.testing.assert_allclose(heights[1], 2 * heights[0], rtol=1e-4)
    np.testing.assert_allclose(grown + grown[:, ::-1], bent + bent[:, ::-1], atol=1e-3)


def test_outlines_grow_along_by_pixels_in_the_direction_of_their_ends():
    quad = np.array([[(10, 20), (90, 20), (90, 40), (10, 40)]], np.float32)
    np.testing.assert_allclose(grow_along(quad, np.float32([[5, 2]])), [[(5, 20), (92, 20), (92, 40), (5, 40)]])
    turned = np.array([[(40, 10), (40, 90), (20, 90), (20, 10)]], np.float32)
    np.testing.assert_allclose(grow_along(turned, np.float32([[5, 2]])), [[(40, 5), (40, 92), (20, 92), (20, 5)]])
    bent = arc(200, 340)[None]
    grown = grow_along(bent, np.float32([[4, 1]]))
    inner = [index for index in range(2 * POINTS) if index not in (0, POINTS - 1, POINTS, 2 * POINTS - 1)]
    np.testing.assert_array_equal(grown[:, inner], bent[:, inner])
    first, second = bent[0, 0], bent[0, 1]
    np.testing.assert_allclose(grown[0, 0], first + 4 * (first - second) / np.linalg.norm(first - second), rtol=1e-4)

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocdrnet_ops.geometry.quads import order_from_text_top_left, quad_sizes, rectangle_corners


def rectangle(width, height, degrees, center=(200, 150)):
    return rectangle_corners(
        np.array([center], np.float32), np.array([(width, height)], np.float32), np.array([degrees], np.float32)
    )


@pytest.mark.parametrize("degrees", [0, 10, 45, 90, 133, -20])
def test_corners_are_opencvs(degrees):
    """`cv2.boxPoints` starts at the bottom-left of the unturned rectangle and goes clockwise."""
    expected = np.roll(cv2.boxPoints(((200, 150), (80, 20), degrees)), -1, axis=0)
    np.testing.assert_allclose(rectangle(80, 20, degrees)[0], expected, atol=1e-3)


def test_corners_of_no_rectangle():
    assert rectangle_corners(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0)).shape == (0, 4, 2)


def test_sizes_are_the_longer_of_opposite_sides():
    quads = np.array([[(0, 0), (10, 0), (12, 5), (0, 8)], [(0, 0), (3, 4), (0, 8), (-3, 4)]], np.float32)
    np.testing.assert_allclose(quad_sizes(quads), [(np.hypot(12, 3), 8), (5, 5)], rtol=1e-6)


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("degrees", range(-44, 45, 11))
@pytest.mark.parametrize("height", [40, 100])  # a line, and a nearly square box
def test_wide_and_square_boxes_start_at_the_left_of_the_most_horizontal_edge(start, degrees, height):
    truth = rectangle(120, height, degrees)
    np.testing.assert_allclose(order_from_text_top_left(np.roll(truth, start, axis=1)), truth)


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("degrees", [46, 60, 80.5, 90, 95, 99.7, 99.9, 120, 134])
def test_tall_boxes_read_downwards_unless_they_lean_to_the_right(start, degrees):
    """`degrees` is the clockwise turn of a line that reads down; it leans from asin(0.17) = 9.79 degrees past 90."""
    truth = rectangle(120, 20, degrees if degrees < 99.79 else degrees - 180)
    turned = np.roll(rectangle(120, 20, degrees), start, axis=1)
    np.testing.assert_allclose(order_from_text_top_left(turned), truth, atol=1e-3)


@pytest.mark.parametrize(("height", "turned"), [(149, False), (150, True), (151, True)])
def test_a_box_is_tall_from_one_and_a_half_times_its_width(height, turned):
    top_left, top_right = order_from_text_top_left(rectangle(100, height, 0))[0][:2]
    assert (top_right[1] > top_left[1]) == turned


def test_no_boxes():
    assert order_from_text_top_left(np.zeros((0, 4, 2), np.float32)).shape == (0, 4, 2)


@given(st.floats(1, 500), st.floats(1, 500), st.floats(-180, 180), st.integers(0, 3))
def test_ordering_keeps_the_corners_and_their_turn(width, height, degrees, start):
    quad = np.roll(rectangle(width, height, degrees), start, axis=1)
    found = order_from_text_top_left(quad)
    assert sorted(map(tuple, found[0])) == sorted(map(tuple, quad[0]))
    ((a, b, c, _),) = found.astype(float)
    cross = (b - a)[0] * (c - b)[1] - (b - a)[1] * (c - b)[0]
    assert cross > 0  # clockwise, y down


@given(st.floats(1, 500), st.floats(1, 500), st.floats(-180, 180))
def test_ordering_does_not_depend_on_the_first_corner(width, height, degrees):
    quad = rectangle(width, height, degrees)
    if abs(abs(degrees) % 90 - 45) < 0.1:
        return  # both edges are equally close to horizontal
    first, *others = (order_from_text_top_left(np.roll(quad, start, axis=1)) for start in range(4))
    for other in others:
        np.testing.assert_array_equal(other, first)


def upright_box(x, y, width, height):
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def are_turned(*boxes, degrees=0):
    angle = np.deg2rad(degrees)
    matrix = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    quads = (np.array([upright_box(*box) for box in boxes]) @ matrix).astype(np.float32)
    ordered = order_from_text_top_left(quads)
    return (np.abs(ordered[:, 0] - quads[:, 0]).max(axis=1) > 1e-3).tolist()


@pytest.mark.parametrize("degrees", [0, 15, -15])
def test_a_narrow_character_of_a_row_is_no_turned_line(degrees):
    one = (100, 2, 12, 38)
    assert are_turned(one, degrees=degrees) == [True]
    assert are_turned(one, (0, 0, 40, 40), degrees=degrees) == [False, False]
    assert are_turned((0, 0, 300, 40), (400, 2, 12, 38), degrees=degrees) == [False, False]


@pytest.mark.parametrize(
    "other",
    [
        (0, 0, 60, 60),  # higher
        (0, 30, 40, 40),  # lower down
        (600, 0, 40, 40),  # far away
        (0, 0, 20, 40),  # tall itself, and alone
    ],
)
def test_a_tall_box_without_equals_beside_it_is_a_turned_line(other):
    assert are_turned((100, 2, 12, 38), other)[0]


def test_a_long_turned_line_beside_a_box_of_its_height_stays_turned():
    assert are_turned((100, 0, 30, 190), (0, 0, 190, 190)) == [True, False]


def test_a_row_of_condensed_capitals_is_not_turned_unless_the_image_holds_turned_lines():
    capitals = [(50 * index, 0, 25, 40) for index in range(3)]
    assert are_turned(*capitals) == [False] * 3
    assert are_turned(*capitals[:2]) == [True] * 2
    assert are_turned(*capitals, (400, 0, 30, 300)) == [True] * 4

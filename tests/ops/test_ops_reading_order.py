import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocdrnet_ops.reading_order import reading_order


def box(x, y, width, height):
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def order(*boxes):
    return reading_order(np.array(boxes, np.float32).reshape(-1, 4, 2)).tolist()


def test_no_boxes():
    assert order() == []
    assert reading_order(np.zeros((0, 4, 2), np.float32)).dtype == np.int64


def test_rows_go_down_and_each_row_goes_right():
    assert order(box(300, 100, 50, 20), box(10, 104, 50, 20), box(150, 10, 50, 20), box(20, 14, 50, 20)) == [3, 2, 1, 0]


@pytest.mark.parametrize(("lower", "expected"), [(9.5, [1, 0]), (10.5, [0, 1])])
def test_a_row_is_half_a_line_high(lower, expected):
    assert order(box(200, 0, 50, 20), box(10, lower, 50, 20)) == expected


def test_the_smaller_line_decides():
    """Centers 8 apart: within half of 20, not within half of 10, whichever of the two comes first."""
    assert order(box(200, 0, 50, 20), box(10, 13, 50, 10)) == [0, 1]
    assert order(box(200, 5, 50, 10), box(10, 8, 50, 20)) == [0, 1]
    assert order(box(200, 0, 50, 20), box(10, 8, 50, 20)) == [1, 0]


def test_a_slanting_row_does_not_swallow_the_next():
    """Each box is compared with its row's first: a chain of small steps down ends the row."""
    boxes = [box(300 - 50 * i, 6 * i, 40, 20) for i in range(5)]
    assert order(*boxes) == [1, 0, 3, 2, 4]


def test_equal_boxes_keep_their_order():
    assert order(box(0, 0, 10, 10), box(0, 0, 10, 10), box(0, 0, 10, 10)) == [0, 1, 2]


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 90), st.integers(1, 60)), max_size=25)
)
def test_order_is_a_permutation(boxes):
    found = order(*(box(*b) for b in boxes))
    assert sorted(found) == list(range(len(boxes)))

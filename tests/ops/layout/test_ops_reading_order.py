import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocdrnet_ops.layout.reading_order import reading_order
from ocdrnet_ops.layout.rows import row_order
from ocdrnet_ops.layout.signs import outer_tenths
from ocdrnet_ops.layout.text_direction import median, upright_lines


def box(x, y, width, height):
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def turned(quads, degrees):
    angle = np.deg2rad(degrees)
    return np.array(quads) @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def order(*boxes):
    return reading_order(np.array(boxes, np.float32).reshape(-1, 4, 2)).tolist()


def shuffled_order(boxes):
    """Places of the boxes in the order that is found for them when they come in any order."""
    shuffle = np.random.default_rng(len(boxes)).permutation(len(boxes))
    return shuffle[order(*np.array(boxes)[shuffle])].tolist()


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
    assert row_order(upright_lines(np.array(boxes, np.float32))).tolist() == [1, 0, 3, 2, 4]


def test_equal_boxes_keep_their_order():
    assert order(box(0, 0, 10, 10), box(0, 0, 10, 10), box(0, 0, 10, 10)) == [0, 1, 2]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, -7, 12, 96, 173])
def test_a_turned_page_is_read_as_the_upright_one(degrees):
    rows = [box(220 * x + 30, 40 * y, 90, 24) for y in range(6) for x in range(3)]
    assert shuffled_order(turned(rows, degrees)) == list(range(18))


def test_the_page_s_direction_is_that_of_most_of_its_text():
    """Five long lines read to the right, eight short ones downwards: the former give the direction."""
    long = [box(0, 40 * i, 400, 20) for i in range(5)]
    short = [turned([box(20 * i, -500, 70, 15)], 90)[0] for i in range(8)]
    assert order(*long, *short)[:5] == [0, 1, 2, 3, 4]


def test_few_slanting_words_do_not_tilt_the_page():
    """A row of 600 pixels would be cut in two by two degrees."""
    rows = [box(300 * x, 40 * y, 95, 20) for y in range(5) for x in range(3)]
    stray = [turned([box(400, 300 + 60 * i, 120, 20)], 20)[0] for i in range(4)]
    assert order(*rows, *stray)[:15] == list(range(15))


def test_a_note_in_the_margin_comes_last():
    text = [box(60, 30 * i, 500, 22) for i in range(12)]
    note = turned([box(-340, 20, 300, 20)], -90)[0]
    assert order(*text[:4], note, *text[4:]) == [0, 1, 2, 3, *range(5, 13), 4]


def test_several_notes_are_read_in_their_own_direction():
    """Two lines that read upwards: the left one is the first."""
    text = [box(100, 30 * i, 500, 22) for i in range(12)]
    notes = turned([box(-340, 20, 300, 18), box(-340, 45, 300, 18)], -90)
    assert order(*text, notes[1], notes[0])[-2:] == [13, 12]


def test_a_narrow_character_is_no_note():
    """A box higher than wide is taken to read downwards; a lone "1" stays in its row."""
    one = turned([box(0, -112, 20, 8)], 90)[0]
    assert order(box(0, 0, 90, 20), one, box(150, 0, 90, 20), box(0, 40, 240, 20)) == [0, 1, 2, 3]


def test_a_drop_cap_is_read_with_the_first_of_its_rows():
    rows = [box(70 if i < 3 else 0, 30 * i, 330 if i < 3 else 400, 22) for i in range(8)]
    assert order(*rows, box(0, 4, 62, 74)) == [8, 0, 1, 2, 3, 4, 5, 6, 7]


def test_a_large_word_is_no_drop_cap():
    """Wider than 1.6 times its height; it stands beside the second of the three rows."""
    rows = [box(270, 30 * i, 330, 22) for i in range(3)] + [box(0, 30 * i, 600, 22) for i in range(3, 8)]
    assert order(*rows, box(0, 4, 260, 74)) == [0, 8, 1, 2, 3, 4, 5, 6, 7]


BOXES = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 90), st.integers(1, 60), st.integers(-180, 180)),
    max_size=40,
)
GRID = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 12), st.integers(40, 420), st.sampled_from([0, 0, 0, 30])),
    max_size=60,
)


@given(BOXES)
def test_order_is_a_permutation(boxes):
    found = order(*(turned([box(*b)], degrees)[0] for *b, degrees in boxes))
    assert sorted(found) == list(range(len(boxes)))


@settings(max_examples=200)
@given(GRID)
def test_order_of_columns_is_a_permutation(cells):
    found = order(*(box(230 * column + shift, 24 * row, width, 20) for column, row, width, shift in cells))
    assert sorted(found) == list(range(len(cells)))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 10, 11, 50, 101])
def test_medians_and_tenths_are_those_of_numpy(count):
    values = np.random.default_rng(count).normal(size=count)
    assert median(values) == np.median(values)
    assert list(outer_tenths(values)) == np.quantile(values, [0.1, 0.9]).tolist()

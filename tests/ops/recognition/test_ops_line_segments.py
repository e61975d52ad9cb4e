from functools import partial

import numpy as np
import pytest

from ocdrnet_ops.recognition.decoding import DecodedLine
from ocdrnet_ops.recognition.words import WordSpan, is_in_gutter, split_segments


def line(text):
    none = np.zeros(len(text), np.float32)
    return DecodedLine(text, 0.75, tuple(text), none, none, none)


def spans(*places):
    return [WordSpan(text, score, start, end) for text, score, start, end in places]


def test_a_gap_wider_than_the_line_is_high_parts_it():
    words = spans(("Total", 0.5, 0.0, 0.3), ("amount", 1.0, 0.35, 0.6), ("9.50", 0.8, 0.8, 1.0))
    segments = split_segments(line("Total amount  9.50"), words, aspect=6)
    assert [(segment.text, segment.whole) for segment in segments] == [("Total amount", False), ("9.50", False)]
    assert [segment.score for segment in segments] == pytest.approx([(0.5 * 5 + 1.0 * 6) / 11, 0.8])
    assert [segment.words for segment in segments] == [tuple(words[:2]), tuple(words[2:])]


def test_a_narrower_gap_does_not():
    words = spans(("a", 1.0, 0.0, 0.3), ("b", 1.0, 0.5, 1.0))
    (segment,) = split_segments(line(" a b"), words, aspect=4.9)
    assert (segment.text, segment.score, segment.words, segment.whole) == ("a b", 0.75, tuple(words), True)
    assert len(split_segments(line("a b"), words, aspect=5.1)) == 2


def test_repeated_words_and_words_without_spaces_keep_their_text():
    words = spans(("价", 1.0, 0.0, 0.1), ("a", 1.0, 0.1, 0.2), ("a", 1.0, 0.7, 0.8), ("a", 1.0, 0.9, 1.0))
    assert [segment.text for segment in split_segments(line("价a a a"), words, aspect=3)] == ["价a", "a a"]


def test_a_line_without_words_is_one_cell():
    assert [segment.words for segment in split_segments(line("x"), [], aspect=3)] == [()]


def box(left, right, top, height=20.0):
    return [(left, top), (right, top), (right, top + height), (left, top + height)]


def page(*more, rows=7, joined=3, left_end=300.0, right_start=316.0, height=20.0):
    """Two columns of rows, one of which is one box; its gap's middle is at 0.5. Turned by 20 degrees."""
    columns = [(0.0, left_end), (right_start, 616.0)]
    boxes = [box(0, 616, 24.0 * joined, height)]
    boxes += [box(*edges, 24.0 * row) for row in range(rows) if row != joined for edges in columns]
    lean = np.deg2rad(20)
    turn = np.array([(np.cos(lean), np.sin(lean)), (-np.sin(lean), np.cos(lean))])
    return (np.array([*boxes, *more]) @ turn).astype(np.float32)


def test_a_narrow_gap_between_two_columns_parts_the_line():
    words = spans(("tradi-", 1.0, 0.0, 0.487), ("one", 1.0, 0.513, 1.0))
    quads = page()
    segments = split_segments(line("tradi- one"), words, 616 / 20, partial(is_in_gutter, quads, 0))
    assert [segment.text for segment in segments] == ["tradi-", "one"]
    assert len(split_segments(line("tradi- one"), words, 616 / 20)) == 1
    narrow = spans(("tradi-", 1.0, 0.0, 0.492), ("one", 1.0, 0.508, 1.0))  # half a height
    assert len(split_segments(line("tradi- one"), narrow, 616 / 20, partial(is_in_gutter, quads, 0))) == 1


def test_columns_part_where_the_lines_around_do():
    assert is_in_gutter(page(), 0, 0.5)
    assert is_in_gutter(page(), 0, 0.48)  # time steps tell a place to half a height or so
    assert not is_in_gutter(page(), 0, 0.4)


@pytest.mark.parametrize(
    "quads",
    [
        pytest.param(page(box(200, 420, 100.0)), id="a line above crosses"),
        pytest.param(page(rows=3, joined=2), id="two lines are too few"),
        pytest.param(page(height=28.0), id="a headline"),
        pytest.param(page()[:1], id="no other line"),
        pytest.param(page(right_start=360.0), id="amounts that begin farther to the right"),
    ],
)
def test_no_gutter(quads):
    assert not is_in_gutter(quads, 0, 0.5)


def test_a_line_far_away_says_nothing_of_the_columns():
    assert is_in_gutter(page(box(200, 420, 24.0 * 3 + 121)), 0, 0.5)
    assert not is_in_gutter(page(box(200, 420, 24.0 * 3 + 119)), 0, 0.5)

"""Kinds of layouts, drawn, from their boxes alone: bars, turned heads, forms, slides, scenes, torn prose ..."""

from statistics import mean

import numpy as np
import pytest

from benchmarks.drawn_layouts import KINDS, layouts
from benchmarks.reading_order import distance, order_by_tops, order_of_boxes
from ocdrnet_ops.layout.justified import justified_rows, row_quad
from ocdrnet_ops.layout.reading_order import reading_order
from ocdrnet_ops.layout.side_by_side import blocks_side_by_side
from ocdrnet_ops.layout.text_direction import upright_lines


def box(x, y, width, height, lean=0.0):
    return [(x, y - lean), (x + width, y + lean), (x + width, y + height + lean), (x, y + height - lean)]


def order(*boxes):
    boxes = np.array(boxes, np.float32)
    shuffle = np.random.default_rng(len(boxes)).permutation(len(boxes))
    return shuffle[reading_order(boxes[shuffle])].tolist()


@pytest.fixture(scope="module")
def distances():
    """Of layouts other than the benchmark's: kind -> distance of each."""
    found = {kind: [] for kind in KINDS}
    for layout in layouts(per_kind=10, first=100):
        found[layout.kind].append(order_of_boxes(layout))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read_in_order(distances, kind):
    assert mean(distances[kind]) <= 0.06


def test_all_kinds_together(distances):
    assert mean(mean(own) for own in distances.values()) <= 0.02


def test_the_figure_tells_wrong_order():
    """The same layouts by the tops of their boxes; and a figure of sequences worked out by hand."""
    assert mean(order_by_tops(layout) for layout in layouts(per_kind=1)) > 0.3
    assert distance([1, 2, 3, 4], [1, 2, 3, 4]) == 0
    assert distance([2, 3, 4, 9], [1, 2, 3, 4]) == 0.5


@pytest.mark.parametrize("lean", [-1.5, 0, 1.5])
def test_a_bar_of_short_words_does_not_lean(lean):
    """The box of each word leans by degrees, as that of a capital and small letters does; the bar stays a row."""
    assert order(*(box(200 * place, 0, 70, 26, lean) for place in range(8))) == list(range(8))


def test_a_slanted_table_leans():
    """By 1.5 degrees: the last cell of a row stands lower than halfway to the next row's first."""
    angle = np.deg2rad(1.5)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert order(*(np.array(box(300 * x, 40 * y, 90, 20)) @ turn for y in range(8) for x in range(4))) == list(
        range(32)
    )


def words_of_rows(counts, width=700, gaps=None):
    """Rows of words of 60 pixels that fill a width evenly, or with the gaps given."""
    rows = []
    for row, count in enumerate(counts):
        step = (width - 60) / (count - 1)
        rows.append([box(step * word if gaps is None else gaps[word], 40 * row, 60, 22) for word in range(count)])
    return rows


def joined(rows):
    boxes = np.array([piece for row in rows for piece in row], np.float32)
    return justified_rows(boxes, np.ones(len(boxes), np.int64)).tolist()


def test_torn_rows_of_prose_are_joined():
    counts = [8, 5, 7, 6]
    assert joined(words_of_rows(counts)) == np.repeat(range(4), counts).tolist()


def test_a_table_that_fills_its_width_stays_parted():
    assert joined(words_of_rows([4] * 6, gaps=[0, 150, 480, 640])) == list(range(24))


def test_two_rows_are_no_paragraph():
    assert joined(words_of_rows([8, 5])) == list(range(13))


def test_rows_that_end_anywhere_stay_parted():
    rows = [[box(90 * word, 40 * row, 60, 22) for word in range(count)] for row, count in enumerate([8, 5, 7, 6])]
    assert joined(rows) == list(range(26))


def test_the_quad_of_a_row_lies_along_it():
    angle = np.deg2rad(10)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    pieces = np.array([box(100 * word, 0, 60, 20) for word in range(4)]) @ turn
    assert row_quad(pieces.astype(np.float32)) == pytest.approx(np.array(box(0, 0, 360, 20)) @ turn, abs=0.01)


@pytest.mark.parametrize(("pitch", "parted"), [(50, False), (63, True)])
def test_what_shares_no_baselines_is_side_by_side(pitch, parted):
    left = [box(0, 50 * row, 200, 20) for row in range(7)]
    right = [box(500, pitch * row, 220, 20) for row in range(6)]
    found = blocks_side_by_side(upright_lines(np.array(left + right, np.float32)))
    assert (found is not None) is parted
    if found:
        assert found.left.tolist() == [True] * 7 + [False] * 6

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocdrnet_ops.geometry.text_outline import quad_outlines
from ocdrnet_ops.recognition.crossing import crossed_out, run_down


def row(x, y, width, height):
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def down(x, y, width, height):
    return list(np.roll(row(x, y, width, height), -1, axis=0))


def out(boxes, scores, lengths):
    corners = np.array(boxes, np.float32).reshape(-1, 4, 2)
    return crossed_out(corners, np.array(scores, np.float32), np.array(lengths)).tolist()


FIGURES = [row(10, 10 + 40 * i, 20, 20) for i in range(3)]
COLUMN = down(10, 10, 20, 100)


def test_a_column_of_figures_is_not_a_line_on_its_side():
    assert out([*FIGURES, COLUMN], [1, 0.99, 1, 0.8], [1, 1, 1, 4]) == [False] * 3 + [True]


def test_a_line_on_its_side_is_not_a_column_of_figures():
    assert out([*FIGURES, COLUMN], [0.8, 0.5, 0.99, 0.99], [1, 1, 1, 9]) == [True] * 3 + [False]


def test_a_narrow_character_stands_upright():
    """An "I" is read as surely as a dash."""
    assert out([row(0, 0, 20, 60), down(0, 0, 20, 60)], [0.97, 0.99], [1, 1]) == [False, True]


@pytest.mark.parametrize(
    "boxes",
    [
        [row(0, 0, 100, 20), row(0, 5, 100, 20)],  # the same way
        [row(0, 0, 100, 20), down(90, 0, 20, 200)],  # they touch
        [row(0, 0, 100, 20), [(0, 0), (70, 70), (60, 80), (-10, 10)]],  # aslant
        [],
    ],
)
def test_only_what_crosses_at_one_place_is_out(boxes):
    assert not any(out(boxes, [0.5] * len(boxes), [3] * len(boxes)))


def test_what_crosses_nothing_is_no_part_of_it():
    alone = [row(300, 0, 100, 20), down(500, 0, 20, 100)]
    assert out([*FIGURES, COLUMN, *alone], [0.2] * 3 + [0.99, 0.1, 0.1], [1, 1, 1, 9, 1, 1]) == [True] * 3 + [False] * 3


def turned(boxes, degrees):
    angle = np.deg2rad(degrees)
    return (np.array(boxes, np.float32) @ [(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))]).tolist()


@pytest.mark.parametrize("degrees", [0, 8, 15, 20])
def test_heads_above_a_slanted_row_cross_nothing(degrees):
    """The upright rectangle around a long slanted row holds what stands above it."""
    heads = [down(150 + 200 * i, -170, 30, 120) for i in range(4)]
    assert not any(out(turned([row(0, 0, 1000, 40), *heads], degrees), [0.99] * 5, [30, 8, 8, 8, 8]))


def test_text_within_an_arc_does_not_cross_it():
    angle = np.linspace(np.pi / 2, 3 * np.pi / 2, 12)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    arc = np.concatenate([ring * 150, ring[::-1] * 115])
    inner = quad_outlines(np.array([row(-90, -18, 200, 36)], np.float32))[0]
    outlines = np.array([arc, inner], np.float32)
    assert not crossed_out(outlines, np.array([0.99, 0.9], np.float32), np.array([12, 9])).any()


@given(
    st.lists(
        st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 30)] * 2, st.booleans(), st.floats(0, 1)), max_size=20
    )
)
def test_some_line_of_a_place_always_stays(drawn):
    """Whatever is out crosses another that is not."""
    boxes = np.array([(down if turned else row)(*at) for *at, turned, _ in drawn], np.float32).reshape(-1, 4, 2)
    gone = crossed_out(boxes, np.array([each[-1] for each in drawn], np.float32), np.ones(len(drawn), np.int64))
    assert gone.shape == (len(drawn),)
    assert len(drawn) == 0 or not gone.all()
    assert not gone.any() or (run_down(boxes).any() and not run_down(boxes).all())

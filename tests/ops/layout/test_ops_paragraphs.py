import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_ops_reading_order import box, turned

from ocdrnet_ops.layout.paragraphs import join_paragraph, paragraphs
from ocdrnet_ops.layout.reading_order import reading_order

H, PITCH, WIDTH = 22, 28, 600


def found(*boxes):
    return paragraphs(np.array(boxes, np.float32).reshape(-1, 4, 2)).tolist()


def rows(count, x=0, y=0, width=WIDTH, height=H, pitch=PITCH):
    return [box(x, y + pitch * i, width, height) for i in range(count)]


def test_no_boxes():
    assert found() == []
    assert paragraphs(np.zeros((0, 4, 2), np.float32)).dtype == np.int32


def test_one_line():
    assert found(box(0, 0, 100, 20)) == [0]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 4])
def test_lines_at_one_pitch_are_one_paragraph(degrees):
    lines = turned(rows(3) + rows(4, y=200), degrees)
    assert found(*lines) == [0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(("step", "expected"), [(1.25, 0), (1.35, 1)])
def test_a_larger_step_down_begins_one(step, expected):
    below = 2 * PITCH + step * PITCH
    assert found(*rows(3), *rows(3, y=below)) == [0, 0, 0] + 3 * [expected]


def test_wide_pitches_are_no_paragraph():
    assert found(*rows(4, pitch=2.3 * H)) == [0, 1, 2, 3]


def test_a_first_line_indent_begins_one():
    lines = rows(9)
    for first in (3, 6):
        lines[first] = box(30, PITCH * first, WIDTH - 30, H)
    assert found(*lines) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_hanging_indent_begins_one():
    lines = rows(9, x=40, width=WIDTH - 40)
    for first in (0, 3, 6):
        lines[first] = box(0, PITCH * first, WIDTH, H)
    assert found(*lines) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_an_indented_block_is_one():
    """The line before ends at the column's edge, so that its end alone says nothing."""
    lines = rows(4) + rows(3, x=60, y=4 * PITCH, width=WIDTH - 60) + rows(5, y=7 * PITCH)
    assert found(*lines)[:7] == [0, 0, 0, 0, 1, 1, 1]


def test_after_a_short_line_of_justified_text_begins_one():
    lines = rows(9)
    lines[3] = box(0, 3 * PITCH, WIDTH - 2 * H, H)
    assert found(*lines) == [0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_ragged_lines_do_not_end_one():
    """Each lacks up to a fifth of the width; the fifth line is less than half as long."""
    widths = [600, 540, 575, 500, 250, 560, 490, 600, 530, 580]
    lines = [box(0, PITCH * i, width, H) for i, width in enumerate(widths)]
    assert found(*lines) == [0] * 5 + [1] * 5


def test_lines_that_end_early_beside_an_image_do_not_end_one():
    lines = rows(6) + rows(6, y=6 * PITCH, width=WIDTH / 2)
    assert found(*lines) == [0] * 12


def test_centered_lines_are_one():
    lines = [box(300 - width / 2, PITCH * i, width, H) for i, width in enumerate([500, 300, 420, 180])]
    assert found(*lines) == [0, 0, 0, 0]


@pytest.mark.parametrize(("height", "expected"), [(0.75, 0), (0.6, 1)])
def test_smaller_print_begins_one(height, expected):
    """Lines without ascenders and descenders are lower, but not as much."""
    assert found(*rows(3), *rows(3, y=3 * PITCH, height=height * H)) == [0, 0, 0] + 3 * [expected]


def test_another_column_begins_one():
    assert found(*rows(4), *rows(4, x=700)) == [0, 0, 0, 0, 1, 1, 1, 1]


def test_a_line_that_is_not_under_the_one_before_begins_one():
    assert found(*rows(1, width=300), *rows(1, x=200, y=PITCH, width=300)) == [0, 1]
    assert found(*rows(1, width=300), *rows(1, x=100, y=PITCH, width=300)) == [0, 0]


def test_fragments_of_a_row_stay_together():
    lines = [*rows(2), box(0, 2 * PITCH, 280, H), box(300, 2 * PITCH + 4, 300, H), *rows(1, y=3 * PITCH)]
    assert found(*lines) == [0, 0, 0, 0, 0]


def test_a_receipt_s_label_and_amount_stay_together():
    lines = [part for i in range(4) for part in (box(0, 60 * i, 200, H), box(500, 60 * i, 60, H))]
    assert found(*lines) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_note_in_the_margin_is_its_own():
    note = turned([box(-300, -40, 280, 20)], -90)[0]
    assert found(*rows(5), note) == [0, 0, 0, 0, 0, 1]


@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 200), st.integers(1, 60)),
        min_size=1,
        max_size=40,
    )
)
def test_numbers_begin_at_nought_and_grow_by_one(sizes):
    boxes = np.array([box(*size) for size in sizes], np.float32)
    numbers = paragraphs(boxes[reading_order(boxes)])
    assert len(numbers) == len(boxes)
    assert numbers[0] == 0
    assert set(np.diff(numbers).tolist()) <= {0, 1}


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        ([], ""),
        (["one"], "one"),
        (["one", "two"], "one two"),
        (["self-", "made"], "self- made"),
        (["one", "", "two"], "one two"),
        (["欢迎", "光临"], "欢迎光临"),
        (["いらっしゃ", "いませ"], "いらっしゃいませ"),
        (["你好，", "世界"], "你好，世界"),
        (["ABC", "世界"], "ABC 世界"),
        (["世界", "ABC"], "世界 ABC"),
        (["안녕", "하세요"], "안녕 하세요"),
        (["ＡＢ", "ＣＤ"], "ＡＢＣＤ"),
        (["𠀀", "𠀁"], "𠀀𠀁"),
    ],
)
def test_join(texts, joined):
    assert join_paragraph(texts) == joined


@given(st.lists(st.text("ab 世界-", max_size=6), max_size=8))
def test_joining_loses_no_character(texts):
    assert join_paragraph(texts).replace(" ", "") == "".join(texts).replace(" ", "")

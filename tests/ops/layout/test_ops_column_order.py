"""Columns of running text are read one after the other; tables, receipts and forms row by row."""

import numpy as np
import pytest
from test_ops_reading_order import box, shuffled_order, turned

H, PITCH = 22, 28


def column(x, y, width, rows, ragged=0.0, indent=0, seed=0):
    """Lines of running text: every fifth ends a paragraph; `ragged` is the largest share that the others lack."""
    random = np.random.default_rng([seed, x, y])
    lines = []
    for row in range(rows):
        first, last = row % 5 == 0, row % 5 == 4
        left = x + indent * first
        share = random.uniform(0.3, 0.9) if last else 1 - random.uniform(0, ragged)
        lines.append(box(left, y + PITCH * row, (x + width - left) * share, H * random.uniform(0.85, 1.05)))
    return lines


def columns(count, y=100, rows=20, width=1400, gutter=40, **style):
    each = (width - gutter * (count - 1)) // count
    return [column(i * (each + gutter), y, each, rows, **style) for i in range(count)]


def assert_read_in_order(*parts):
    """The parts stand in reading order; they are found in it on the upright page and on turned and slanted ones."""
    lines = [line for part in parts for line in part]
    for degrees in (0, 90, 180, 270, 3, -3):
        assert shuffled_order(turned(lines, degrees)) == list(range(len(lines))), degrees


def assert_read_by_rows(rows):
    assert_read_in_order(*rows)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("style", [{}, {"ragged": 0.2}, {"indent": 30}, {"ragged": 0.2, "indent": 30}])
def test_columns_one_after_the_other(count, style):
    assert_read_in_order(*columns(count, **style))


def test_columns_whose_rows_are_not_level():
    assert_read_in_order(column(0, 100, 440, 20), column(480, 113, 440, 20), column(960, 107, 440, 20))


def test_columns_of_unequal_length():
    assert_read_in_order(column(0, 100, 680, 30), column(720, 100, 680, 9))
    assert_read_in_order(column(0, 100, 680, 9), column(720, 100, 680, 30))


def test_a_heading_over_all_columns_comes_between():
    first, second = columns(3, y=100, rows=10), columns(3, y=500, rows=10)
    assert_read_in_order([box(400, 30, 600, 40)], *first, [box(300, 420, 800, 40)], *second)


def test_a_short_heading_in_the_middle_divides_outer_columns_too():
    """It crosses only the gutter in the middle of four columns, but nothing stands beside it."""
    first, second = columns(4, y=100, rows=10), columns(4, y=500, rows=10)
    assert_read_in_order(*first, [box(560, 420, 280, 40)], *second)


def test_a_heading_over_two_of_three_columns():
    left, middle = column(0, 200, 440, 12), column(480, 200, 440, 12)
    assert_read_in_order([box(150, 110, 640, 40)], left, middle, column(960, 100, 440, 16))
    assert_read_in_order(
        column(0, 100, 440, 16), [box(600, 110, 640, 40)], column(480, 200, 440, 12), column(960, 200, 440, 12)
    )


def test_a_full_width_paragraph_between_columns():
    summary = column(0, 100, 1400, 4)
    assert_read_in_order(summary, *columns(2, y=260, rows=12), column(0, 640, 1400, 4))


def test_sections_with_different_numbers_of_columns():
    assert_read_in_order(
        [box(300, 20, 800, 40)],
        *columns(3, y=100, rows=12),
        [box(300, 480, 800, 40)],
        *columns(2, y=560, rows=12),
        [box(300, 940, 800, 40)],
        *columns(4, y=1020, rows=12),
    )


@pytest.mark.parametrize("counts", [(2, 3), (3, 2)])
def test_the_number_of_columns_changes_without_a_heading(counts):
    assert_read_in_order(*columns(counts[0], y=100, rows=14), *columns(counts[1], y=560, rows=14))


def test_an_image_leaves_a_gap_in_a_column():
    left = column(0, 100, 680, 6) + column(0, 100 + 14 * PITCH, 680, 6)
    assert_read_in_order(left, column(720, 100, 680, 20))


def test_a_caption_that_two_columns_flow_around_follows_them():
    """The columns are narrow beside the image and its caption, which stands across their gutter."""
    left = column(0, 100, 680, 12) + column(0, 100 + 12 * PITCH, 440, 12) + column(0, 100 + 24 * PITCH, 680, 12)
    right = column(720, 100, 680, 12) + column(960, 100 + 12 * PITCH, 440, 12) + column(720, 100 + 24 * PITCH, 680, 12)
    caption = [box(550, 100 + 15.5 * PITCH + 21 * i, 300, 15) for i in range(4)]
    assert_read_in_order(left, right, caption)


def test_what_announces_a_heading_stays_with_it():
    """Two short lines right over a heading, far below the column they stand in."""
    announcement = [box(0, 560, 200, H), box(0, 588, 180, H)]
    assert_read_in_order(column(0, 100, 680, 8), column(720, 100, 680, 18), announcement, [box(0, 640, 1200, 60)])


def test_page_numbers_and_running_heads():
    body = columns(2)
    assert_read_in_order(*body, [box(685, 720, 30, H)])
    assert_read_in_order(*body, [box(40, 720, 60, H), box(110, 720, 300, H)])
    assert_read_in_order([box(1130, 20, 270, H)], *body)


def test_column_heads_are_no_running_head():
    """Both begin at their column's edge."""
    left, right = columns(2)
    assert_read_in_order([box(0, 50, 150, H)], left, [box(720, 50, 180, H)], right)


def test_a_last_line_below_the_others_is_no_page_number():
    """It begins at its column's edge and is wide."""
    left, right = columns(2)
    assert_read_in_order([*left, box(0, 700, 640, H)], right)


def test_lines_in_two_fragments():
    """Every third line of a column was found as two boxes."""
    parts = []
    for lines in columns(2, rows=21):
        part = []
        for i, line in enumerate(lines):
            (left, top), (right, bottom) = line[0], line[2]
            cut = left + (right - left) * 0.45
            halves = [box(left, top, cut - left - 6, bottom - top), box(cut + 6, top, right - cut - 6, bottom - top)]
            part += halves if i % 3 == 1 else [line]
        parts.append(part)
    assert_read_in_order(*parts)


def test_columns_of_single_words():
    """A detector that finds words: the gaps between them are narrower than the gutter."""
    random = np.random.default_rng(5)
    parts = []
    for x in (0, 720):
        for row in range(16):
            left = x
            while left < x + 600:
                width = random.uniform(25, 90)
                parts.append(box(left, 100 + PITCH * row, width, H))
                left += width + random.uniform(6, 11)
    assert_read_in_order(parts)


def test_boxes_that_reach_over_their_gutter():
    """Boxes are longer than their ink: two lines reach half a line's height over a gutter of 20."""
    left = column(0, 100, 690, 20)
    left[6] = box(0, 100 + 6 * PITCH, 710 + H / 2, H)
    left[11] = box(0, 100 + 11 * PITCH, 710 + H / 2, H)
    assert_read_in_order(left, column(710, 100, 690, 20))


def test_a_receipt_is_read_by_rows():
    random = np.random.default_rng(1)
    rows = [
        [box(0, 40 * i, random.uniform(80, 330), H), box(460 - w, 40 * i + 2, w, H)]
        for i, w in enumerate(random.uniform(40, 80, 20))
    ]
    assert_read_by_rows(rows)


@pytest.mark.parametrize("seed", range(8))
def test_a_table_of_words_is_read_by_rows(seed):
    random = np.random.default_rng(seed)
    rows = [[box(300 * c, 30 * r, random.uniform(40, 270), H) for c in range(4)] for r in range(25)]
    assert_read_by_rows(rows)


@pytest.mark.parametrize("seed", range(8))
def test_a_form_is_read_by_rows(seed):
    """Labels and long answers of any length, both flush left."""
    random = np.random.default_rng(seed)
    rows = [
        [box(0, 36 * i, random.uniform(60, 260), H), box(300, 36 * i, random.uniform(100, 600), H)] for i in range(14)
    ]
    assert_read_by_rows(rows)


def test_an_index_of_short_entries_is_read_by_rows():
    """Entries as wide as high type has them, with wide gaps, cannot be told from a table's."""
    rows = [[box(300 * c, 38 * r, 100 + 11 * ((7 * r + 3 * c) % 10), 30) for c in range(5)] for r in range(54)]
    assert_read_by_rows(rows)


def test_two_rows_side_by_side_are_no_columns():
    assert_read_by_rows([[box(0, y, 680, H), box(720, y, 680, H)] for y in (0, 28)])


def test_columns_over_a_receipt_s_rows():
    """Addresses in running text over a table: each as it should be."""
    random = np.random.default_rng(2)
    table = [[box(0, 500 + 40 * i, random.uniform(100, 500), H), box(1330, 500 + 40 * i, 70, H)] for i in range(8)]
    assert_read_in_order(*columns(2, y=20, rows=14), [box(100, 440, 1200, 30)], *table)

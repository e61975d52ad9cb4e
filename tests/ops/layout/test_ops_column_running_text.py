"""What makes running text of two columns: each property that is taken away alone ends it."""

import numpy as np
import pytest
from test_ops_reading_order import box

from ocdrnet_ops.layout.running_text import are_running_text, are_table_cells
from ocdrnet_ops.layout.text_direction import upright_lines

H = 20


def cells(rows=10, width=160, pitch=26, left=lambda row: 0, share=lambda row: 1, level=0, gap=0):
    """Boxes of two columns and their side; the second column is the one that is changed, and begins `level` lower."""
    boxes, sides = [], []
    for row in range(rows):
        boxes.append(box(0, pitch * row, 160, H))
        sides.append(0)
        x, y, wide = 300 + left(row), pitch * row + level, width * share(row)
        parts = [box(x, y, wide, H)]
        if gap:
            parts = [box(x, y, (wide - gap) / 2, H), box(x + (wide + gap) / 2, y, (wide - gap) / 2, H)]
        boxes += parts
        sides += [1] * len(parts)
    return upright_lines(np.array(boxes, np.float32)), np.array(sides)


def is_running(**changed):
    lines, sides = cells(**changed)
    return are_running_text(lines, sides == 0, sides == 1)


@pytest.mark.parametrize(
    ("kept", "ended"),
    [
        ({"rows": 3}, {"rows": 2}),
        ({"width": 104}, {"width": 96}),  # five line heights
        ({"pitch": 43}, {"pitch": 45}),  # 2.2 line heights
        ({"gap": 38}, {"gap": 42}),  # a quarter of 160
        ({"left": lambda row: 11 * (row % 2)}, {"left": lambda row: (37 * row) % 130}),
        # Level rows: seven tenths of them filled, of both sides together; rows that are not level: 0.55.
        ({"share": lambda row: 0.74 if row % 2 else 1}, {"share": lambda row: 1 if row % 5 == 0 else 0.74}),
        (
            {"rows": 7, "share": lambda row: 1 if row % 6 == 0 else 0.74, "level": 5},
            {"rows": 7, "share": lambda row: 1 if row == 3 else 0.74, "level": 5},
        ),
        ({"share": lambda row: 1 if row % 5 == 0 else 0.76}, {"share": lambda row: 1 if row % 5 == 0 else 0.74}),
    ],
)
def test_the_bounds_of_running_text(kept, ended):
    assert is_running(**kept)
    assert not is_running(**ended)


def test_half_of_the_rows_follow_at_one_pitch():
    tops = np.cumsum([0, 26, 26, 26, 26, 40, 18, 26, 33, 26])
    uneven = np.cumsum([0, 26, 40, 19, 33, 26, 40, 19, 33, 47])
    for rows, expected in ((tops, True), (uneven, False)):
        boxes = [box(x, y, 160, H) for y in rows for x in (0, 300)]
        sides = np.array([0, 1] * len(rows))
        assert are_running_text(upright_lines(np.array(boxes, np.float32)), sides == 0, sides == 1) is expected


def test_more_rows_may_be_asked_for():
    lines, sides = cells(rows=5)
    assert are_running_text(lines, sides == 0, sides == 1, 5)
    assert not are_running_text(lines, sides == 0, sides == 1, 6)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"width": 96}, True),
        ({"width": 104}, False),
        ({"width": 96, "level": 5}, False),
        ({"width": 96, "level": 3}, True),
        ({"width": 96, "rows": 2}, False),
    ],
)
def test_table_cells_are_level_and_narrow(changed, expected):
    lines, sides = cells(**changed)
    assert are_table_cells(lines, sides == 0, sides == 1) is expected

"""Running text, told apart from the cells of tables, receipts and forms by the shape of its rows alone.

Rows of running text follow at one pitch, begin at one edge, are several words wide and most of them filled, and have
no wide gaps. A table has one or the other of these; that a label's cells fill their column as well as prose does, on
both sides of a gap, is rare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ocdrnet_ops.layout.text_direction import Floats, Masks, UprightLines

SAME_ROW = 0.5  # of the smaller line's height: centers closer than that stand in one row
FEWEST_ROWS = 3  # side by side, that show a gutter
ALIGNED = 0.6  # of a line's height: left edges closer than that stand under one another
ALIGNED_SHARE = 0.6  # of a column's lines begin at one edge; the others are indented
WIDE = 5.0  # line heights, about ten characters: shorter rows are a table's
FILLED = 0.75  # of a column's width: what a row of running text is filled to
FILLED_SHARE = 0.55  # of the columns' rows are
ALIGNED_FILLED_SHARE = 0.7  # where the rows of both sides stand in line, as those of a table do
FEW_ROWS = 0.3  # divided by the number of rows: how much more than that share few rows must show
IN_LINE = 0.2  # of a line's height: rows closer than that stand in line
COVERED = 0.75  # of a row is text, the rest is the gaps between its fragments
SPAN = 3  # rows above and below that a row is compared with: columns narrow where they flow around an image
PITCH = 2.2  # line heights: running text is not set wider
REGULAR = 0.2  # of the usual pitch: what a row may differ from it
REGULAR_SHARE = 0.5  # of running text's rows follow at the usual pitch


@dataclass(frozen=True)
class Rows:
    """What stands side by side: centers, edges, ink and line height of each row, from top to bottom."""

    y: Floats
    left: Floats
    right: Floats
    ink: Floats
    height: Floats

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: Masks) -> Rows:
        return Rows(self.y[index], self.left[index], self.right[index], self.ink[index], self.height[index])


def rows_of(region: UprightLines, members: Masks) -> Rows:
    """Rows of some lines of a region."""
    index = np.flatnonzero(members)
    index = index[np.argsort(region.y[index], kind="stable")]
    x, y, width, height = region.x[index], region.y[index], region.width[index], region.height[index]
    left, right = x - width / 2, x + width / 2
    if not len(index):
        return Rows(y, left, right, width, height)
    begins = y[1:] - y[:-1] >= SAME_ROW * np.minimum(height[1:], height[:-1])
    starts = np.concatenate([[0], np.flatnonzero(begins) + 1])
    counts = np.concatenate([starts[1:], [len(index)]]) - starts
    return Rows(
        np.add.reduceat(y, starts) / counts,
        np.minimum.reduceat(left, starts),
        np.maximum.reduceat(right, starts),
        np.add.reduceat(width, starts),
        np.add.reduceat(height, starts) / counts,
    )


def facing_rows(region: UprightLines, left: Masks, right: Masks) -> tuple[Rows, Rows]:
    """Rows of both sides, where there are rows on both."""
    rows, others = rows_of(region, left), rows_of(region, right)
    if not len(rows) or not len(others):
        return rows[np.zeros(len(rows), np.bool_)], others[np.zeros(len(others), np.bool_)]
    near = np.abs(rows.y[:, None] - others.y) < np.maximum(rows.height[:, None], others.height)
    return rows[near.any(axis=1)], others[near.any(axis=0)]


def are_running_text(region: UprightLines, beside_left: Masks, beside_right: Masks, fewest: int = FEWEST_ROWS) -> bool:
    """Whether the columns at both sides of a gutter are running text, of which the right one begins at it.

    Args:
        region: lines of a page or of a part of it.
        beside_left: bool [N], lines of the column to the left.
        beside_right: bool [N], lines of the column to the right.
        fewest: rows that each of them must have.
    """
    left, right = facing_rows(region, beside_left, beside_right)
    count = min(len(left), len(right))
    if count < fewest:
        return False
    filled = (_filled(left) + _filled(right)) / 2
    needed = ALIGNED_FILLED_SHARE if _stand_in_line(left, right) else FILLED_SHARE
    return (
        filled >= needed + FEW_ROWS / count and _is_running(left) and _is_running(right) and _begin_at_one_edge(right)
    )


def are_table_cells(region: UprightLines, beside_left: Masks, beside_right: Masks) -> bool:
    """Whether what stands at both sides of a gutter are cells of one table: level rows, narrow at one side.

    Stricter than the opposite of running text, for a part of what was found to be running text as a whole.
    """
    left, right = facing_rows(region, beside_left, beside_right)
    if min(len(left), len(right)) < FEWEST_ROWS or not _stand_in_line(left, right):
        return False
    return any(np.median(rows.right - rows.left) < WIDE * np.median(rows.height) for rows in (left, right))


def _stand_in_line(left: Rows, right: Rows) -> bool:
    """Whether the rows of both sides stand at the same heights, as in a table."""
    apart = np.abs(left.y[:, None] - right.y).min(axis=1)
    return bool(np.mean(apart < IN_LINE * left.height) >= ALIGNED_SHARE)


def _begin_at_one_edge(rows: Rows) -> bool:
    """Whether most rows begin where a row close by does; the others are indented."""
    aligned = np.abs(nearby(rows.left, SPAN) - rows.left) < ALIGNED * np.median(rows.height)
    return bool(aligned.any(axis=0).mean() >= ALIGNED_SHARE)


def _filled(rows: Rows) -> float:
    """Share of the rows that are nearly as wide as the widest close by."""
    widths = rows.right - rows.left
    widest = np.fmax(np.nanmax(nearby(widths, SPAN), axis=0), widths)
    return float(np.mean(widths >= FILLED * widest))


def _is_running(rows: Rows) -> bool:
    widths, height = rows.right - rows.left, float(np.median(rows.height))
    return bool(
        np.median(widths) >= WIDE * height
        and np.median(rows.ink / widths) >= COVERED
        and np.median(np.diff(rows.y)) <= PITCH * height
        and max(_regular(rows, 1), _regular(rows, 2)) >= REGULAR_SHARE
    )


def _regular(rows: Rows, lag: int) -> float:
    """Share of the rows that follow at the usual pitch; at a lag of 2 where two columns' rows take turns."""
    if len(rows) < 4 * lag:
        return float(lag == 1)
    pitches = rows.y[lag:] - rows.y[:-lag]
    usual = np.median(pitches)
    return float(np.mean(np.abs(pitches - usual) <= REGULAR / lag * usual))


def nearby(values: Floats, span: int) -> Floats:
    """The values of up to `span` rows above and below each row, NaN beyond the ends: float64 [2 span, N]."""
    around = np.full((2 * span, len(values)), np.nan)
    for step in range(1, min(span, len(values) - 1) + 1):
        around[2 * step - 2, step:] = values[:-step]
        around[2 * step - 1, :-step] = values[step:]
    return around

"""The order of the lines of one block: rows from top to bottom, each row from left to right, cell by cell.

A cell of a table may hold two lines, beside cells of one. Its row is read as one: the first cell's lines, then the
next one's.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from ocdrnet_ops.layout.running_text import SAME_ROW
from ocdrnet_ops.layout.text_direction import Floats, Ints, UprightLines

UNDER = 0.5  # of the narrower line's width: what lies under another
CENTERED = 0.4  # line heights: cells of one row whose centers differ by less are centered beside one another
CELL_PITCH = 2.0  # line heights: lines of one cell follow closer
CELL_LINES = 3  # that a cell holds at most
CONTINUES = 0.8  # of the step to the next full row: a row that follows closer may go on in the cells above it
STANDING = 1.5  # of its width: a box that high is a turned line, if it stands among turned ones
HEAD_LENGTH = 1.8  # of the page's line height: the longest of a row of heads
HEAD_APART = 0.8  # line heights: turned lines closer to each other are lines of one note


def row_order(lines: UprightLines) -> Ints:
    """Indices that put the lines of a block into order."""
    rows = _joined_cells(lines, rows_from_top(lines))
    return np.array([index for row in rows for index in row], np.int64)


def rows_from_top(lines: UprightLines) -> list[list[int]]:
    """Rows from top to bottom, each from left to right; a row is what stands beside its highest line."""
    x, y, heights = lines.x.tolist(), lines.y.tolist(), lines.height.tolist()
    rows: list[list[int]] = []
    for index in np.argsort(lines.y, kind="stable").tolist():
        first = rows[-1][0] if rows else index
        if rows and y[index] - y[first] < SAME_ROW * min(heights[index], heights[first]):
            rows[-1].append(index)
        else:
            rows.append([index])
    return [sorted(row, key=x.__getitem__) for row in rows]


def _joined_cells(lines: UprightLines, rows: list[list[int]]) -> list[list[int]]:
    """Join rows that are one row of a table, in which some cells have several lines."""
    if len(rows) < 2 or max(len(row) for row in rows) < 2:
        return rows
    y = np.array([float(lines.y[row].mean()) for row in rows])
    joined: list[list[int]] = []
    at = 0
    while at < len(rows):
        cells = _centered_cells(lines, rows, y, at) or _continued_cells(lines, rows, y, at)
        joined.append([index for cell in cells for index in cell] or rows[at])
        taken = len(joined[-1])
        while taken > 0:
            taken -= len(rows[at])
            at += 1
    return joined


def _centered_cells(lines: UprightLines, rows: list[list[int]], y: Floats, at: int) -> list[list[int]]:
    """Cells of a row that begins here, of one line and of several centered beside one another; [] if there is none."""
    for count in range(min(len(rows) - at, CELL_LINES), 1, -1):
        apart = min(_steps_around(y, at, count), default=np.inf)
        if max(y[place + 1] - y[place] for place in range(at, at + count - 1)) >= apart:
            continue
        members = [index for row in rows[at : at + count] for index in row]
        cells = _cells(lines, members)
        sizes = {len(cell) for cell in cells}
        if len(cells) < 2 or len(sizes) == 1 or min(sizes) > 1 or not _are_stacked(cells, rows[at : at + count]):
            continue
        height = float(np.median(lines.height[members]))
        middles = [float(lines.y[cell].mean()) for cell in cells]
        pitch = max(np.diff(lines.y[cell]).max(initial=0) for cell in cells)
        if np.ptp(middles) < CENTERED * height and pitch < min(CELL_PITCH * height, apart):
            return cells
    return []


def _continued_cells(lines: UprightLines, rows: list[list[int]], y: Floats, at: int) -> list[list[int]]:
    """Cells of a row that begins here, level with one another, some of which go on below; [] if none does."""
    for count in range(min(len(rows) - at, CELL_LINES), 1, -1):
        block = rows[at : at + count]
        inside, around = np.diff(y[at : at + count]), _steps_around(y, at, count)
        pitch = float(inside.max())
        if pitch > CONTINUES * min(around, default=0) or pitch > CELL_PITCH * np.median(lines.height[block[0]]):
            continue
        if any(len(row) > len(block[0]) - 1 for row in block[1:]) or not _are_under(lines, block):
            continue
        cells = _cells(lines, [index for row in block for index in row])
        if len(cells) == len(block[0]) > 1 and _are_stacked(cells, block):
            return cells
    return []


def _are_stacked(cells: list[list[int]], rows: list[list[int]]) -> bool:
    """Whether each cell has one line of a row at most."""
    return all(len(set(cell) & set(row)) <= 1 for cell in cells for row in rows)


def _steps_around(y: Floats, at: int, count: int) -> list[float]:
    """The steps down to the first of some rows and from the last of them."""
    above = [float(y[at] - y[at - 1])] if at else []
    return above + ([float(y[at + count] - y[at + count - 1])] if at + count < len(y) else [])


def _are_under(lines: UprightLines, rows: list[list[int]]) -> bool:
    """Whether each line goes on in the cell of one of the row above."""
    return all(any(_is_under(lines, lower, upper) for upper in above) for above, row in pairwise(rows) for lower in row)


def _is_under(lines: UprightLines, lower: int, upper: int) -> bool:
    """Whether a line goes on in the cell of another: it begins or ends where that does, or is centered under it."""
    slack = CENTERED * min(lines.height[lower], lines.height[upper])
    return any(abs(place[lower] - place[upper]) < 2 * slack for place in (lines.left, lines.x, lines.right))


def _cells(lines: UprightLines, members: list[int]) -> list[list[int]]:
    """Cells from left to right, each from top to bottom: lines that lie under one another."""
    cells: list[list[int]] = []
    end = -np.inf
    for index in sorted(members, key=lines.left.__getitem__):
        narrower = min(lines.width[index], max(lines.width[cells[-1]])) if cells else 0.0
        if cells and end - lines.left[index] >= UNDER * narrower:
            cells[-1].append(index)
            end = max(end, lines.right[index])
        else:
            cells.append([index])
            end = lines.right[index]
    return [sorted(cell, key=lines.y.__getitem__) for cell in cells]


def heads_raised(lines: UprightLines) -> UprightLines:
    """Lay the turned heads of a table's columns into a row over it, so that they are read with the page.

    Turned lines that stand beside one another over upright ones, each apart from the next as lines of one note are
    not, are heads. Lines beside them, such as the head of the first column, are in their row.
    """
    upright = ~lines.turned
    heads = np.zeros_like(lines.turned)
    y, height = lines.y.copy(), lines.height.copy()
    if not upright.any():
        return lines
    unit = float(np.median(lines.height[upright]))
    standing = np.flatnonzero(lines.turned | (lines.height > STANDING * lines.width))
    while len(standing):
        longest = standing[lines.height[standing].argmax()]
        overlap = np.minimum(lines.bottom[standing], lines.bottom[longest]) - np.maximum(
            lines.top[standing], lines.top[longest]
        )
        group = standing[overlap >= UNDER * lines.height[standing]]
        standing = np.setdiff1d(standing, group)
        group = group[np.argsort(lines.x[group])]
        gaps = lines.left[group][1:] - lines.right[group][:-1]
        floor = float(lines.bottom[group].max())
        within = (lines.x > lines.left[group[0]] - unit) & (lines.x < lines.right[group[-1]] + unit)
        under = upright & within & (lines.y > floor)
        if (
            len(group) < 2
            or lines.height[longest] < HEAD_LENGTH * unit
            or gaps.min() < HEAD_APART * lines.width[group].min()
            or under.sum() < len(group)
        ):
            continue
        beside = upright & (lines.y < floor) & (lines.y > lines.top[group].min())
        beside[group] = False
        heads[group], height[group] = True, unit
        y[group] = lines.y[beside].max(initial=floor - unit / 2) if beside.any() else floor - unit / 2
        y[beside] = y[group[0]]
    return replace(lines, y=y, height=height, turned=lines.turned & ~heads)

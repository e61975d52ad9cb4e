"""Words of justified text, put together into their rows again.

A typesetter fills a row by widening the spaces between its words, and a detector then finds them one by one. Such rows
begin and end at the edges of their column and follow one another at one pitch. So may those of a table; but the gaps
between its cells stand under one another, and those between words do so hardly ever.
"""

from __future__ import annotations

from statistics import median

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.geometry.quads import Quads
from ocdrnet_ops.layout.rows import rows_from_top
from ocdrnet_ops.layout.running_text import SAME_ROW
from ocdrnet_ops.layout.text_direction import Floats, Ints, Masks, UprightLines, upright_lines

FLUSH = 0.7  # line heights: edges of rows that differ by less stand at the column's edge
FEWEST_ROWS = 3  # that show it
REGULAR = 0.2  # of the pitch: what rows of one paragraph differ from it
FARTHEST = 2.6  # line heights: no paragraph is set wider
SMALLER = 0.6  # of the taller row: what rows of one size are at least high; ascenders make up the rest
INDENT = 4.0  # line heights: the first row of a paragraph may begin that far in
WIDE = 8.0  # line heights: a narrower column is a table's
GUTTER = 0.3  # line heights: of a narrower gap under another nothing follows
TABLE_GAPS = 0.5  # of a row's gaps: so many stand under one another in every row of a table
WHOLE_ROWS = 2  # rows of one piece that show that a lone torn one beside them is text, too
WORDS = 3  # of a row of text
WORD_LENGTH = 2.5  # line heights, of a word with its space
WIDER = 1.6  # of a row's usual gap: one that wide in every row parts columns
RARE = 0.1  # gaps that stand under one another in all rows: if chance makes fewer, a table or columns do


def justified_rows(boxes: Quads, words: Ints, lines: UprightLines | None = None) -> npt.NDArray[np.int64]:
    """Which lines are pieces of one row of justified text.

    Args:
        boxes: float32 [N, 4, 2] in reading order, clockwise from the text's top-left.
        words: int64 [N], number of words in each.
        lines: `upright_lines` of the boxes, where the caller has them.

    Returns:
        int64 [N], index of each line's row: from 0, the same as the line's before or one more. A line that is no
        piece of such a row is one of its own.
    """
    if not len(boxes):
        return np.zeros(0, np.int64)
    return np.asarray(np.cumsum(~_joins(lines or upright_lines(boxes), words)) - 1)


def rows_put_together(lines: UprightLines) -> tuple[UprightLines, list[Ints]]:
    """Lines of a page with each torn row of justified text as one line.

    Args:
        lines: of a page, in its frame.

    Returns:
        The lines, and for each of them the indices of its pieces from left to right.
    """
    rows = rows_from_top(lines)
    order = np.array([index for row in rows for index in row], np.int64)
    if len(rows) == len(order) or len(rows) < FEWEST_ROWS:
        return lines, [np.array([index]) for index in range(len(order))]
    words = np.maximum(1, np.rint(lines.width / (WORD_LENGTH * lines.height)).astype(np.int64))
    joins = _joins(lines[order], words[order])
    pieces = np.split(order, np.flatnonzero(~joins)[1:])
    if len(pieces) == len(order):
        return lines, [np.array([index]) for index in range(len(order))]
    left = np.array([lines.left[piece].min() for piece in pieces])
    right = np.array([lines.right[piece].max() for piece in pieces])
    y, height, slant = (
        np.array([float(np.median(values[piece])) for piece in pieces])
        for values in (lines.y, lines.height, lines.slant)
    )
    turned = np.array([bool(lines.turned[piece[0]]) for piece in pieces])
    return UprightLines((left + right) / 2, y, right - left, height, turned, slant), pieces


def _joins(lines: UprightLines, words: Ints) -> Masks:
    """Which lines, in order, go on in the row of the line before: bool [N]."""
    alone = np.arange(len(lines.x))
    joins = np.zeros(len(alone), np.bool_)
    starts = np.flatnonzero(np.concatenate([[True], ~_goes_on(lines)]))
    if len(starts) == len(alone) or len(starts) < FEWEST_ROWS:
        return joins
    rows = np.split(alone, starts[1:])
    for first, last in _paragraphs(lines, rows):
        if _is_text(lines, rows[first:last], words):
            for row in rows[_first_row(lines, rows, first) : last]:
                joins[row[1:]] = True
    return joins


def row_quad(boxes: Quads) -> npt.NDArray[np.float32]:
    """The rectangle around the pieces of one row, along the row: float32 [4, 2].

    Args:
        boxes: float32 [N, 4, 2] from left to right, clockwise from the text's top-left.
    """
    centers = boxes.mean(axis=1)
    along = centers[-1] - centers[0]
    along = along / max(float(np.linalg.norm(along)), 1e-6)
    axes = np.stack([along, np.array([-along[1], along[0]])])
    places = boxes.reshape(-1, 2) @ axes.T
    (left, top), (right, bottom) = places.min(axis=0), places.max(axis=0)
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    return np.asarray(corners @ axes, np.float32)


def _goes_on(lines: UprightLines) -> npt.NDArray[np.bool_]:
    """Which lines but the first stand in the row of the line before, to its right: bool [N - 1]."""
    before, after = lines[:-1], lines[1:]
    level = np.abs(after.y - before.y) < SAME_ROW * np.minimum(before.height, after.height)
    return np.asarray(level & (after.x > before.x) & ~before.turned & ~after.turned)


def _paragraphs(lines: UprightLines, rows: list[Ints]) -> list[tuple[int, int]]:
    """First and last row, exclusive, of each run that follows at one pitch between the same two edges."""
    starts = np.array([row[0] for row in rows])
    left, right = np.minimum.reduceat(lines.left, starts), np.maximum.reduceat(lines.right, starts)
    y = np.array([lines.y[row].mean() if len(row) > 1 else lines.y[row[0]] for row in rows])
    heights = lines.height.tolist()
    height = np.array([median([heights[index] for index in row]) for row in rows])
    found: list[tuple[int, int]] = []
    first = 0
    for row in range(1, len(rows) + 1):
        if row < len(rows):
            unit = max(height[row], height[first])
            pitch, usual = y[row] - y[row - 1], y[first + 1] - y[first]
            if (
                max(abs(left[row] - left[first]), abs(right[row] - right[first])) < FLUSH * unit
                and min(height[row], height[first]) >= SMALLER * unit
                and 0 < pitch <= FARTHEST * unit
                and abs(pitch - usual) <= REGULAR * usual
            ):
                continue
        if row - first >= FEWEST_ROWS and right[first] - left[first] >= WIDE * height[first]:
            found.append((first, row))
        first = row
    return found


def _is_text(lines: UprightLines, rows: list[Ints], words: Ints) -> bool:
    """Whether rows between the same two edges are justified text and not a table."""
    torn = [row for row in rows if len(row) > 1]
    whole = sum(len(row) == 1 and words[row[0]] >= WORDS for row in rows)
    if not torn or np.median([words[row].sum() for row in rows]) < WORDS:
        return False
    unit = float(np.median(lines.height[np.concatenate(torn)]))
    common = _gaps(lines, torn[0])
    by_chance = (lines.right[torn[0]].max() - lines.left[torn[0]].min()) / unit
    for row in torn:
        gaps = _gaps(lines, row)
        start, end = np.maximum(common[:, None, 0], gaps[:, 0]), np.minimum(common[:, None, 1], gaps[:, 1])
        both = np.stack([start, end], axis=-1).reshape(-1, 2)
        common = both[both[:, 1] - both[:, 0] >= GUTTER * unit]
        by_chance *= 1 - min(1.0, float(lines.width[row].sum() / (lines.right[row].max() - lines.left[row].min())))
    pieces = float(np.median([len(row) for row in torn]))
    if pieces <= 2:  # a receipt's rows are of two pieces, too
        return whole >= WHOLE_ROWS and not len(common) and len(torn) > 1
    if len(torn) > 1 and by_chance < RARE and (common[:, 1] - common[:, 0]).max(initial=0) >= unit:
        return False
    if any(_is_wider(lines, torn, gap) for gap in common):
        return False
    return whole >= WHOLE_ROWS or (len(torn) > 1 and len(common) < TABLE_GAPS * (pieces - 1))


def _is_wider(lines: UprightLines, rows: list[Ints], common: Floats) -> bool:
    """Whether a gap common to all rows is wider than the others of each row, which are alike in justified text."""
    ratios = []
    for row in rows:
        gaps = _gaps(lines, row)
        widths = gaps[:, 1] - gaps[:, 0]
        own = widths[(gaps[:, 0] <= common[0]) & (gaps[:, 1] >= common[1])]
        ratios.append(float(own[0] / max(np.median(widths), 1e-6)))
    return bool(np.median(ratios) >= WIDER)


def _gaps(lines: UprightLines, row: Ints) -> Floats:
    """Where each gap between the pieces of a row begins and ends: float64 [pieces - 1, 2]."""
    return np.stack([lines.right[row][:-1], lines.left[row][1:]], axis=1)


def _first_row(lines: UprightLines, rows: list[Ints], first: int) -> int:
    """The row before, where it is the paragraph's indented first one."""
    if not first:
        return first
    before, row, after = rows[first - 1], rows[first], rows[first + 1]
    unit = float(np.median(lines.height[row]))
    indent = lines.left[before].min() - lines.left[row].min()
    step, pitch = lines.y[row].mean() - lines.y[before].mean(), lines.y[after].mean() - lines.y[row].mean()
    flush = abs(lines.right[before].max() - lines.right[row].max()) < FLUSH * unit
    return first - bool(0 < indent < INDENT * unit and abs(step - pitch) <= REGULAR * pitch and flush)

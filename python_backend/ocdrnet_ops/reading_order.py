"""Order of lines on a page: columns of running text one after the other, else rows from top to bottom.

From the boxes alone. The page is turned upright first (`text_direction`), then cut into its columns (`columns`);
within a column, and on a page without columns, rows go down and each row goes right.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.columns import column_blocks
from ocdrnet_ops.geometry import Quads
from ocdrnet_ops.running_text import SAME_ROW
from ocdrnet_ops.text_direction import Ints, UprightLines, upright_lines

CAP_HEIGHT = 1.8  # line heights: what is at least that high and not wider than CAP_WIDTH may be a drop cap
CAP_WIDTH = 1.6  # of its height


def reading_order(boxes: Quads) -> npt.NDArray[np.int64]:
    """Indices that put boxes into reading order.

    Lines that run across the page's direction, such as a note in the margin, come last, in their own order.

    Args:
        boxes: float32 [N, 4, 2], clockwise from the text's top-left.

    Returns:
        int64 [N], a permutation.
    """
    lines = upright_lines(boxes)
    upright, turned = np.flatnonzero(~lines.turned), np.flatnonzero(lines.turned)
    order = [upright[block] for block in _blocks_in_order(lines[upright])]
    if len(turned):
        order.append(turned[reading_order(boxes[turned])])
    return np.concatenate([np.zeros(0, np.int64), *order])


def _blocks_in_order(lines: UprightLines) -> list[Ints]:
    lines = _drop_caps_raised(lines)
    return [block[_row_order(lines[block])] for block in column_blocks(lines)]


def _row_order(lines: UprightLines) -> Ints:
    """Rows from top to bottom; a row is what stands beside its highest line."""
    x, y, heights = lines.x.tolist(), lines.y.tolist(), lines.height.tolist()
    rows: list[list[int]] = []
    for index in np.argsort(lines.y, kind="stable").tolist():
        first = rows[-1][0] if rows else index
        if rows and y[index] - y[first] < SAME_ROW * min(heights[index], heights[first]):
            rows[-1].append(index)
        else:
            rows.append([index])
    return np.array([index for row in rows for index in sorted(row, key=x.__getitem__)], np.int64)


def _drop_caps_raised(lines: UprightLines) -> UprightLines:
    """Move each large initial up into the first of the rows that it stands before."""
    if len(lines.x) < 3:
        return lines
    unit = float(np.median(lines.height))
    caps = np.flatnonzero((lines.height >= CAP_HEIGHT * unit) & (lines.width <= CAP_WIDTH * lines.height))
    y = lines.y.copy()
    for cap in caps.tolist():
        gap = lines.left - lines.right[cap]
        beside = (np.abs(gap) < 1.2 * unit) & (np.abs(lines.y - lines.y[cap]) < lines.height[cap] / 2)
        beside &= lines.height * CAP_HEIGHT <= lines.height[cap]
        if beside.sum() >= 2:
            y[cap] = lines.y[beside].min()
    return UprightLines(lines.x, y, lines.width, lines.height, lines.turned)

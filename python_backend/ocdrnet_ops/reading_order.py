"""Order of lines on a page: rows from top to bottom, each from left to right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.geometry import Quads, quad_sizes

SAME_ROW = 0.5  # of the smaller line's height: centers closer than that stand in one row


def reading_order(boxes: Quads) -> npt.NDArray[np.int64]:
    """Indices that put boxes into reading order.

    Args:
        boxes: float32 [N, 4, 2].

    Returns:
        int64 [N], a permutation.
    """
    centers = boxes.mean(axis=1)
    heights = quad_sizes(boxes)[:, 1]
    rows: list[list[int]] = []
    for index in np.argsort(centers[:, 1], kind="stable").tolist():
        if rows and _in_row(centers[index, 1], heights[index], centers[rows[-1][0], 1], heights[rows[-1][0]]):
            rows[-1].append(index)
        else:
            rows.append([index])
    order = [index for row in rows for index in sorted(row, key=lambda i: float(centers[i, 0]))]
    return np.array(order, np.int64)


def _in_row(y: np.float32, height: np.float32, row_y: np.float32, row_height: np.float32) -> bool:
    return bool(abs(y - row_y) < SAME_ROW * min(height, row_height))

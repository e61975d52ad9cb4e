"""Boxes of two readings of one map, matched one to one by their overlap."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float32]
LEAST = 0.5  # overlap from which two boxes can be the same


@dataclass(frozen=True)
class Matching:
    """How two lists of boxes agree.

    Attributes:
        overlaps: intersection over union of each matched pair, 0..1.
        only_first: boxes of the first without a partner.
        only_second: likewise of the second.
    """

    overlaps: tuple[float, ...]
    only_first: int
    only_second: int


def match_boxes(first: Boxes, second: Boxes) -> Matching:
    """Pair boxes, the best overlap first; each is in one pair at most.

    Args:
        first: float32 [N, 4, 2], convex.
        second: float32 [M, 4, 2], convex.
    """
    overlaps = np.array([[_overlap(a, b) for b in second] for a in first], np.float64).reshape(len(first), len(second))
    pairs: list[float] = []
    while overlaps.size and (best := float(overlaps.max())) >= LEAST:
        row, column = np.unravel_index(int(overlaps.argmax()), overlaps.shape)
        overlaps[row], overlaps[:, column] = 0, 0
        pairs.append(best)
    return Matching(tuple(pairs), len(first) - len(pairs), len(second) - len(pairs))


def _overlap(first: Boxes, second: Boxes) -> float:
    low, high = np.maximum(first.min(axis=0), second.min(axis=0)), np.minimum(first.max(axis=0), second.max(axis=0))
    if (low >= high).any():
        return 0.0
    shared = cv2.intersectConvexConvex(first, second)[0]
    return float(shared / (cv2.contourArea(first) + cv2.contourArea(second) - shared))

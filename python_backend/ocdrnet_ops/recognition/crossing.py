"""Which of two readings to keep where boxes cross: the same place of an image, read along its rows and across them.

`detection.detect` answers both where it cannot tell which way an image lies. A row of figures is then boxes along it
and, in the turned frame, boxes down each of its columns. Together they are read better one way.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.geometry.text_outline import Outlines, corner_quads, cover_shares, quad_outlines

ACROSS = 0.5  # cosine of the angle between two lines, under which they cross: 60 degrees
SAME = 0.5  # share of the smaller of two lines from which on they show the same place
ROW = 10  # characters in a row: the probability of so many says what a reading is worth, a doubtful one hardly anything
UPRIGHT = 1.5  # times as much what runs down an image must be worth: an "I" on its side is as good a dash


def crossed_out(
    outlines: Outlines, scores: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Lines that are read worse than those that they cross: bool [N].

    Args:
        outlines: float32 [N, P, 2], from the text's top-left on.
        scores: float32 [N], how far the better reading is trusted, 0..1.
        lengths: int64 [N], number of those characters.
    """
    out, is_down = np.zeros(len(outlines), np.bool_), run_down(outlines)
    rows, downs = np.flatnonzero(~is_down), np.flatnonzero(is_down)
    if not len(rows) or not len(downs):
        return out
    along = np.diff(corner_quads(outlines)[:, :2], axis=1)[:, 0]
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    cross = (cover_shares(outlines[rows], outlines[downs]) >= SAME) & (np.abs(along[rows] @ along[downs].T) < ACROSS)
    for row, down in np.argwhere(cross):  # upright rectangles around slanted or bent lines hold more than these lines
        cross[row, down] = _lies_over(outlines[rows[row]], outlines[downs[down]])
    worth = lengths * scores.astype(float) ** ROW
    for members, down_members in _groups(cross):
        loses = worth[downs[down_members]].sum() > UPRIGHT * worth[rows[members]].sum()
        out[rows[members] if loses else downs[down_members]] = True
    return out


def run_down(outlines: Outlines) -> npt.NDArray[np.bool_]:
    """Which lines run down or up the image rather than along its rows: bool [N]."""
    along = np.abs(np.diff(corner_quads(outlines)[:, :2], axis=1)[:, 0])
    return np.asarray(along[:, 1] > along[:, 0])


def _lies_over(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> bool:
    """Whether the middle of the smaller of two outlines, float32 [P, 2] each, lies mostly in the other."""
    smaller, larger = sorted((one, other), key=cv2.contourArea)
    points = smaller if len(smaller) > 4 else quad_outlines(smaller[None])[0]
    half = len(points) // 2
    middle = (points[:half] + points[half:][::-1]) / 2
    within = [cv2.pointPolygonTest(larger, (float(x), float(y)), False) >= 0 for x, y in middle]
    return float(np.mean(within)) >= SAME


def _groups(cross: npt.NDArray[np.bool_]) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Rows and columns of a matrix that hang together by what is true in it, as indices."""
    groups = []
    left = cross.any(axis=1)
    while left.any():
        members = np.zeros(len(cross), np.bool_)
        members[np.argmax(left)] = True
        while True:
            across = cross[members].any(axis=0)
            grown = cross[:, across].any(axis=1)
            if (grown == members).all():
                break
            members = grown
        groups.append((np.flatnonzero(members), np.flatnonzero(across)))
        left &= ~members
    return groups

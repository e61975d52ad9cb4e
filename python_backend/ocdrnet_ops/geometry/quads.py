"""Quads: corner order, size and clipping, for arrays of boxes at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Quads = npt.NDArray[np.float32]

VERTICAL_RATIO = 1.5  # a box at least this much taller than wide holds a turned line (PaddleOCR's rule)
NARROWEST = 6.0  # times as tall as wide that the box of a "1" or an "I" is at most
CONDENSED = 2.2  # times as tall as wide that the boxes of a condensed face's capitals are at most
FEWEST_CONDENSED = 2  # of them beside a tall box
LEVEL = 0.25  # of its height, that a neighbour in its row may be higher, or stand above or below
BESIDE = 10.0  # heights to that neighbour
LEAN = 0.17  # sine of 10 degrees: within it a line counts as vertical, whose two readings are equally likely


def rectangle_corners(
    centers: npt.NDArray[np.float32], sizes: npt.NDArray[np.float32], degrees: npt.NDArray[np.float32]
) -> Quads:
    """Corners of rotated rectangles, clockwise in image coordinates (y down).

    Args:
        centers: float32 [N, 2].
        sizes: float32 [N, 2], width and height in pixels.
        degrees: float32 [N], clockwise, as `cv2.minAreaRect` gives them.

    Returns:
        float32 [N, 4, 2].
    """
    angle = np.deg2rad(degrees)
    cosine, sine, half = np.cos(angle), np.sin(angle), sizes / 2
    corners = np.empty((len(centers), 4, 2), np.float32)
    corners[:, 1, 0], corners[:, 1, 1] = cosine * half[:, 0], sine * half[:, 0]  # half an edge to the right
    corners[:, 3, 0], corners[:, 3, 1] = -sine * half[:, 1], cosine * half[:, 1]  # half an edge down
    corners[:, 2] = corners[:, 1] + corners[:, 3]
    corners[:, 1] -= corners[:, 3]
    corners[:, 0], corners[:, 3] = -corners[:, 2], -corners[:, 1]
    corners += centers[:, None]
    return corners


def order_from_text_top_left(quads: Quads) -> Quads:
    """Start each clockwise rectangle at the top-left of its text.

    The text of a wide or nearly square box runs along the edge that is closest to horizontal, to the right. A box at
    least `VERTICAL_RATIO` times taller than wide holds a turned line: it is taken to read downwards, unless its long
    side leans so far to the right that reading upwards is the smaller turn. It is a character of a row, such as "1" or
    "I", where a box of its height stands beside it that is not tall, or some that are not much taller than wide.

    Args:
        quads: float32 [N, 4, 2], of one image, clockwise, starting anywhere.

    Returns:
        float32 [N, 4, 2], the same corners.
    """
    if not len(quads):
        return quads
    edges, lengths = _sides(quads)
    start = np.argmax(edges[..., 0] / (lengths + 1e-6), axis=1)  # of the edge along the text, to the right
    rows = np.arange(len(quads))
    down, height = edges[rows, start - 3], np.maximum(lengths[rows, start - 3], lengths[rows, start - 1])
    width = np.maximum(lengths[rows, start], lengths[rows, start - 2])
    upwards = down[:, 0] < -LEAN * lengths[rows, start - 3]
    turned = height >= VERTICAL_RATIO * width
    turned &= ~_are_narrow_characters(quads.mean(axis=1), edges[rows, start] / (width[:, None] + 1e-6), width, height)
    first = start + np.where(turned, np.where(upwards, 3, 1), 0)
    return np.asarray(quads[rows[:, None], (first[:, None] + np.arange(4)) % 4], np.float32)


def _are_narrow_characters(
    centers: npt.NDArray[np.float32],
    right: npt.NDArray[np.float32],
    width: npt.NDArray[np.float32],
    height: npt.NDArray[np.float32],
) -> npt.NDArray[np.bool_]:
    """Which tall boxes are characters of a row of upright ones.

    Args:
        centers: float32 [N, 2].
        right: float32 [N, 2], unit vectors along the edge that is closest to horizontal.
        width: float32 [N], along it.
        height: float32 [N].
    """
    tall = height >= VERTICAL_RATIO * width
    narrow = np.zeros(len(centers), np.bool_)
    lie_on_their_side = (height > NARROWEST * width).any()  # a row of tall boxes may be cells of a turned table
    for index in np.flatnonzero(tall & (height <= NARROWEST * width)).tolist():
        apart = centers - centers[index]
        along = np.abs(apart @ right[index])
        across = np.abs(apart[:, 1] * right[index, 0] - apart[:, 0] * right[index, 1])
        level = np.abs(height - height[index]) <= LEVEL * height[index]
        level &= (across <= LEVEL * height[index]) & (along - (width + width[index]) / 2 <= BESIDE * height[index])
        level[index] = False
        condensed = 0 if lie_on_their_side else (level & (height <= CONDENSED * width)).sum()
        narrow[index] = (level & ~tall).any() or condensed >= FEWEST_CONDENSED
    return narrow


def _sides(quads: Quads) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Vectors from each corner to the next, float32 [N, 4, 2], and their lengths, float32 [N, 4]."""
    edges = quads[:, [1, 2, 3, 0]] - quads
    return edges, np.hypot(edges[..., 0], edges[..., 1])


def quad_sizes(quads: Quads) -> npt.NDArray[np.float32]:
    """Width along the text and height across it, the longer of two opposite sides each: float32 [N, 2]."""
    lengths = _sides(quads)[1]
    return np.maximum(lengths[:, :2], lengths[:, 2:])


def widen_to_squares(quads: Quads) -> Quads:
    """Boxes that are narrower than high, widened to both sides until they are square.

    A narrow character such as "1" fills a part of the place that it takes in its line.

    Args:
        quads: float32 [N, 4, 2], clockwise from the text's top-left.
    """
    width, height = quad_sizes(quads).T
    along = quads[:, 1] - quads[:, 0]
    share = np.maximum(0, height - width) / np.maximum(width, 1e-6) / 2
    step = along * share[:, None]
    return np.asarray(quads + np.stack([-step, step, step, -step], axis=1), np.float32)


def clip_quads(quads: Quads, image_size: tuple[int, int]) -> Quads:
    """Move corners that lie outside an image to its border.

    Args:
        quads: float32 [N, 4, 2].
        image_size: width and height in pixels.
    """
    return np.asarray(np.minimum(np.maximum(quads, 0), np.array(image_size, np.float32)), np.float32)

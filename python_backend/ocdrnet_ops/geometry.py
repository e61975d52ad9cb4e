"""Quads: corner order, size and clipping, for arrays of boxes at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Quads = npt.NDArray[np.float32]

VERTICAL_RATIO = 1.5  # a box at least this much taller than wide holds a turned line (PaddleOCR's rule)
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
    right = np.stack([np.cos(angle), np.sin(angle)], -1) * sizes[:, :1] / 2
    down = np.stack([-np.sin(angle), np.cos(angle)], -1) * sizes[:, 1:] / 2
    corners = np.stack([-right - down, right - down, right + down, down - right], 1)
    return np.asarray(centers[:, None] + corners, np.float32)


def order_from_text_top_left(quads: Quads) -> Quads:
    """Start each clockwise rectangle at the top-left of its text.

    The text of a wide or nearly square box runs along the edge that is closest to horizontal, to the right. A box at
    least `VERTICAL_RATIO` times taller than wide holds a turned line: it is taken to read downwards, unless its long
    side leans so far to the right that reading upwards is the smaller turn.

    Args:
        quads: float32 [N, 4, 2], clockwise, starting anywhere.

    Returns:
        float32 [N, 4, 2], the same corners.
    """
    if not len(quads):
        return quads
    edges = np.roll(quads, -1, axis=1) - quads
    lengths = np.linalg.norm(edges, axis=-1) + 1e-6
    rightward = np.argmax(edges[..., 0] / lengths, axis=1)
    quads = _roll(quads, rightward)
    width, height = quad_sizes(quads).T
    down = quads[:, 2] - quads[:, 1]
    upwards = down[:, 0] < -LEAN * np.linalg.norm(down, axis=-1)
    turn = np.where(height >= VERTICAL_RATIO * width, np.where(upwards, 3, 1), 0)
    return _roll(quads, turn)


def _roll(quads: Quads, start: npt.NDArray[np.int64]) -> Quads:
    index = (np.arange(4) + np.asarray(start)[:, None]) % 4
    return np.take_along_axis(quads, index[:, :, None], axis=1)


def quad_sizes(quads: Quads) -> npt.NDArray[np.float32]:
    """Width along the text and height across it, the longer of two opposite sides each: float32 [N, 2]."""
    sides = np.linalg.norm(np.roll(quads, -1, axis=1) - quads, axis=-1)
    return np.stack([np.maximum(sides[:, 0], sides[:, 2]), np.maximum(sides[:, 1], sides[:, 3])], -1)


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
    return np.asarray(np.clip(quads, 0, np.array(image_size, np.float32)), np.float32)

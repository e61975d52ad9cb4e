"""Lines of a turned or slanted page, seen as on the upright page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.geometry.quads import Quads, quad_sizes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Masks = npt.NDArray[np.bool_]

QUARTER = np.pi / 2
NOTE_LENGTH = 3.0  # of the page's line height: a shorter turned box is a narrow character, such as "1" or "l"


@dataclass(frozen=True)
class UprightLines:
    """Lines as upright rectangles in the frame of the page's writing direction, in original pixels.

    Attributes:
        x: float64 [N], of each center; x grows in writing direction.
        y: float64 [N], of each center; y grows from line to line.
        width: float64 [N], extent in x.
        height: float64 [N], extent in y.
        turned: bool [N], lines that run across the page's direction, such as a note in the margin.
    """

    x: Floats
    y: Floats
    width: Floats
    height: Floats
    turned: Masks

    @property
    def left(self) -> Floats:
        """Where each line begins."""
        return self.x - self.width / 2

    @property
    def right(self) -> Floats:
        """Where each line ends."""
        return self.x + self.width / 2

    def __getitem__(self, index: Ints | Masks | slice) -> UprightLines:
        return UprightLines(self.x[index], self.y[index], self.width[index], self.height[index], self.turned[index])


def upright_lines(boxes: Quads) -> UprightLines:
    """Turn lines into the frame of the page's dominant writing direction.

    A line keeps its own width and height, however it leans: the bounding box of a long line that leans by one degree
    would be twice as high as the line.

    Args:
        boxes: float32 [N, 4, 2], clockwise from the text's top-left.
    """
    corners = boxes.astype(np.float64)
    along = corners[:, 1] - corners[:, 0] + corners[:, 2] - corners[:, 3]
    angles = np.arctan2(along[:, 1], along[:, 0])
    width, height = quad_sizes(boxes).astype(np.float64).T
    page = dominant_angle(angles, np.maximum(width - height, 0) + 1e-6 * width)
    centers = corners.mean(axis=1)
    cos, sin = np.cos(page), np.sin(page)
    across = np.rint((angles - page) / QUARTER).astype(np.int64) % 2 == 1
    width, height = np.where(across, height, width), np.where(across, width, height)
    lines = ~across if across.any() and not across.all() else slice(None)
    typical = float(np.median(height[lines])) if len(height) else 0.0
    return UprightLines(
        centers @ np.array([cos, sin]),
        centers @ np.array([-sin, cos]),
        width,
        height,
        across & (height > NOTE_LENGTH * typical),
    )


def dominant_angle(angles: Floats, weights: Floats) -> float:
    """Writing direction of most of the text: a quarter turn and the slant, in radians, clockwise (y down).

    The slant is first taken as a mean of four times the angles, in which quarter turns vanish; then lines vote for
    the quarter turn, and the weighted median of the winners' angles is the direction, which no few stray lines move.

    Args:
        angles: float64 [N], writing direction of each line in radians.
        weights: float64 [N], of each line's vote.
    """
    if not len(angles):
        return 0.0
    slant = float(np.angle(np.sum(weights * np.exp(4j * angles)))) / 4
    quarters = np.rint((angles - slant) / QUARTER)
    winner = int(np.bincount(quarters.astype(np.int64) % 4, weights, minlength=4).argmax())
    own = quarters % 4 == winner
    slants = (angles - quarters * QUARTER)[own]
    order = np.argsort(slants)
    reached = np.cumsum(weights[own][order])
    return winner * QUARTER + float(slants[order][np.searchsorted(reached, reached[-1] / 2)])

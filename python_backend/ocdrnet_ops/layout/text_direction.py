"""Lines of a turned or slanted page, seen as on the upright page."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.geometry.quads import Quads, quad_sizes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Masks = npt.NDArray[np.bool_]

QUARTER = np.pi / 2
NOTE_LENGTH = 3.0  # of the page's line height: a shorter turned box is a narrow character, such as "1" or "l"
BOX_NOISE = 0.1  # line heights by which one end of a box stands higher than the other by chance, and
TILTED_INK = 0.08  # in all short words alike, as those that begin with a capital
LONG = 25.0  # line heights: in a longer line there are ascenders everywhere
ROW_NOISE = 0.2  # line heights by which the centers of boxes in one row differ: ascenders and descenders
IN_ONE_ROW = 25.0  # line heights: lines with a wider gap between them may stand in columns of their own
FEWEST_PAIRS = 3  # of lines in one row that show a page's slant
MOST_PAIRED = 500  # lines whose rows are looked at; where there are more, their own slants are exact enough
CERTAIN = 2.0  # standard errors: a slant that is smaller is none
IMAGE_UPRIGHT = 1.5  # the vote of a line that stands upright in the image, of one that does not


@dataclass(frozen=True)
class UprightLines:
    """Lines as upright rectangles in the frame of the page's writing direction, in original pixels.

    Attributes:
        x: float64 [N], of each center; x grows in writing direction.
        y: float64 [N], of each center; y grows from line to line.
        width: float64 [N], extent in x.
        height: float64 [N], extent in y.
        turned: bool [N], lines that run across the page's direction, such as a note in the margin.
        slant: float64 [N], of each line against the page, or against a quarter turn of it, radians, clockwise.
    """

    x: Floats
    y: Floats
    width: Floats
    height: Floats
    turned: Masks
    slant: Floats

    @cached_property
    def left(self) -> Floats:
        """Where each line begins."""
        return self.x - self.width / 2

    @cached_property
    def right(self) -> Floats:
        """Where each line ends."""
        return self.x + self.width / 2

    @cached_property
    def top(self) -> Floats:
        """Upper edge of each line."""
        return self.y - self.height / 2

    @cached_property
    def bottom(self) -> Floats:
        """Lower edge of each line."""
        return self.y + self.height / 2

    def __getitem__(self, index: Ints | Masks | slice) -> UprightLines:
        return UprightLines(*[getattr(self, name)[index] for name in _ARRAYS])


_ARRAYS = tuple(field.name for field in fields(UprightLines))  # asked for once: lines are picked out very often


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
    sizes = quad_sizes(boxes).astype(np.float64)
    centers = corners.mean(axis=1)
    page = page_direction(centers, sizes, angles)
    quarters = np.rint((angles - page) / QUARTER)
    across = quarters.astype(np.int64) % 2 == 1
    width, height = np.where(across, sizes[:, ::-1].T, sizes.T)
    lines = ~across if across.any() and not across.all() else slice(None)
    typical = median(height[lines]) if len(height) else 0.0
    cos, sin = np.cos(page), np.sin(page)
    return UprightLines(
        centers @ np.array([cos, sin]),
        centers @ np.array([-sin, cos]),
        width,
        height,
        across & (height > NOTE_LENGTH * typical),
        angles - page - quarters * QUARTER,
    )


def median(values: Floats) -> float:
    """Median, as `np.median`, whose checks take ten times as long for the few lines of an image.

    Args:
        values: float64 [N], at least one; no NaN.
    """
    ordered = np.sort(values)
    middle = len(ordered) // 2
    return float(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)


def page_direction(centers: Floats, sizes: Floats, angles: Floats) -> float:
    """Writing direction of most of the text: a quarter turn and the slant, in radians, clockwise (y down).

    The slant is first taken as a mean of four times the angles, in which quarter turns vanish; then lines vote for
    the quarter turn, and the winners' slant is measured. It is none where it does not exceed its own uncertainty:
    the box of a short word leans by degrees, and so would a bar of such words.

    Args:
        centers: float64 [N, 2], of each line.
        sizes: float64 [N, 2], width and height of each line along its own text.
        angles: float64 [N], writing direction of each line in radians.
    """
    if not len(angles):
        return 0.0
    longer = np.maximum(sizes[:, 0] - sizes[:, 1], 0)
    slant = float(np.angle(np.sum((longer + 1e-6 * sizes[:, 0]) * np.exp(4j * angles)))) / 4
    quarters = np.rint((angles - slant) / QUARTER).astype(np.int64)
    # By the root of its length, so that a few long heads of columns do not outvote a table's many short cells.
    votes = (np.sqrt(longer) + 1e-6) * np.where(quarters % 4 == 0, IMAGE_UPRIGHT, 1.0)
    winner = int(np.bincount(quarters % 4, votes, minlength=4).argmax())
    own = quarters % 4 == winner
    across, down = np.cos(winner * QUARTER), np.sin(winner * QUARTER)
    places = centers[own] @ np.array([[across, -down], [down, across]])
    return winner * QUARTER + _slant(places, sizes[own], angles[own] - quarters[own] * QUARTER)


def _slant(centers: Floats, sizes: Floats, slants: Floats) -> float:
    """Slant of upright lines in radians, 0 where it is not certain, from the lines' own and from their rows'."""
    slimness = sizes[:, 1] / np.maximum(sizes[:, 0], 1e-6)
    noise = np.maximum(BOX_NOISE * slimness, 1e-6)
    slant, error = _weighted_median(slants, noise)
    tilted = np.where(slimness > 1 / LONG, TILTED_INK * slimness, 0)
    weights = noise**-2
    error = float(np.hypot(error, (tilted * weights).sum() / weights.sum()))
    first, second, pairs, pair_noise = _row_slants(centers, sizes, slant, CERTAIN * error)
    if len(pairs) >= FEWEST_PAIRS:
        of_rows, rows_error = _weighted_median(pairs, pair_noise)
        # Two columns whose rows are not level look like slanted rows: there the lines must lean the same way.
        begins = np.zeros(len(centers), np.bool_)
        begins[first] = True
        rows_of_three = begins[second].sum() >= FEWEST_PAIRS
        if rows_of_three or abs(of_rows - slant) <= max(abs(slant), CERTAIN * rows_error):
            weights = np.array([error, rows_error]) ** -2
            slant, error = float(np.average([slant, of_rows], weights=weights)), float(weights.sum()) ** -0.5
    return slant if abs(slant) > CERTAIN * error else 0.0


def _weighted_median(values: Floats, noise: Floats) -> tuple[float, float]:
    """Median weighted by the inverse variances, which no few stray values move, and its standard error."""
    weights = noise**-2
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    middle = float(values[order][np.searchsorted(reached, reached[-1] / 2)])
    scatter = max(1.0, 1.48 * median(np.abs(values - middle) / noise))  # 1.48: a normal deviate's quartile
    return middle, 1.25 * scatter * float(weights.sum()) ** -0.5  # 1.25: a median's error, of a mean's


def _row_slants(centers: Floats, sizes: Floats, slant: float, error: float) -> tuple[Ints, Ints, Floats, Floats]:
    """Lines and those next to them in their rows, the slants from these to those, and their noise, in radians."""
    if not 2 <= len(centers) <= MOST_PAIRED:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0)
    away = centers[None] - centers[:, None]
    smaller = np.minimum(sizes[:, None, 1], sizes[None, :, 1])
    gap = away[..., 0] - (sizes[:, None, 0] + sizes[None, :, 0]) / 2
    # Around an uncertain slant as far to one side of none as to the other, or rows of cells of one and of two lines
    # would seem to lean to one side.
    middle, reach = (slant, error) if abs(slant) > error else (0.0, abs(slant) + error)
    level = np.abs(away[..., 1] - middle * away[..., 0]) < reach * away[..., 0] + ROW_NOISE * smaller
    near = (away[..., 0] > 0) & (gap > -smaller) & (gap < IN_ONE_ROW * smaller) & level
    off = np.abs(away[..., 1] - slant * away[..., 0])  # of several at one distance, the one that leans as the lines do
    distance = np.where(near, away[..., 0] + off, np.inf)
    nearest = distance.argmin(axis=1)
    first = np.flatnonzero(np.isfinite(distance.min(axis=1)))
    second = nearest[first]
    step = away[first, second]
    # All weigh alike: a stray pair of two rows is the one of the widest gap.
    noise = np.full(len(step), median(ROW_NOISE * smaller[first, second] / step[:, 0]) if len(step) else 0.0)
    return first, second, np.arctan2(step[:, 1], step[:, 0]), noise

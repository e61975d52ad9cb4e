"""Outlines: outlines of lines, straight or bent, as K points along the text's top and K back along its bottom.

The points of the top go from the text's start to its end, those of the bottom from its end to its start; the one at
index k of the top stands opposite the one at index -1 - k of the outline. A quad is the outline with K = 2, so that all
code takes outlines float32 [N, P, 2] with P = 4, or P = 2 * POINTS where a line of the image is bent or a request asks
for polygons.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.geometry.quads import LEAN, Quads, quad_sizes

Outlines = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float32]

POINTS = 12  # on each side: an arc of 300 degrees stays within 3 % of its radius
STRAIGHT_TOLERANCE = 0.5  # pixels that a point may lie off the quad of its outline's corners
NEAR_RING = 0.3  # of an outline's length: ends closer than that are those of a ring, an arc of more than 270 degrees


def quad_outlines(quads: Quads, points: int = POINTS) -> Outlines:
    """Quads as outlines of the same shape: float32 [N, 2 * points, 2].

    Args:
        quads: float32 [N, 4, 2], clockwise from the text's top-left.
        points: on each side.
    """
    at = np.linspace(0, 1, points, dtype=np.float32)[:, None]
    top = (1 - at) * quads[:, None, 0] + at * quads[:, None, 1]  # so that the corners stay what they are
    bottom = (1 - at) * quads[:, None, 2] + at * quads[:, None, 3]
    return np.concatenate([top, bottom], axis=1)


def of_points(outlines: Outlines, points: int) -> Outlines:
    """Outlines of so many points each, float32 [N, points, 2], of such or of quads."""
    return outlines if outlines.shape[1] == points else quad_outlines(outlines, points // 2)


def corner_quads(outlines: Outlines) -> Quads:
    """First and last point of each side: float32 [N, 4, 2]; for a quad, the quad itself."""
    points = outlines.shape[1] // 2
    return outlines[:, [0, points - 1, points, -1]]


def are_straight(outlines: Outlines) -> npt.NDArray[np.bool_]:
    """Which outlines are the quads of their corners, within `STRAIGHT_TOLERANCE`: bool [N]."""
    points = outlines.shape[1] // 2
    if points == 2:
        return np.ones(len(outlines), bool)
    ideal = quad_outlines(corner_quads(outlines), points)
    return np.asarray(np.abs(outlines - ideal).max(axis=(1, 2), initial=0) < STRAIGHT_TOLERANCE)


def outline_quads(outlines: Outlines) -> Quads:
    """Quads of outlines: float32 [N, 4, 2], clockwise; of a bent one the min-area rectangle.

    The first edge of that rectangle is the one that points most nearly from the outline's start to its end.

    Args:
        outlines: float32 [N, P, 2]; for P = 4 they are the answer.
    """
    if outlines.shape[1] == 4:
        return outlines
    quads = corner_quads(outlines)
    for index in np.flatnonzero(~are_straight(outlines)):
        quads[index] = _min_area_quad(outlines[index])
    return quads


def _min_area_quad(outline: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    corners = cv2.boxPoints(cv2.minAreaRect(outline))
    edges = np.roll(corners, -1, axis=0) - corners
    along = edges @ _chords(outline[None])[0] / (np.linalg.norm(edges, axis=1) + 1e-6)
    return np.asarray(np.roll(corners, -int(np.argmax(along)), axis=0), np.float32)


def outline_sizes(outlines: Outlines) -> npt.NDArray[np.float32]:
    """Width along the text and height across it: float32 [N, 2].

    Of a quad the longer of two opposite sides each, of a bent outline the length of its middle and its mean height.
    """
    if outlines.shape[1] == 4:
        return quad_sizes(outlines)
    sizes = quad_sizes(corner_quads(outlines))
    bent = ~are_straight(outlines)
    if bent.any():
        top, bottom = _sides(outlines[bent])
        sizes[bent, 0] = _steps((top + bottom) / 2).sum(axis=1)
        sizes[bent, 1] = np.linalg.norm(bottom - top, axis=-1).mean(axis=1)
    return sizes


def grow_across(outlines: Outlines, share: float) -> Outlines:
    """Outlines that show more above and below the text.

    Args:
        outlines: float32 [N, P, 2].
        share: of the height at each point, that is added on both sides.
    """
    opposite = outlines[:, ::-1]
    return np.asarray(outlines + (outlines - opposite) * share, np.float32) if share else outlines


def grow_along(outlines: Outlines, lengths: Floats) -> Outlines:
    """Outlines that show more before and behind the text, in the direction that it has at its ends.

    Args:
        outlines: float32 [N, P, 2].
        lengths: float32 [N, 2], pixels that are added before the text and behind it.
    """
    grown, points = outlines.copy(), outlines.shape[1] // 2
    for added, end, next_to_it in ((lengths[:, 0], 0, 1), (lengths[:, 1], points - 1, points - 2)):
        outwards = outlines[:, end] - outlines[:, next_to_it]
        step = outwards * (added / np.maximum(np.linalg.norm(outwards, axis=1), 1e-6))[:, None]
        grown[:, [end, -1 - end]] += step[:, None]
    return np.asarray(grown, np.float32)


def points_at(
    outline: npt.NDArray[np.float32], fractions: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Points of an outline's top and, opposite, of its bottom: float32 [n, 2] each.

    Args:
        outline: float32 [P, 2].
        fractions: float32 [n], of the length of the outline's middle, 0..1; crops and words use the same measure.
    """
    (top,), (bottom,) = _sides(outline[None])
    places = fractions
    if len(top) > 2:
        length = np.append(0, np.cumsum(_steps((top + bottom)[None] / 2)))
        places = np.interp(fractions, length / max(length[-1], 1e-6), np.arange(len(top))).astype(np.float32)
    index = np.clip(places.astype(np.int64), 0, len(top) - 2)
    weight = (places - index).astype(np.float32)[:, None]
    return (
        top[index] + weight * (top[index + 1] - top[index]),
        bottom[index] + weight * (bottom[index + 1] - bottom[index]),
    )


def outline_part(outline: npt.NDArray[np.float32], start: float, end: float) -> npt.NDArray[np.float32]:
    """The part of an outline between two fractions of its length, as many points: float32 [P, 2].

    Args:
        outline: float32 [P, 2].
        start: 0..1.
        end: 0..1, greater than `start`.
    """
    at = np.linspace(start, end, len(outline) // 2, dtype=np.float32)
    top, bottom = points_at(outline, at)
    return np.concatenate([top, bottom[::-1]])


def order_from_text_start(outlines: Outlines) -> Outlines:
    """Start each outline at its text's start, as `order_from_text_top_left` does for rectangles.

    Text runs to the right from one end of the outline to the other; where these stand above each other, downwards.
    Where they nearly meet, or stand above each other because the line is bent to that side, it is lettering on a ring
    and runs clockwise on its outside. A guess that is wrong is mended by reading the line turned.

    Args:
        outlines: float32 [N, P, 2], starting at either end.

    Returns:
        float32 [N, P, 2], the same points.
    """
    chords = _chords(outlines)
    spans = np.linalg.norm(chords, axis=1)
    top, bottom = _sides(outlines)
    middles = (top + bottom) / 2
    lengths = np.maximum(_steps(middles).sum(axis=1), 1e-6)
    turns = _turns(middles)
    lean = chords[:, 0] / np.maximum(spans, 1e-6)
    rightward = np.where(chords[:, 1] > 0, lean >= -LEAN, lean > LEAN)
    round_a_ring = (spans < NEAR_RING * lengths) | ((np.abs(lean) <= LEAN) & (np.abs(turns) > np.pi / 4))
    kept = np.where(round_a_ring, turns > 0, rightward)
    return np.where(kept[:, None, None], outlines, np.roll(outlines, outlines.shape[1] // 2, axis=1))


def cover_shares(outlines: Outlines, others: Outlines) -> Floats:
    """What two outlines have in common, of the smaller one: float32 [N, M], 0..1, by their bounding boxes.

    Args:
        outlines: float32 [N, P, 2].
        others: float32 [M, Q, 2].
    """
    (low, high), (other_low, other_high) = ((each.min(axis=1), each.max(axis=1)) for each in (outlines, others))
    common = np.minimum(high[:, None], other_high) - np.maximum(low[:, None], other_low)
    areas, other_areas = (high - low).prod(axis=1), (other_high - other_low).prod(axis=1)
    smaller = np.maximum(np.minimum(areas[:, None], other_areas), 1e-6)
    return np.asarray(np.maximum(common, 0).prod(axis=-1) / smaller, np.float32)


def _sides(outlines: Floats) -> tuple[Floats, Floats]:
    """Points of the top, and those of the bottom opposite to them: [N, K, 2] each."""
    points = outlines.shape[1] // 2
    return outlines[:, :points], outlines[:, : points - 1 : -1]


def _steps(lines: Floats) -> Floats:
    """Distances between neighboring points: [N, K] -> [N, K - 1]."""
    return np.asarray(np.linalg.norm(np.diff(lines, axis=1), axis=-1))


def _chords(outlines: Outlines) -> Floats:
    """From the middle of each outline's start to the middle of its end: [N, 2]."""
    top, bottom = _sides(outlines)
    return np.asarray((top[:, -1] + bottom[:, -1] - top[:, 0] - bottom[:, 0]) / 2)


def _turns(lines: Floats) -> Floats:
    """How far each line turns on its way, clockwise positive: radians [N]."""
    heading = np.diff(lines, axis=1)
    before, after = heading[:, :-1], heading[:, 1:]
    cross = before[..., 0] * after[..., 1] - before[..., 1] * after[..., 0]
    return np.asarray(np.arctan2(cross, (before * after).sum(axis=-1)).sum(axis=1))

"""Regions of bent text -> outlines.

A region of DBNet's map is the text's outline shrunk to a thin band (Liao et al., section 3.4), which shows how the
line runs better than the text's own outline would. So the band is split at its two ends, the line's middle is laid
between its sides, and the growth D' = A' * r' / L' is added to the band's height and to both of its ends. For a band of
even height that is the polygon offset with round joins, less the rounding of its ends, and no polygon is clipped; a
straight band grows exactly as a rectangle does.

Networks that were trained on boxes fill the hollow of a bend with half-certain text. The outer side of an arc stays
clean, and so do its ends: an arc's middle is measured from its outer side, and its height is one of the lower ones.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.geometry.text_outline import POINTS

Floats = npt.NDArray[np.float64]
Line = npt.NDArray[np.complex128]  # points as x + iy: lengths are moduli, and a right angle is a factor of i
Contour = npt.NDArray[np.int32]
Mask = npt.NDArray[np.uint8]

FILLED = 0.7  # of its min-area rectangle: a region that fills as much of it is one
LEAST_ELONGATION = 6  # length over height of a band; what is shorter has no direction that could bend
LEAST_BEND = 0.25  # of the grown height: deviation from the straight line that a rectangle does not absorb
INSIDE = 0.75  # of a band that must lie in its region; with less, the region is no band
COVERED = 0.25  # of a region that its band must cover; with less, it holds more than a line
ONE_WAY = 0.8  # of all that a middle turns, to one side: an arc, not a wave
EVEN_HEIGHT = 0.14  # quantile of an arc's heights that is taken for all of it

ROUGHNESS = 0.2  # of a band's height: what a contour may lose of its detail
OUTLINE_POINTS = 64
PAIRS = 32  # of opposite points, on which the middle is fitted
SEARCH_PAIRS = 12  # of them in the search for the ends
SHORTEST_SIDE = 0.3  # of the outline, between its two ends
END_PAIRS = 4  # that show how far the outline reaches at an end
DEGREE = 5  # of the middle's polynomial: follows an arc of 300 degrees, and a whole wave
COARSE_DEGREE = 4  # likewise, where only the way it bends is asked
DEPTHS = 64  # at which an arc's height is looked for
DEEPEST = 10  # times half the distance of its sides


def bent_outline(contour: Contour, unclip_ratio: float, min_size: float) -> npt.NDArray[np.float32] | None:
    """The grown outline of a region's bent line, or None where the region's rectangle does as well.

    Args:
        contour: int32 [n, 1, 2], of a region of the binarized map.
        unclip_ratio: r' in D' = A' * r' / L'.
        min_size: height of the band in pixels, below which its shape is not trusted.

    Returns:
        float32 [2 * POINTS, 2], an outline in the contour's pixels; which of its ends is the text's start is open.
    """
    if fills_rectangle(contour, *cv2.minAreaRect(contour)[1]):
        return None
    area = cv2.contourArea(contour)
    corner = cv2.boundingRect(contour)[:2]
    mask = _mask(contour - np.array(corner))
    calm = cv2.approxPolyDP(contour, ROUGHNESS * 2 * area / cv2.arcLength(contour, True), True)[:, 0] - corner
    sides = _opposite_points(calm[:, 0] + 1j * calm[:, 1])
    middle, thickness = _line(sides, mask, area)
    length = float(_way(middle)[-1])
    growth = length * thickness * unclip_ratio / (2 * (length + thickness))
    if thickness < min_size or length < LEAST_ELONGATION * thickness:
        return None
    if np.abs(_deviations(middle)).max() < LEAST_BEND * (thickness + 2 * growth):
        return None
    if not _explains(_band(middle, thickness / 2), mask):
        return None
    grown = _band(_extended(middle, growth), thickness / 2 + growth)
    return (_points(grown) + corner).astype(np.float32)


def fills_rectangle(contour: Contour, width: float, height: float) -> bool:
    """Whether a region fills its min-area rectangle, so that its line cannot be bent.

    Args:
        contour: int32 [n, 1, 2], of the region.
        width: of the rectangle, in pixels.
        height: likewise.
    """
    return cv2.contourArea(contour) >= FILLED * width * height


def _mask(contour: Contour) -> Mask:
    width, height = (contour.max(axis=(0, 1)) + 1).tolist()
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [contour], (1,))
    return mask


def _splits(pairs: int) -> tuple[Floats, Floats]:
    """Every way to split an outline at two points: places of opposite points on both sides, [splits, pairs] each."""
    starts = np.arange(OUTLINE_POINTS)
    counts = np.arange(round(SHORTEST_SIDE * OUTLINE_POINTS), OUTLINE_POINTS // 2 + 1)
    start, count = (grid.reshape(-1, 1) for grid in np.meshgrid(starts, counts))
    part = np.linspace(0, 1, pairs)
    back = OUTLINE_POINTS - count
    return np.asarray((start + count * part) % OUTLINE_POINTS), np.asarray((start - back * part) % OUTLINE_POINTS)


def _smoothing(degree: int) -> Floats:
    """Matrix that puts a least-squares polynomial through PAIRS points and evaluates it there."""
    basis = np.cos(np.arange(degree + 1) * np.arccos(np.linspace(-1, 1, PAIRS))[:, None])  # Chebyshev's
    return np.asarray(basis @ np.linalg.pinv(basis))


_ALL_ROUND, _ALONG, _ALONG_RIBBON = (np.linspace(0, 1, count) for count in (OUTLINE_POINTS + 1, PAIRS, POINTS))
_DEPTHS = np.linspace(0, 1, DEPTHS)
_PLACES = _splits(PAIRS)
_FIRST, _SECOND = (places.round().astype(np.int64) % OUTLINE_POINTS for places in _splits(SEARCH_PAIRS))
_SMOOTH, _COARSE = _smoothing(DEGREE), _smoothing(COARSE_DEGREE)


def _opposite_points(outline: Line) -> Line:
    """Points on the two sides of a band, [2, PAIRS], split where opposite points are closest to each other."""
    closed = np.append(outline, outline[0])
    way = _way(closed)
    even = np.interp(_ALL_ROUND * way[-1], way, closed)
    gaps = even[_FIRST] - even[_SECOND]
    best = int(np.argmin((gaps.real**2 + gaps.imag**2).sum(axis=1)))
    return np.array([np.interp(places[best] / OUTLINE_POINTS, _ALL_ROUND, even) for places in _PLACES])


def _line(sides: Line, mask: Mask, area: float) -> tuple[Line, float]:
    """Middle [PAIRS] and height of a band, from its sides and its pixels."""
    between = (sides[0] + sides[1]) / 2
    turns = _turns(_COARSE @ between)
    turn = float(turns.sum())
    if abs(turn) < ONE_WAY * np.abs(turns).sum():
        middle = _to_ends(_SMOOTH @ between, sides)
        return middle, area / max(float(_way(middle)[-1]), 1.0)
    right = 1.0 if turn > 0 else -1.0  # the hollow lies to the right, or to the left
    outer = min(sides, key=lambda side: right * float(_deviations(side).sum()))
    around_ends = _low(np.abs(sides[0] - sides[1])) / 2  # there the outer side turns to the ends' middle
    edge = _SMOOTH @ _cut(outer, around_ends)
    inward = right * _normals(edge)
    thickness = _height(edge, inward, mask, around_ends)
    return _to_ends(edge + inward * (thickness / 2), sides), thickness


def _height(edge: Line, inward: Line, mask: Mask, least: float) -> float:
    """Height of an arc: a low one of those along its edge, which may lie a little outside of the arc's pixels."""
    depths = 1 + _DEPTHS * (DEEPEST * least + 3)
    at = edge[:, None] + inward[:, None] * depths
    x, y = np.rint(at.real).astype(np.int64), np.rint(at.imag).astype(np.int64)
    within = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    text = within & (mask.take(y * mask.shape[1] + x, mode="clip") > 0) | (depths < max(least, 2))
    text[:, -1] = False
    return _low(depths[np.argmin(text, axis=1)])


def _low(values: Floats) -> float:
    return float(np.sort(values)[int(EVEN_HEIGHT * len(values))])


def _way(line: Line) -> Floats:
    """Distance along a line from its first point to each."""
    way = np.zeros(len(line))
    np.cumsum(np.abs(line[1:] - line[:-1]), out=way[1:])
    return way


def _cut(line: Line, margin: float) -> Line:
    """A line without `margin` pixels at each of its ends, as PAIRS points at equal distances."""
    way = _way(line)
    margin = min(margin, float(way[-1]) / 4)
    return np.interp(margin + _ALONG * (way[-1] - 2 * margin), way, line)


def _to_ends(middle: Line, sides: Line) -> Line:
    """Move the first and last point of a middle along it to where the outline ends."""
    first, last = middle[0] - middle[2], middle[-1] - middle[-3]
    line = middle.copy()
    line[0] += _reach(first, sides[:, :END_PAIRS] - middle[0])
    line[-1] += _reach(last, sides[:, -END_PAIRS:] - middle[-1])
    return line


def _reach(step: complex, points: Line) -> complex:
    """How far points reach in a step's direction; back at most a quarter of the step."""
    size = max(abs(step), 1e-6)
    return max(float((points * step.conjugate()).real.max()) / size, -size / 4) * step / size


def _extended(middle: Line, growth: float) -> Line:
    """A middle with its ends `growth` pixels further out."""
    first, last = middle[0] - middle[2], middle[-1] - middle[-3]
    line = middle.copy()
    line[0] += growth * first / max(abs(first), 1e-6)
    line[-1] += growth * last / max(abs(last), 1e-6)
    return line


def _deviations(line: Line) -> Floats:
    """Signed distances of a line's points from the straight way between its ends; right of it is positive."""
    chord = line[-1] - line[0]
    return np.asarray(((line - line[0]) * chord.conjugate()).imag / max(abs(chord), 1e-6))


def _turns(line: Line) -> Floats:
    """Turn at each inner point of a line, to the right positive, in radians."""
    heading = line[1:] - line[:-1]
    return np.asarray(np.angle(heading[1:] * heading[:-1].conjugate()))


def _normals(line: Line) -> Line:
    """Unit vectors to the right of a line at each of its points."""
    along = np.empty_like(line)
    along[1:-1] = line[2:] - line[:-2]
    along[0], along[-1] = line[1] - line[0], line[-1] - line[-2]
    return np.asarray(1j * along / np.maximum(np.abs(along), 1e-6))


def _band(middle: Line, half_height: float) -> Line:
    """The outline [2 * POINTS] of even height about a middle."""
    way = _way(middle)
    points = np.interp(_ALONG_RIBBON * way[-1], way, middle)
    down = _normals(points) * half_height
    return np.concatenate([points - down, (points + down)[::-1]])


def _points(line: Line) -> Floats:
    return np.ascontiguousarray(line).view(np.float64).reshape(-1, 2)


def _explains(band: Line, mask: Mask) -> bool:
    """Whether a band lies in its region and covers enough of it."""
    drawn = np.zeros_like(mask)
    cv2.fillPoly(drawn, [np.rint(_points(band)).astype(np.int32)], (1,))
    common = cv2.countNonZero(drawn & mask)
    return common >= INSIDE * cv2.countNonZero(drawn) and common >= COVERED * cv2.countNonZero(mask)

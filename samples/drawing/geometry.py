"""Points, quads and the perspective map between two quads."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]
"""Four corners, clockwise on the screen, from the top left corner of what the quad holds."""
Edges = tuple[float, float, float, float]
"""Left, top, right and bottom of an upright rectangle."""
Matrix = NDArray[np.float64]


def rectangle(left: float, top: float, right: float, bottom: float) -> Quad:
    """Return an upright rectangle as a quad."""
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def rotated(centre: Point, width: float, height: float, degrees: float) -> Quad:
    """Return a rectangle turned clockwise on the screen about its centre."""
    turn = np.deg2rad(degrees)
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    corners = rectangle(-width / 2, -height / 2, width / 2, height / 2)
    a, b, c, d = ((centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos) for x, y in corners)
    return (a, b, c, d)


def homography(source: Quad, target: Quad) -> Matrix:
    """Return the 3x3 map that takes each source corner to its target corner.

    The direct linear transform with the last element fixed at 1 (Hartley and Zisserman, Multiple View
    Geometry, section 4.1): two equations per corner, eight unknowns.
    """
    rows: list[list[float]] = []
    values: list[float] = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1.0).reshape(3, 3)


def project(quad: Quad, matrix: Matrix) -> Quad:
    """Return the quad with each corner taken through a 3x3 map."""
    a, b, c, d = (_through(matrix, point) for point in quad)
    return (a, b, c, d)


def hull(quads: Sequence[Quad]) -> Quad:
    """Return the smallest upright rectangle around upright quads."""
    xs = [x for quad in quads for x, _ in quad]
    ys = [y for quad in quads for _, y in quad]
    return rectangle(min(xs), min(ys), max(xs), max(ys))


def _through(matrix: Matrix, point: Point) -> Point:
    x, y, w = (float(value) for value in matrix @ (*point, 1.0))
    return (x / w, y / w)

"""The thin-plate spline of OCRNet's spatial transformer: its constants, and control points that bend a crop.

Shi et al., "Robust Scene Text Recognition with Automatic Rectification", CVPR 2016, section 3.1: 20 control points on
the edges, r^2 log r between them.
"""

import numpy as np

BEND = 0.06  # of half the height, by which the crop's middle is read from higher up; bands would not bear it across
EPSILON = 1e-6  # as TAO adds it before the logarithm

_X = np.linspace(-1, 1, 10)
CONTROL_POINTS = np.concatenate([np.stack([_X, y * np.ones(10)], 1) for y in (-1, 1)])


def bent_points():
    """[20, 2]: x, y from where the control points' pixels are read."""
    return CONTROL_POINTS - np.stack([np.zeros(20), BEND * np.cos(np.pi / 2 * CONTROL_POINTS[:, 0])], 1)


def inverse_of_control_points():
    """inv_delta_C, [23, 23]."""
    apart = np.linalg.norm(CONTROL_POINTS[:, None] - CONTROL_POINTS[None], axis=2)
    np.fill_diagonal(apart, 1)
    delta = np.zeros((23, 23))
    delta[:20] = np.concatenate([np.ones((20, 1)), CONTROL_POINTS, apart**2 * np.log(apart)], 1)
    delta[20:22, 3:], delta[22, 3:] = CONTROL_POINTS.T, 1
    return np.linalg.inv(delta)


def distances(height, width):
    """P_hat, [height * width, 23]: of every pixel to every control point."""
    x, y = ((np.arange(-size, size, 2) + 1) / size for size in (width, height))
    pixels = np.stack(np.meshgrid(x, y), 2).reshape(-1, 2)
    radius = np.linalg.norm(pixels[:, None] - CONTROL_POINTS[None], axis=2)
    return np.concatenate([np.ones((len(pixels), 1)), pixels, radius**2 * np.log(radius + EPSILON)], 1)


def source_columns(width):
    """[width]: pixel of the crop that each column of the straightened one shows, in its middle row."""
    rows = distances(3, width)[width : 2 * width]
    points = np.concatenate([bent_points(), np.zeros((3, 2))])
    return ((rows @ inverse_of_control_points() @ points)[:, 0] + 1) / 2 * (width - 1)

"""Deformable convolution v2 in float64, straight from its definition (Zhu et al., CVPR 2019, equation 1)."""

import numpy as np


def deformable_convolution(x, offset, mask, weight, stride, padding, groups=1):
    """Sum over the kernel's taps of weight, mask and the bilinear sample at tap plus offset.

    Args:
        x: [N, C, H, W].
        offset: [N, 2 * groups * taps, h, w], y and x of each tap in turn.
        mask: [N, groups * taps, h, w].
        weight: [M, C, k, k].
        stride: in pixels.
        padding: in pixels.
        groups: of channels with offsets of their own.
    """
    n, channels = x.shape[:2]
    k = weight.shape[-1]
    h, w = offset.shape[2:]
    shifts = offset.astype(np.float64).reshape(n, groups, k * k, 2, h, w)
    masks = mask.astype(np.float64).reshape(n, groups, k * k, h, w)
    rows = np.arange(h)[:, None] * stride - padding
    columns = np.arange(w)[None] * stride - padding
    out = np.zeros((n, len(weight), h, w))
    for image in range(n):
        for c in range(channels):
            group = c * groups // channels
            for tap in range(k * k):
                ty, tx = divmod(tap, k)
                dy, dx = shifts[image, group, tap]
                sample = bilinear(x[image, c].astype(np.float64), rows + ty + dy, columns + tx + dx)
                out[image] += weight[:, c, ty, tx, None, None].astype(np.float64) * (masks[image, group, tap] * sample)
    return out


def bilinear(plane, y, x):
    """Samples of a plane; what lies outside is 0."""
    y0, x0 = np.floor(y).astype(int), np.floor(x).astype(int)
    total = np.zeros(y.shape)
    for dy in (0, 1):
        for dx in (0, 1):
            rows, columns = y0 + dy, x0 + dx
            inside = (rows >= 0) & (rows < plane.shape[0]) & (columns >= 0) & (columns < plane.shape[1])
            share = (1 - np.abs(y - rows)) * (1 - np.abs(x - columns))
            total += np.where(
                inside, share * plane[rows.clip(0, len(plane) - 1), columns.clip(0, plane.shape[1] - 1)], 0
            )
    return total

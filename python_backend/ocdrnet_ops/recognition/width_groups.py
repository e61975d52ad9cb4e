"""Which crops go through the recognizer together, so that padding neither wastes time nor changes text.

A recognizer with attention over the whole width reads a crop a little differently with more padding behind it. So a
crop's padded width follows from its own width alone, never from its neighbours': read alone or in any batch, it is
the same input. Only crops of equal padded width share a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BATCH_SIZES = (16, 8, 4, 2, 1)  # few sizes, so that few shapes have to be prepared


@dataclass(frozen=True)
class WidthGroup:
    """Crops of one batch.

    Attributes:
        width: to which they are padded, in pixels.
        members: indices of the crops.
    """

    width: int
    members: tuple[int, ...]


def padded_width(width: int) -> int:
    """Width in pixels to which a crop of `width` is padded: at least 1/16 longer, in steps that grow with it.

    Steps of 32 pixels up to 512, of 128 to 1,536, then of 512: about 27 widths in all up to 3,200.
    """
    needed = width + max(16, width // 16)
    step = 32 if needed <= 512 else 128 if needed <= 1536 else 512
    return max(96, -(-needed // step) * step)


def group_by_width(widths: npt.NDArray[np.int32], max_columns: int) -> list[WidthGroup]:
    """Batches of crops of equal padded width, the longest work first, so that no stream ends on a long job alone.

    Args:
        widths: int32 [N], own width of each crop in pixels; a crop of no width belongs to no batch.
        max_columns: limit of batch size times padded width in pixels; it bounds the network's memory.
    """
    padded = np.array([padded_width(int(width)) for width in widths])
    groups = []
    for width in np.unique(padded[widths > 0])[::-1].tolist():
        members = np.flatnonzero((padded == width) & (widths > 0)).tolist()
        for size in batch_sizes(len(members), max(1, max_columns // width)):
            groups.append(WidthGroup(width, tuple(members[:size])))
            members = members[size:]
    return groups


def batch_sizes(count: int, limit: int) -> list[int]:
    """`count` as a sum of batch sizes up to `limit`, largest first: 7 is 4 + 2 + 1."""
    sizes = []
    for size in (s for s in BATCH_SIZES if s <= limit):
        sizes += [size] * (count // size)
        count %= size
    return sizes

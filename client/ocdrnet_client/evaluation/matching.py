"""Which region that was read is which of the truth: ICDAR 2015's protocol, one to one by overlap.

The protocol is that of the Robust Reading Competition's incidental scene text (Karatzas et al., "ICDAR 2015
Competition on Robust Reading", section 3.3): a pair matches where intersection over union is over 0.5; what lies for
more than half of its own area in one don't-care region is not counted at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from ocdrnet_client.evaluation.regions import Region

_LEAST_OVERLAP = 0.5


@dataclass(frozen=True)
class Matching:
    """What became of each region.

    Attributes:
        pairs: indices (truth, read) of regions that match, in the truth's order.
        missed: indices of the truth's regions that nothing matches, without don't-care ones.
        false: indices of regions read where the truth has none.
        ignored: indices of regions read that are not counted: in a don't-care region, or without area.
    """

    pairs: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    false: tuple[int, ...]
    ignored: tuple[int, ...]


def match(truth: Sequence[Region], read: Sequence[Region]) -> Matching:
    """Match the regions of one picture.

    Each region of the truth takes, in the files' order, the first region read that overlaps it enough and is not
    taken, as the competition's own program does; two that both overlap by more than half are rare.
    """
    true_areas, areas, shared = _areas(truth, read)
    ignored = _ignored(truth, areas, shared)
    free = [index for index in range(len(read)) if index not in ignored]
    pairs, missed = [], []
    for row, region in enumerate(truth):
        if region.is_dont_care:
            continue
        found = next((k for k in free if _overlap(true_areas[row], areas[k], shared[row, k]) > _LEAST_OVERLAP), None)
        if found is None:
            missed.append(row)
        else:
            free.remove(found)
            pairs.append((row, found))
    return Matching(tuple(pairs), tuple(missed), tuple(free), tuple(sorted(ignored)))


def _areas(
    truth: Sequence[Region], read: Sequence[Region]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Areas of the truth [T], of what was read [R], and what each pair shares [T, R], in square pixels."""
    true_polygons, polygons = _polygons(truth), _polygons(read)
    shared = shapely.area(shapely.intersection(true_polygons[:, None], polygons[None, :]))
    return shapely.area(true_polygons), shapely.area(polygons), shared


def _polygons(regions: Sequence[Region]) -> NDArray[np.object_]:
    polygons = np.empty(len(regions), object)
    for index, region in enumerate(regions):
        polygon = shapely.Polygon(region.points)
        # An outline that crosses itself has no area until it is cleaned.
        polygons[index] = polygon if polygon.is_valid else polygon.buffer(0)
    return polygons


def _ignored(truth: Sequence[Region], areas: NDArray[np.float64], shared: NDArray[np.float64]) -> set[int]:
    rows = [row for row, region in enumerate(truth) if region.is_dont_care]
    inside = (shared[rows] > _LEAST_OVERLAP * areas).any(axis=0)
    return set(np.flatnonzero(inside | (areas == 0)).tolist())


def _overlap(first: float, second: float, shared: float) -> float:
    """Intersection over union; 0 where neither has an area."""
    return shared / (first + second - shared) if shared else 0.0

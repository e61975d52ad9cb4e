"""The maps of an image's tiles -> one map, as if the detector had seen it whole.

Boxes are drawn on the merged map, so that a line across a seam is one region and one box: there are no boxes to match.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.detection.dbnet import DbnetSettings, ProbabilityMap
from ocdrnet_ops.detection.tiles import OVERLAP

# Measured with headlines drawn on a 6000 x 4000 page: tiles box letters 150 pixels high as one line,
# from 200 on in pieces.
LARGE_TEXT = 240  # short side of a box, in pixels of the tiles' map, from which the overview knows better
SMALL_TEXT = 0.2  # short side of a tiles' region, of the large box around it, under which it is text of its own
FILLED = 0.15  # share of a large box that text of its own fills where the large one is none, or behind it


def merge_maps(
    maps: npt.NDArray[np.uint8],
    map_transforms: npt.NDArray[np.float32],
    image_size: tuple[int, int],
    settings: DbnetSettings,
) -> tuple[ProbabilityMap, npt.NDArray[np.float32]]:
    """One map of the whole image from the detector's answers, and its map_transform.

    Args:
        maps: uint8 [tiles, h, w], as the detector answered what `detector_tiles` made.
        map_transforms: float32 [tiles, 4], of `detector_tiles`.
        image_size: width and height of the original in pixels.
        settings: thresholds, by which regions of the overview are found.
    """
    if len(maps) == 1:
        return maps[0], map_transforms[0]
    overview = _inside(maps[-1], map_transforms[-1, 2:], image_size)
    merged = merge_tiles(maps[:-1], map_transforms[:-1], image_size, overview, map_transforms[-1, 2:], settings)
    return merged, np.array([0, 0, *map_transforms[0, 2:]], np.float32)


def merge_tiles(
    maps: npt.NDArray[np.uint8],
    map_transforms: npt.NDArray[np.float32],
    image_size: tuple[float, float],
    overview: ProbabilityMap,
    overview_scale: npt.NDArray[np.float32],
    settings: DbnetSettings,
) -> ProbabilityMap:
    """One map of an image, or a part of one, at the scale of its tiles.

    Args:
        maps: uint8 [tiles, h, w], row by row.
        map_transforms: float32 [tiles, 4], as of `DetectorInput`, from the top-left of the image or part.
        image_size: width and height of the image or part, in original pixels.
        overview: uint8 [h, w], a map of the same place at a smaller scale.
        overview_scale: float32 [2], original pixels for each of `overview`'s, along x and y.
        settings: thresholds, by which regions of the overview are found.
    """
    scales = map_transforms[0, 2:].astype(float)
    tops, lefts = (np.unique(np.rint(map_transforms[:, axis] / scales[axis]).astype(int)).tolist() for axis in (1, 0))
    width, height = (max(1, round(length / scale)) for length, scale in zip(image_size, scales, strict=True))
    rows = [
        _faded([tile.T for tile in maps[start : start + len(lefts)]], lefts, width).T
        for start in range(0, len(maps), len(lefts))
    ]
    merged = _faded(rows, tops, height)
    _add_large_text(merged, overview, overview_scale / scales, settings)
    return merged


def _inside(overview: ProbabilityMap, scale: npt.NDArray[np.float32], image_size: tuple[int, int]) -> ProbabilityMap:
    """The overview without what the detector saw in the padding beside the image: text is found there too."""
    width, height = (max(1, round(length / float(each))) for length, each in zip(image_size, scale, strict=True))
    inside = np.zeros_like(overview)
    inside[:height, :width] = overview[:height, :width]
    return inside


def _faded(parts: Sequence[ProbabilityMap], starts: Sequence[int], length: int) -> ProbabilityMap:
    """Parts joined along their first axis, each fading into the next in the middle of their overlap.

    At its edges a detector sees half an image; where two tiles disagree, that is least to be trusted.
    """
    joined = np.empty((length, parts[0].shape[1]), np.uint8)
    end = 0
    for part, start in zip(parts, starts, strict=True):
        overlap = end - start if end else 0
        fade = min(overlap, OVERLAP)
        first = (overlap - fade) // 2
        own = min(len(part), length - start)
        weights = ((np.arange(fade, dtype=np.float32) + 0.5) / max(fade, 1))[:, None]
        old, new = joined[start + first : start + first + fade], part[first : first + fade]
        old[:] = np.rint(old * (1 - weights) + new * weights)
        joined[start + first + fade : start + own] = part[first + fade : own]
        end = start + own
    return joined


def _add_large_text(
    merged: ProbabilityMap, overview: ProbabilityMap, ratio: npt.NDArray[np.float64], settings: DbnetSettings
) -> None:
    """Put those regions of the overview that are too large for tiles into the tiles' map, for what these have there.

    Args:
        merged: uint8 [h, w], changed in place.
        overview: uint8 [h, w].
        ratio: x and y, pixels of `merged` for each of the overview.
        settings: thresholds.
    """
    regions = []
    for contour in cv2.findContours(_binary(overview, settings), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
        center, (width, height), degrees = cv2.minAreaRect(contour)
        growth = width * height * settings.unclip_ratio / max(width + height, 1)  # of both sides, as `dbnet` grows them
        size = (min(width, height) + growth) * float(ratio.min())
        grown = np.rint(cv2.boxPoints((center, (width + growth, height + growth), degrees)) * ratio).astype(np.int32)
        if size >= LARGE_TEXT and _erase_pieces(merged, grown, size, settings):
            regions.append(contour)
    for contour in regions:
        _draw_region(merged, overview, ratio, contour)


def _erase_pieces(merged: ProbabilityMap, grown: npt.NDArray[np.int32], size: float, settings: DbnetSettings) -> bool:
    """Clear a large box, and what reaches into it: pieces of letters. Not done where it is full of small text."""
    x, y, width, height = _around(grown, round(size), merged.shape)
    if not width or not height:
        return False  # the box lies outside the image
    below = merged[y : y + height, x : x + width]
    inside = np.zeros(below.shape, np.uint8)
    cv2.fillPoly(inside, [grown], (1,), offset=(-x, -y))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(_binary(below, settings))
    is_small = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].min(axis=1) < size * SMALL_TEXT
    reaches_in = np.zeros(count, np.bool_)
    reaches_in[labels[inside > 0]] = True
    is_small[0] = reaches_in[0] = False  # the background
    if np.count_nonzero(is_small[labels] & (inside > 0)) >= FILLED * int(inside.sum()):
        return False
    below[reaches_in[labels] | (inside > 0)] = 0
    return True


def _draw_region(
    merged: ProbabilityMap,
    overview: ProbabilityMap,
    ratio: npt.NDArray[np.float64],
    contour: cv2.typing.MatLike,
) -> None:
    own = np.zeros_like(overview)
    cv2.fillPoly(own, [contour], (1,))
    x, y, width, height = _around(
        np.rint(contour[:, 0] * ratio).astype(np.int32), 2 * math.ceil(ratio.max()), merged.shape
    )
    shift = ratio / 2 - 0.5 - (x, y)  # between pixel centers
    matrix = np.array([[ratio[0], 0, shift[0]], [0, ratio[1], shift[1]]])
    if not width or not height:
        return
    drawn = cv2.warpAffine(overview * own, matrix, (width, height))
    below = merged[y : y + height, x : x + width]
    np.maximum(below, drawn, out=below, casting="unsafe")


def _binary(probability: ProbabilityMap, settings: DbnetSettings) -> ProbabilityMap:
    return cv2.threshold(probability, int(settings.binarize_threshold * 255), 1, cv2.THRESH_BINARY)[1].astype(np.uint8)


def _around(points: npt.NDArray[np.int32], margin: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """x, y, width and height around points, within a map."""
    low = np.maximum(points.min(axis=0) - margin, 0)
    high = np.minimum(points.max(axis=0) + margin + 1, (shape[1], shape[0]))
    x, y = low.tolist()
    width, height = np.maximum(high - low, 0).tolist()
    return x, y, width, height

"""A large image that the detector has seen as a whole -> the tiles of it that need a closer look, and one map of all.

Tiles cost what they hold, twenty times as many pixels as the whole. What the whole shows large enough needs none, nor
does blank paper. So a tile is looked at where it holds ink that no box of the whole explains, or a box of small text:
a box of small text may hold several lines, and small text may be no box at all. Places that are not looked at keep what
the whole showed there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import DetectorCard
from ocdrnet_ops.detection.dbnet import DbnetSettings, Detections, ProbabilityMap, detect_boxes
from ocdrnet_ops.detection.tile_merging import merge_tiles
from ocdrnet_ops.detection.tiles import LEAST_CONTRAST, TileGrid, cut_tiles, tile_grid
from ocdrnet_ops.geometry.text_outline import of_points, outline_quads
from ocdrnet_ops.image.resize import DetectorInput

Mask = npt.NDArray[np.bool_]
Maps = npt.NDArray[np.uint8]

BLOCK = 8  # pixels of a side over which ink is averaged: a scanner's noise goes, a stroke of small text stays
NEAR = 5  # blocks of a side within which ink differs from its paper; shade changes over longer ways
LARGE_ENOUGH = 9.0  # short side of a box in pixels of the whole's map, from which on the whole is believed
TOO_LARGE = 150.0  # short side of ink in pixels of the whole, from which on its letters may be too large for that
MARGIN = 0.15  # of a box's short side, around it: accents, underlines and blur are its own
RULE = 128  # pixels of a straight line from which on it is no stroke of small text
THICK = 18  # pixels: a line as thick is a letter's stroke
LEAST_SHARE = 0.25  # of a block that rules must leave to be judged
SLACK = 24  # pixels more, as ink spreads by half of `NEAR`


@dataclass(frozen=True)
class Detector:
    """A detector that can be asked again.

    Attributes:
        card: its card.
        maps_of: uint8 [tiles, h, w, 3] -> probability maps uint8 [tiles, h, w].
        max_tiles: images that it takes at once, at least 1.
    """

    card: DetectorCard
    maps_of: Callable[[npt.NDArray[np.uint8]], Maps]
    max_tiles: int


def ink_blocks(image: npt.NDArray[np.uint8]) -> Mask:
    """Where an image is not blank: bool [H / BLOCK, W / BLOCK], rounded down, but at least 1 x 1.

    Args:
        image: uint8 [H, W, 3].
    """
    blocks = _averaged(image, BLOCK)
    around = np.ones((NEAR, NEAR), np.uint8)
    contrast = cv2.subtract(cv2.dilate(blocks, around), cv2.erode(blocks, around))
    return np.asarray(contrast.max(axis=2) >= LEAST_CONTRAST)


def ink_beside_rules(image: npt.NDArray[np.uint8]) -> Mask:
    """As `ink_blocks`, without rules: thin lines along the rows or columns, as of tables and frames.

    Small text has no straight stroke as long as `RULE`, and letters that have one are thicker.

    Args:
        image: uint8 [H, W, 3].
    """
    half = _averaged(image, 2)
    beside = np.uint8(255) - _rules(np.asarray(cv2.cvtColor(half, cv2.COLOR_BGR2GRAY), np.uint8))
    share = _averaged(beside, BLOCK // 2).astype(np.float32) / 255
    colors = _averaged(half & beside[..., None], BLOCK // 2).astype(np.float32)
    colors /= np.maximum(share, LEAST_SHARE)[..., None]
    is_empty = (share < LEAST_SHARE)[..., None]  # nothing but rules
    around = np.ones((NEAR, NEAR), np.uint8)
    highest = cv2.dilate(np.where(is_empty, 0, colors), around)
    lowest = cv2.erode(np.where(is_empty, 255, colors), around)
    return np.asarray((highest - lowest).max(axis=2) >= LEAST_CONTRAST)


def _averaged(image: npt.NDArray[np.uint8], step: int) -> npt.NDArray[np.uint8]:
    """Means of blocks of `step` x `step` pixels; what is left at the right and below is dropped."""
    height, width = max(1, image.shape[0] // step), max(1, image.shape[1] // step)
    inner = image[: height * step, : width * step]
    return np.asarray(cv2.resize(inner, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _rules(gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Pixels of rules, and some around them, as 255.

    Args:
        gray: uint8 [h, w], at half of the scale that `RULE` counts in.
    """
    paper = cv2.blur(gray, (RULE // 4, RULE // 4))
    length = RULE // 2 + 1
    rules = np.zeros_like(gray)
    for difference in (cv2.subtract(paper, gray), cv2.subtract(gray, paper)):
        ink = cv2.threshold(difference, 2 * LEAST_CONTRAST - 1, 1, cv2.THRESH_BINARY)[1]
        ink = cv2.subtract(ink, cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((THICK // 2, THICK // 2), np.uint8)))
        for size in ((length, 1), (1, length)):
            runs = cv2.boxFilter(ink, cv2.CV_32F, size, normalize=False, borderType=cv2.BORDER_CONSTANT)
            middles = np.asarray(runs > length - 0.5, np.uint8)
            rules |= np.asarray(
                cv2.boxFilter(middles, cv2.CV_32F, size, normalize=False, borderType=cv2.BORDER_CONSTANT) > 0.5,
                np.uint8,
            )
    return np.asarray(cv2.dilate(rules * np.uint8(255), np.ones((5, 5), np.uint8)), np.uint8)


def open_ink(image: npt.NDArray[np.uint8], found: Detections, least: float, sure: float) -> npt.NDArray[np.uint8]:
    """Blocks of an image that its whole does not explain as 1, others as 0: uint8 [H / BLOCK, W / BLOCK].

    Args:
        image: uint8 [H, W, 3].
        found: in the whole; outlines in pixels of `image`.
        least: short side from which on a box explains what it holds, in pixels of `image`.
        sure: score from which on it does.
    """
    blocks = _unexplained(ink_blocks(image), found, least, sure)
    if blocks.any():  # judging rules takes longer
        blocks &= _unexplained(ink_beside_rules(image), found, least, sure)
    return blocks


def _unexplained(ink: Mask, found: Detections, least: float, sure: float) -> npt.NDArray[np.uint8]:
    """Blocks of ink, and of small text, that no box explains: 1."""
    blocks = ink.astype(np.uint8)
    quads = outline_quads(found.boxes)
    sides = np.linalg.norm(quads[:, 1:3] - quads[:, :2], axis=-1).min(axis=1, initial=np.inf)
    explains = (sides >= least) & (found.scores >= sure)
    for outline, side in zip(found.boxes[explains], sides[explains].tolist(), strict=True):
        points = np.rint(outline / BLOCK - 0.5).astype(np.int32)
        cv2.fillPoly(blocks, [points], (0,))
        cv2.polylines(blocks, [points], True, (0,), max(1, round(2 * (MARGIN * side + SLACK) / BLOCK)))
    for outline in found.boxes[~explains]:
        cv2.fillPoly(blocks, [np.rint(outline / BLOCK - 0.5).astype(np.int32)], (1,))
    return blocks


def tiles_of(blocks: npt.NDArray[np.uint8], grid: TileGrid) -> Mask:
    """Which tiles hold any of the blocks of `open_ink` in what they alone answer for: bool [rows, columns]."""
    rows = _own(grid.tops, grid.tile_height, blocks.shape[0])
    columns = _own(grid.lefts, grid.tile_width, blocks.shape[1])
    return np.array([[bool(blocks[top:bottom, left:right].any()) for left, right in columns] for top, bottom in rows])


def _own(starts: list[int], tile: int, count: int) -> list[tuple[int, int]]:
    """First and last block of what each tile of a row alone answers for: up to the middles of its overlaps."""
    middles = [round((first + tile + second) / 2 / BLOCK) for first, second in pairwise(starts)]
    return list(pairwise([0, *middles, count]))


def closer_look(
    seen: DetectorInput,
    whole: ProbabilityMap,
    found: Detections,
    image_size: tuple[int, int],
    settings: DbnetSettings,
    detector: Detector,
) -> Detections:
    """Boxes of a large image, small text included; those of the whole where there is nothing more to look at.

    Args:
        seen: the whole, and its `detail`.
        whole: uint8 [h, w], the detector's map of it.
        found: the boxes in that map, in original pixels.
        image_size: width and height of the original in pixels.
        settings: thresholds.
        detector: asked for the tiles.
    """
    detail_size = np.array(seen.detail.shape[1::-1], np.float32)
    to_original = np.array(image_size, np.float32) / detail_size
    to_whole = to_original / seen.map_transforms[0, 2:]
    grid = tile_grid(seen.detail.shape[0], seen.detail.shape[1], detector.card, 1.0, detector.max_tiles)
    own = replace(found, boxes=found.boxes / to_original)
    shown = float(to_whole.min())
    blocks = open_ink(seen.detail, own, LARGE_ENOUGH / shown, detector.card.box_threshold)
    wanted = tiles_of(blocks, grid)
    if not wanted.any():
        return found
    large = _largest(blocks) >= TOO_LARGE / shown
    cut = cut_tiles(seen.detail, grid, wanted)
    answered = detector.maps_of(cut.tiles if large else cut.tiles[:-1])
    rows, columns = (slice(0, grid.rows), slice(0, grid.columns)) if large else _around(wanted, own.boxes, grid)
    known, shape = _of_boxes(whole, own.boxes * to_whole), answered.shape[1:]
    left, top = grid.lefts[columns.start], grid.tops[rows.start]
    right = min(grid.width, grid.lefts[columns.stop - 1] + grid.tile_width)
    bottom = min(grid.height, grid.tops[rows.stop - 1] + grid.tile_height)
    answers, maps, corners = iter(answered), [], []
    for row, column in np.ndindex(wanted.shape):
        answer = next(answers) if wanted[row, column] else None
        if rows.start <= row < rows.stop and columns.start <= column < columns.stop:
            corner = grid.lefts[column], grid.tops[row]
            maps.append(_seen_from(known, corner, to_whole, shape) if answer is None else answer)
            corners.append((corner[0] - left, corner[1] - top))
    map_transforms = np.array([(*(np.array(corner) * to_original), *to_original) for corner in corners], np.float32)
    if large:
        overview, overview_scale = answered[-1], cut.map_transforms[-1, 2:] * to_original
        inner = np.ceil(np.array(image_size) / overview_scale).astype(int)
        overview = overview[: inner[1], : inner[0]]  # text is found in the padding, too
    else:
        place, scale = np.array([right - left, bottom - top]) * to_whole, np.ones(2, np.float32)
        overview_shape = max(1, round(float(place[1]))), max(1, round(float(place[0])))
        overview = _seen_from(whole, tuple((np.array([left, top]) * to_whole).tolist()), scale, overview_shape)
        overview_scale = seen.map_transforms[0, 2:]
    part_size = (right - left) * float(to_original[0]), (bottom - top) * float(to_original[1])
    merged = merge_tiles(np.stack(maps), map_transforms, part_size, overview, overview_scale, settings)
    map_transform = np.array([left * to_original[0], top * to_original[1], *to_original], np.float32)
    inside = detect_boxes(merged, map_transform, image_size, settings)
    return _joined(found, _touches(own.boxes, (left, top, right, bottom)), inside, settings)


def _largest(blocks: npt.NDArray[np.uint8]) -> int:
    """Short side of the largest connected ink, in pixels."""
    stats = cv2.connectedComponentsWithStats(blocks)[2][1:]
    return int(stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].min(axis=1).max(initial=0)) * BLOCK


def _around(wanted: Mask, outlines: npt.NDArray[np.float32], grid: TileGrid) -> tuple[slice, slice]:
    """Rows and columns of tiles that hold all that are wanted, and wholly every outline that they touch."""
    rows, columns = (np.flatnonzero(wanted.any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    size = np.array([grid.width, grid.height], np.float32)
    low, high = np.clip(outlines.min(axis=1), 0, size), np.clip(outlines.max(axis=1), 0, size)
    lefts, tops = np.array(grid.lefts), np.array(grid.tops)
    while True:
        area = (
            grid.lefts[left],
            grid.tops[top],
            grid.lefts[right] + grid.tile_width,
            grid.tops[bottom] + grid.tile_height,
        )
        touched = _touches(outlines, area)
        if not touched.any():
            break
        (x0, y0), (x1, y1) = low[touched].min(axis=0), high[touched].max(axis=0)
        grown = (
            min(top, int(np.flatnonzero(tops <= y0)[-1])),
            max(bottom, int(np.flatnonzero(tops + grid.tile_height >= y1)[0])),
            min(left, int(np.flatnonzero(lefts <= x0)[-1])),
            max(right, int(np.flatnonzero(lefts + grid.tile_width >= x1)[0])),
        )
        if grown == (top, bottom, left, right):
            break
        top, bottom, left, right = grown
    return slice(top, bottom + 1), slice(left, right + 1)


def _touches(outlines: npt.NDArray[np.float32], area: tuple[int, int, int, int]) -> Mask:
    """Which outlines reach into an area of left, top, right, bottom."""
    low, high = outlines.min(axis=1), outlines.max(axis=1)
    return np.asarray(((low < area[2:]) & (high > area[:2])).all(axis=1))


def _joined(found: Detections, replaced: Mask, inside: Detections, settings: DbnetSettings) -> Detections:
    """Boxes of the whole but those that are replaced, and those of the part that was looked at."""
    points = max(found.boxes.shape[1], inside.boxes.shape[1])
    boxes = np.concatenate([of_points(found.boxes[~replaced], points), of_points(inside.boxes, points)])
    scores = np.concatenate([found.scores[~replaced], inside.scores])
    most = settings.max_candidates
    return Detections(boxes[:most], scores[:most], found.truncated or inside.truncated or len(boxes) > most)


def _of_boxes(whole: ProbabilityMap, outlines: npt.NDArray[np.float32]) -> ProbabilityMap:
    """A map without what lies in no box of its own."""
    mask = np.zeros_like(whole)
    for outline in outlines:
        cv2.fillPoly(mask, [np.rint(outline - 0.5).astype(np.int32)], (255,))
    return np.asarray(cv2.bitwise_and(whole, mask), np.uint8)


def _seen_from(
    whole: ProbabilityMap, corner: tuple[float, float], scale: npt.NDArray[np.float32], shape: tuple[int, ...]
) -> ProbabilityMap:
    """A part of a map, at another scale: uint8 `shape`.

    Args:
        whole: uint8 [h, w].
        corner: x and y of the part's top-left; times `scale`, in the map.
        scale: x and y, pixels of the map for each of the part.
        shape: height and width of the part.
    """
    shift = (np.array(corner) + 0.5) * scale - 0.5  # between pixel centers
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(whole, matrix, shape[::-1], flags=way), np.uint8)

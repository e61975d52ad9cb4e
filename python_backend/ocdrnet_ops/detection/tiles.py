"""What the detector is shown: the part of an image that holds text, cut into overlapping tiles.

A mostly blank image -> the part of it that holds all that is drawn.

A DBNet judges every place by the whole image as well. One line on a large empty page it does not see: of 108 single
lines 16 to 48 pixels high on flat pages of 2 to 8.7 million pixels PP-OCRv6-small found 34, and all of them when it was
shown the part around them alone.

A large image -> the whole of it, and itself beside that, for `detection.closer_look` to take tiles from.

With `tiling=on` -> all of its overlapping tiles, the detector's batch. The batch ends with the overview, the whole
image in one more tile: letters larger than a tile are seen there alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import DetectorCard
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.image.resize import (
    STEP,
    DetectorInput,
    check_side,
    detector_input,
    letterbox,
    scale_image,
    whole_scale,
)

FLAT = 8  # gray levels that a blank place may vary by, as `tiles.LEAST_CONTRAST`; what is fainter is no text
MARGIN = 64  # pixels kept around what is drawn
COARSE = 128  # sides are a multiple of it where the image allows, so that few shapes reach the detector
LARGEST_SHARE = 0.5  # of the image: a larger part is not worth another shape


def content_area(image: npt.NDArray[np.uint8], card: DetectorCard) -> tuple[slice, slice] | None:
    """Rows and columns that hold everything but a flat background; None where that is over half of the image.

    The part is no smaller than what the detector sees without enlarging it.

    Args:
        image: uint8 [H, W, 3].
        card: of the detector.
    """
    height, width = _size(image)
    if (middle := _background(image_border(image), height, width, card)) is None:
        return None
    least = _least_part(card)
    blank = cv2.inRange(image, (middle - FLAT).astype(np.float64), (middle + FLAT).astype(np.float64))
    rows, columns = (np.flatnonzero(blank.min(axis=axis) == 0) for axis in (1, 0))
    if not len(rows):
        return None
    top, bottom = _around(int(rows[0]), int(rows[-1]) + 1, least[0], height)
    left, right = _around(int(columns[0]), int(columns[-1]) + 1, least[1], width)
    if (bottom - top) * (right - left) > LARGEST_SHARE * height * width:
        return None
    return slice(top, bottom), slice(left, right)


def _least_part(card: DetectorCard) -> tuple[int, int]:
    return card.height or card.side, card.width or card.side  # height and width are 0 where the input is free


def image_border(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The outermost pixels of an image: uint8 [n, 3]."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def _background(
    border: npt.NDArray[np.uint8], height: int, width: int, card: DetectorCard
) -> npt.NDArray[np.int64] | None:
    """The colour of a flat background, int [3]; None where there is none, or no part could be small enough."""
    least = _least_part(card)
    if least[0] * least[1] > LARGEST_SHARE * height * width:
        return None
    low, high = border.min(axis=0).astype(np.int64), border.max(axis=0).astype(np.int64)
    return None if (high - low).max() > FLAT else (low + high) // 2


def _around(start: int, end: int, least: int, length: int) -> tuple[int, int]:
    """A stretch of a side around what is drawn on it, within the side."""
    wanted = max(least, -(-(end - start + 2 * MARGIN) // COARSE) * COARSE)
    if wanted >= length:
        return 0, length
    first = min(max(0, (start + end - wanted) // 2), length - wanted)
    return first, first + wanted


# Measured with PP-OCRv6-small on three 6000 x 4000 mosaics of ICDAR 2015 photos, of whose 192 words read alone tiles of
# 1024 pixels have 178 with an overlap of 256, 171 with 128. With a simpler reader, of 187: 177 and 175; tiles of 640 to
# 832 pixels 156 to 172, of 1312 169, of 2016 165. What neighboring sizes differ by is chance: this detector's answer
# depends on all that a tile shows, and photos that are cut and meet are hard for it.
TILE_SIDE = 1024  # of a tile of free size, in pixels
OVERLAP = 256  # of neighbors, in pixels
TILED_PIXELS = 64 * TILE_SIDE * TILE_SIDE  # of all tiles of an image; where fewer fit into a batch, they are larger
LEAST_TILES = 3  # two and the overview
LEAST_CONTRAST = 8  # gray levels between the darkest and the lightest place of a tile that is not empty
SHRUNK_TOO_MUCH = 0.5  # scale of the whole image, of that which was wanted, under which `auto` tiles


@dataclass(frozen=True)
class TileGrid:
    """How an image is cut: scaled, then into rows and columns of tiles of one size, spread evenly.

    Attributes:
        scale: pixels of the scaled image for each of the original.
        height: of the scaled image, in pixels.
        width: likewise.
        rows: of tiles.
        columns: of tiles.
        tile_height: in pixels; a single row or column may be larger than the scaled image.
        tile_width: likewise.
    """

    scale: float
    height: int
    width: int
    rows: int
    columns: int
    tile_height: int
    tile_width: int

    @property
    def count(self) -> int:
        """Tiles without the overview."""
        return self.rows * self.columns

    @property
    def tops(self) -> list[int]:
        """Scaled image's y of each row of tiles."""
        return _spread(self.height, self.tile_height, self.rows)

    @property
    def lefts(self) -> list[int]:
        """Scaled image's x of each column of tiles."""
        return _spread(self.width, self.tile_width, self.columns)


def detector_tiles(
    image: npt.NDArray[np.uint8], card: DetectorCard, side: int | None, tiling: str, max_tiles: int
) -> DetectorInput:
    """The whole image as one input, or tiles of it and, last, its overview; of a mostly blank one the part that is not.

    Args:
        image: uint8 [H, W, 3], BGR.
        card: of the detector.
        side: short side to which the whole image is scaled before it is cut; its own without it.
        tiling: `off`; `on`: tiles, wherever the image so scaled is larger than one; or `auto`: where the whole as one
            input is less than half as large as that, the whole and its `detail`, of which tiles can be cut. Inputs that
            are hardly larger than an overlap are never tiles.
        max_tiles: images that the detector takes at once, the overview included; the scale is lowered to keep to it.

    Raises:
        OptionError: tiles are wanted of a detector that takes too few images at once, or `side` of one whose input has
            a fixed size.
    """
    _check_tiling(card, side, tiling, max_tiles)
    part = content_area(image, card) if side is None else None
    if part is not None and _chosen_grid(*_size(image[part]), card, side, tiling, max_tiles) is None:
        return _part_input(image, part, card)
    grid = _chosen_grid(*_size(image), card, side, tiling, max_tiles)
    if grid is None:
        return detector_input(image, card, side)
    if tiling == "auto":
        return replace(detector_input(image, card, side), detail=scale_image(image, grid.height, grid.width))
    return cut_tiles(image, grid)


def shows_whole(
    border: npt.NDArray[np.uint8],
    height: int,
    width: int,
    card: DetectorCard,
    side: int | None,
    tiling: str,
    max_tiles: int,
) -> bool:
    """Whether `detector_tiles` shows the whole image as one input, as far as its border and its size tell.

    Args:
        border: of `image_border`.
        height: of the image.
        width: of the image.
        card: as of `detector_tiles`, and so are the others and the errors.
        side: likewise.
        tiling: likewise.
        max_tiles: likewise.
    """
    _check_tiling(card, side, tiling, max_tiles)
    may_be_blank = side is None and _background(border, height, width, card) is not None
    return not may_be_blank and _chosen_grid(height, width, card, side, tiling, max_tiles) is None


def _check_tiling(card: DetectorCard, side: int | None, tiling: str, max_tiles: int) -> None:
    check_side(card, side)
    if tiling == "on" and max_tiles < LEAST_TILES:
        raise OptionError(
            f"tiling is on; this repository's detector takes {max_tiles} image{'s' * (max_tiles > 1)} at once, and "
            f"tiles need {LEAST_TILES} or more: leave tiling at auto, or build with a larger --detector-batch"
        )


def _size(image: npt.NDArray[np.uint8]) -> tuple[int, int]:
    return image.shape[0], image.shape[1]


def _part_input(image: npt.NDArray[np.uint8], part: tuple[slice, slice], card: DetectorCard) -> DetectorInput:
    seen = detector_input(image[part], card)
    rows, columns = part
    moved = np.array([columns.start, rows.start, 0, 0], np.float32)
    # Copied only where the part was not scaled: it is then still a view of the image.
    return DetectorInput(np.ascontiguousarray(seen.tiles), seen.map_transforms + moved)


def _chosen_grid(
    height: int, width: int, card: DetectorCard, side: int | None, tiling: str, max_tiles: int
) -> TileGrid | None:
    wanted = side / min(height, width) if side else 1.0
    whole = whole_scale(height, width, card, side)
    enough = wanted * SHRUNK_TOO_MUCH if tiling == "auto" else math.inf
    if tiling == "off" or max_tiles < LEAST_TILES or whole >= enough:
        return None
    if min(_largest_tile(card, max_tiles)) < 2 * OVERLAP:
        return None
    grid = tile_grid(height, width, card, wanted, max_tiles)
    return grid if grid.count > 1 and grid.scale >= whole else None


def tile_grid(height: int, width: int, card: DetectorCard, wanted: float, max_tiles: int) -> TileGrid:
    """The grid of the largest scale, but none over `wanted`, whose tiles and overview are `max_tiles` at most.

    Args:
        height: of the image.
        width: of the image.
        card: of the detector.
        wanted: scaled pixels for each of the original.
        max_tiles: at least 2.
    """
    tile_height, tile_width = _largest_tile(card, max_tiles)
    shapes = [(rows, (max_tiles - 1) // rows) for rows in range(1, max_tiles)]
    reaches = [(_reach(rows, tile_height), _reach(columns, tile_width)) for rows, columns in shapes]
    scale = min(wanted, max(min(high / height, wide / width) for high, wide in reaches))
    high, wide = max(1, math.floor(height * scale + 1e-6)), max(1, math.floor(width * scale + 1e-6))
    rows, columns = _count(high, tile_height), _count(wide, tile_width)
    if card.resize == "multiple-of-32":
        tile_height, tile_width = _smallest_tile(high, rows), _smallest_tile(wide, columns)
    return TileGrid(scale, high, wide, rows, columns, tile_height, tile_width)


def _largest_tile(card: DetectorCard, max_tiles: int) -> tuple[int, int]:
    if card.resize != "multiple-of-32":
        return card.height, card.width
    side = min(card.max_side, max(TILE_SIDE, math.isqrt(TILED_PIXELS // max_tiles)))
    return side // STEP * STEP, side // STEP * STEP


def _smallest_tile(length: int, count: int) -> int:
    """Multiple of 32 of which `count` with their overlaps cover a length."""
    return -(-(length + (count - 1) * OVERLAP) // (count * STEP)) * STEP


def _reach(count: int, tile: int) -> int:
    return count * tile - (count - 1) * OVERLAP


def _count(length: int, tile: int) -> int:
    return max(1, -(-(length - OVERLAP) // (tile - OVERLAP)))


def _spread(length: int, tile: int, count: int) -> list[int]:
    return [index * (length - tile) // (count - 1) for index in range(count)] if count > 1 else [0]


def cut_tiles(
    image: npt.NDArray[np.uint8], grid: TileGrid, wanted: npt.NDArray[np.bool_] | None = None
) -> DetectorInput:
    """Tiles row by row; what of a tile lies outside the image, right or below, is black, and so are empty tiles.

    A detector that has nothing but paper before it finds faint text all over it (PP-OCRv6-small: 38 % of a white tile's
    pixels are over the threshold); nothing but black is nothing to it.

    Args:
        image: uint8 [H, W, 3].
        grid: of the image.
        wanted: bool [rows, columns], the tiles to cut; all without it. The overview is always the last.
    """
    scaled = scale_image(image, grid.height, grid.width)
    x_scale, y_scale = image.shape[1] / grid.width, image.shape[0] / grid.height
    corners = [(left, top) for top in grid.tops for left in grid.lefts]
    if wanted is not None:
        corners = [corner for corner, is_wanted in zip(corners, wanted.ravel().tolist(), strict=True) if is_wanted]
    tiles = np.zeros((len(corners) + 1, grid.tile_height, grid.tile_width, 3), np.uint8)
    for tile, (left, top) in zip(tiles, corners, strict=False):
        part = scaled[top : top + grid.tile_height, left : left + grid.tile_width]
        if _has_contrast(part):
            tile[: part.shape[0], : part.shape[1]] = part
    map_transforms = [(left * x_scale, top * y_scale, x_scale, y_scale) for left, top in corners]
    overview = letterbox(image, grid.tile_height, grid.tile_width)
    tiles[-1] = overview.tiles[0]
    return DetectorInput(tiles, np.array([*map_transforms, overview.map_transforms[0]], np.float32))


def _has_contrast(part: npt.NDArray[np.uint8]) -> bool:
    """Whether there is more than a scanner's noise, which averaging over blocks of 8 x 8 pixels takes away."""
    height, width = part.shape[:2]
    blocks = cv2.resize(part, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA)
    return bool(np.ptp(blocks, axis=(0, 1)).max() >= LEAST_CONTRAST)

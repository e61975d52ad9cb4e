"""The detector's probability maps -> outlines of text, also of an image that lies on its side.

Images that lie on their side: whether to look, which way to turn, and the way back.

Detectors are trained on horizontal text; of street photos turned by 90 degrees they find a quarter of the words less.
So an image whose boxes are mostly tall, or that has none, is shown to the detector once more, turned by 90 degrees,
and the frame in which the lines lie along the rows is kept. Whether the text then stands on its head is not decided
here: `recognition.line_flip` does that, line by line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import DetectorCard
from ocdrnet_ops.detection.dbnet import DbnetSettings, Detections, detect_boxes
from ocdrnet_ops.detection.tile_merging import merge_maps
from ocdrnet_ops.geometry.quads import VERTICAL_RATIO
from ocdrnet_ops.geometry.text_outline import outline_quads
from ocdrnet_ops.image.resize import DetectorInput

TALL_SHARE = 0.25  # of the elongation of all boxes: above it the detector looks again; chosen on 80 images turned
EVIDENCE = 2.5  # elongation by which the turned frame must lead: about one short word; noise makes square boxes


def looks_rotated(quads: npt.NDArray[np.float32]) -> bool:
    """Whether the image may lie on its side: much of its text is in tall boxes, or there is none.

    Args:
        quads: float32 [N, 4, 2], in the image as it came.
    """
    wide, tall = elongations(quads)
    return tall > TALL_SHARE * (wide + tall) or not len(quads)


def is_rotated(upright: npt.NDArray[np.float32], turned: npt.NDArray[np.float32]) -> bool:
    """Whether the lines run along the rows of the turned image rather than of the image as it came.

    Args:
        upright: float32 [N, 4, 2], boxes found in the image as it came.
        turned: float32 [M, 4, 2], boxes found in the image turned by 90 degrees.
    """
    (wide, tall), (turned_wide, turned_tall) = elongations(upright), elongations(turned)
    return turned_wide + tall > wide + turned_tall + EVIDENCE


def elongations(quads: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Length of the text in wide and in tall boxes, each box's as its long side over its short one.

    Args:
        quads: float32 [N, 4, 2], clockwise from the text's top-left. Nearly square ones count for neither.
    """
    sides = np.linalg.norm(quads[:, 1:3] - quads[:, :2], axis=-1)
    ratios = sides.max(axis=1, initial=0) / np.maximum(sides.min(axis=1, initial=np.inf), 1e-6)
    along = np.abs(quads[:, 1] - quads[:, 0])  # of the writing direction
    tall = along[:, 1] > along[:, 0]
    wide = ~tall & (ratios >= VERTICAL_RATIO)
    return float(ratios[wide].sum()), float(ratios[tall].sum())


def turn_tiles(
    tiles: npt.NDArray[np.uint8], map_transforms: npt.NDArray[np.float32], width: int, fixed: bool
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """The detector's input for the image turned by 90 degrees counterclockwise, from that for the image itself.

    Args:
        tiles: uint8 [tiles, h, w, 3]; of several the last is the overview.
        map_transforms: float32 [tiles, 4]: x0, y0, x-scale, y-scale from map to original pixels.
        width: of the original image, in pixels.
        fixed: the detector takes h x w alone: the one tile is scaled down into that, the rest is black.

    Returns:
        Tiles uint8 [tiles, w, h, 3], or [1, h, w, 3] when `fixed`, row by row, and their map_transforms in the turned
        image, whose x is the original's y, and whose y counts from the original's right border.
    """
    x0, y0, x_scale, y_scale = map_transforms.T
    empty = np.rint(np.maximum(0, (x0 + tiles.shape[2] * x_scale - width) / x_scale)).astype(int)
    turned = np.ascontiguousarray(np.rot90(tiles, axes=(1, 2)))
    for tile, rows in zip(turned, empty.tolist(), strict=True):
        tile[:] = np.roll(tile, -rows, axis=0)  # what lay right of the image lies below it again
    tops = np.maximum(0, width - x0 - tiles.shape[2] * x_scale)
    placed = np.stack([y0, tops, y_scale, x_scale], -1).astype(np.float32)
    if fixed:
        return _shrunk_into(turned, placed, tiles.shape[1], tiles.shape[2])
    order = [*np.lexsort((placed[:-1, 0], placed[:-1, 1])).tolist(), len(tiles) - 1]
    return turned[order], placed[order]


def _shrunk_into(
    tiles: npt.NDArray[np.uint8], map_transforms: npt.NDArray[np.float32], height: int, width: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    scale = min(height / tiles.shape[1], width / tiles.shape[2])
    inner_height, inner_width = round(tiles.shape[1] * scale), round(tiles.shape[2] * scale)
    shrunk = np.zeros((len(tiles), height, width, 3), np.uint8)
    for out, tile in zip(shrunk, tiles, strict=True):
        out[:inner_height, :inner_width] = cv2.resize(tile, (inner_width, inner_height), interpolation=cv2.INTER_AREA)
    grown = np.array([1, 1, tiles.shape[2] / inner_width, tiles.shape[1] / inner_height], np.float32)
    return shrunk, map_transforms * grown


def turn_back(outlines: npt.NDArray[np.float32], width: int) -> npt.NDArray[np.float32]:
    """Points of the turned image in the image as it came.

    Args:
        outlines: float32 [..., 2], in the image turned by 90 degrees counterclockwise.
        width: of the original image, in pixels.
    """
    return np.stack([width - outlines[..., 1], outlines[..., 0]], axis=-1)


Maps = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Detector:
    """A detector that can be asked again.

    Attributes:
        card: its card.
        maps_of: uint8 [tiles, h, w, 3] -> probability maps uint8 [tiles, h, w].
    """

    card: DetectorCard
    maps_of: Callable[[npt.NDArray[np.uint8]], Maps]


def detect_text(
    seen: DetectorInput,
    maps: Maps,
    image_size: tuple[int, int],
    settings: DbnetSettings,
    upside_down: str,
    detector: Detector,
) -> Detections:
    """Outlines of text in original pixels; the detector is asked again where the image may lie on its side.

    Args:
        seen: what the detector has seen of the image.
        maps: uint8 [tiles, h, w], what it answered.
        image_size: width and height of the original in pixels.
        settings: thresholds.
        upside_down: `off`: the image is taken as it came; `on`: it is always looked at turned, too; `auto`: where
            text is found in tall boxes, or none.
        detector: asked with the image turned by 90 degrees.
    """
    upright = _detect(seen.map_transforms, maps, image_size, settings)
    fixed = detector.card.resize != "multiple-of-32"
    if upside_down == "off" or (fixed and len(maps) > 1):  # tiles of a fixed size do not fit together when turned
        return upright
    if upside_down == "auto" and not looks_rotated(outline_quads(upright.boxes)):
        return upright
    width, height = image_size
    tiles, map_transforms = turn_tiles(seen.tiles, seen.map_transforms, width, fixed)
    turned = _detect(map_transforms, detector.maps_of(tiles), (height, width), settings)
    if not is_rotated(outline_quads(upright.boxes), outline_quads(turned.boxes)):
        return upright
    return replace(turned, boxes=turn_back(turned.boxes, width))


def _detect(
    map_transforms: npt.NDArray[np.float32], maps: Maps, image_size: tuple[int, int], settings: DbnetSettings
) -> Detections:
    merged, map_transform = merge_maps(maps, map_transforms, image_size, settings)
    return detect_boxes(merged, map_transform, image_size, settings)

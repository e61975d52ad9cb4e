"""The detector's maps -> outlines of text, also of a picture that lies on its side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import DetectorCard
from ocdrnet_ops.dbnet import DbnetSettings, Detections, detect_boxes
from ocdrnet_ops.merged_map import merge_maps
from ocdrnet_ops.resize import DetectorInput
from ocdrnet_ops.ribbon import ribbon_quads
from ocdrnet_ops.sideways import lies_sideways, looks_sideways, turn_back, turn_tiles

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
    """Outlines of text in original pixels; the detector is asked again where the picture may lie on its side.

    Args:
        seen: what the detector has seen of the picture.
        maps: uint8 [tiles, h, w], what it answered.
        image_size: width and height of the original in pixels.
        settings: thresholds.
        upside_down: `off`: the picture is taken as it came; `on`: it is always looked at turned, too; `auto`: where
            text is found in tall boxes, or none.
        detector: asked with the picture turned by 90 degrees.
    """
    upright = _detect(seen.placements, maps, image_size, settings)
    fixed = detector.card.resize != "multiple-of-32"
    if upside_down == "off" or (fixed and len(maps) > 1):  # tiles of a fixed size do not fit together when turned
        return upright
    if upside_down == "auto" and not looks_sideways(ribbon_quads(upright.boxes)):
        return upright
    width, height = image_size
    tiles, placements = turn_tiles(seen.tiles, seen.placements, width, fixed)
    turned = _detect(placements, detector.maps_of(tiles), (height, width), settings)
    if not lies_sideways(ribbon_quads(upright.boxes), ribbon_quads(turned.boxes)):
        return upright
    return replace(turned, boxes=turn_back(turned.boxes, width))


def _detect(
    placements: npt.NDArray[np.float32], maps: Maps, image_size: tuple[int, int], settings: DbnetSettings
) -> Detections:
    merged, placement = merge_maps(maps, placements, image_size, settings)
    return detect_boxes(merged, placement, image_size, settings)

"""Real probability maps with about a wanted number of boxes, at several sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.image_sets import SAMPLES
from benchmarks.in_process import LIMITS, Pair
from ocdrnet_ops.detection.dbnet import dbnet_settings, detect_boxes
from ocdrnet_ops.image.decode import decode_image

Map = npt.NDArray[np.uint8]
SHAPES = ((736, 1280), (1088, 1920), (1472, 2560))  # height and width of the map in pixels
COUNTS = (5, 50, 300)
WHITE = 255


@dataclass(frozen=True)
class ProbabilityMap:
    """What a detector answered for one image.

    Attributes:
        wanted: about as many boxes.
        pixels: uint8 [h, w].
        boxes: that `ocdrnet_ops` finds in it.
    """

    wanted: int
    pixels: Map
    boxes: int


def probability_maps(pair: Pair) -> Iterator[ProbabilityMap]:
    """A map for each count and shape: the drawn sample page's first lines, laid out over the shape.

    The page is stretched to the shape, so on the smallest map its print is small; it is white below the row of pixels
    where the wanted count is reached.
    """
    for shape in SHAPES:
        for wanted in COUNTS:
            yield _map_with(wanted, shape, pair)


def _map_with(wanted: int, shape: tuple[int, int], pair: Pair) -> ProbabilityMap:
    page = decode_image((SAMPLES / "page.png").read_bytes(), LIMITS).pixels
    laid_out = cv2.resize(page, shape[::-1], interpolation=cv2.INTER_AREA).astype(np.uint8)
    low, high, best = 0, shape[0], ProbabilityMap(wanted, np.zeros(shape, np.uint8), 0)
    for _ in range(8):  # halves the kept height each time: to a few rows of pixels
        kept = (low + high) // 2
        picture = laid_out.copy()
        picture[kept:] = WHITE
        found = _detected(picture, pair)
        count = _count(found, pair)
        if abs(count - wanted) <= abs(best.boxes - wanted):
            best = ProbabilityMap(wanted, found, count)
        low, high = (kept, high) if count < wanted else (low, kept)
    return best


def _detected(picture: Map, pair: Pair) -> Map:
    answer: Map = pair.detector.run([picture[None]])[0]["pred"][0, 0]
    return answer


def _count(found: Map, pair: Pair) -> int:
    map_transform = np.array([0, 0, 1, 1], np.float32)
    size = (found.shape[1], found.shape[0])
    return len(detect_boxes(found, map_transform, size, dbnet_settings(pair.detector_card, {})).boxes)

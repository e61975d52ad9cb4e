"""Image -> detector input: scale, shape and the way back from map to original pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import DetectorCard
from ocdrnet_ops.errors import OptionError

STEP = 32  # a DBNet halves its input five times (paper, figure 3)
# Times that a small image is enlarged at most. PP-OCRv6-small on 108 word crops of ICDAR 2015, 80 lines and 37 blocks
# of SROIE, 120 to 450 pixels high: at most 2.5 times 66, 62 and 399 of 412 texts right; up to the short side of 736
# pixels 57, 62 and 398, for 6, 3.5 and 1.6 times the processor time; at most 2 times 69, 67 and 401, but lone digits of
# a meter are overlooked. Drawn text of 8 pixels and more is read the same at 2, at 3 and at 736 pixels.
MOST_ENLARGED = 2.5


@dataclass(frozen=True)
class DetectorInput:
    """What the detector sees of an image.

    Attributes:
        tiles: uint8 [tiles, h, w, 3], BGR.
        map_transforms: float32 [tiles, 4]: x0, y0, x-scale, y-scale; original x = x0 + map x * x-scale, likewise y.
        detail: uint8 [H, W, 3], the whole image at a larger scale than its one tile's, where that may be too small to
            show all of its text; else [0, 0, 3].
    """

    tiles: npt.NDArray[np.uint8]
    map_transforms: npt.NDArray[np.float32]
    detail: npt.NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 0, 3), np.uint8))


def detector_size(height: int, width: int, card: DetectorCard, side: int | None = None) -> tuple[int, int]:
    """Height and width in pixels to which an image is scaled for a `multiple-of-32` detector.

    The short side goes to `side`, but the long side never over `card.max_side`; an image between the two keeps its
    size. Without a side of the request's no image grows more than `MOST_ENLARGED` times. Both are rounded to a multiple
    of 32, so that requests share shapes and can be batched.

    Args:
        height: of the image.
        width: of the image.
        card: of the detector.
        side: the request's short side; the card's without it.
    """
    scale = _free_scale(height, width, card, side)
    return _round(height * scale), _round(width * scale)


def _free_scale(height: int, width: int, card: DetectorCard, side: int | None) -> float:
    short, long = min(height, width), max(height, width)
    scale = side / short if side else min(max(card.side / short, 1.0), MOST_ENLARGED)
    return min(scale, card.max_side / long)


def _round(length: float) -> int:
    return max(STEP, round(length / STEP) * STEP)


def whole_scale(height: int, width: int, card: DetectorCard, side: int | None = None) -> float:
    """Detector pixels per original pixel when the whole image is one input; of the direction that shrinks more.

    Args:
        height: of the image.
        width: of the image.
        card: of the detector.
        side: as of `detector_size`.
    """
    if card.resize == "multiple-of-32":
        return _free_scale(height, width, card, side)
    return min(card.height / height, card.width / width)


def check_side(card: DetectorCard, side: int | None) -> None:
    """Refuse a side for a detector that has none.

    Raises:
        OptionError: `side` is given and the detector's input has a fixed size.
    """
    if side is not None and card.resize != "multiple-of-32":
        raise OptionError(f"detector_side is {side}; this detector's input is fixed at {card.height} x {card.width}")


def scale_image(image: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """Scale an image uint8 [H, W, 3] to a size in pixels; the image itself where it has that size."""
    if image.shape[:2] == (height, width):
        return image
    averages = shrinks_much(image.shape[0], image.shape[1], height, width)
    scaled = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if averages else cv2.INTER_LINEAR)
    return scaled.astype(np.uint8, copy=False)


def shrinks_much(height: int, width: int, to_height: int, to_width: int) -> bool:
    """Whether areas are averaged, which keeps thin strokes when more than half of the pixels go.

    Else scaling is bilinear, which is what the networks trained on.
    """
    return height > 2 * to_height or width > 2 * to_width


Scale = Callable[[npt.NDArray[np.uint8], int, int], npt.NDArray[np.uint8]]


def detector_input(
    image: npt.NDArray[np.uint8], card: DetectorCard, side: int | None = None, scale: Scale = scale_image
) -> DetectorInput:
    """Scale an image as its detector's card wants it.

    Args:
        image: uint8 [H, W, 3], BGR.
        card: of the detector.
        side: short side in pixels instead of the card's, for a `multiple-of-32` detector.
        scale: as `scale_image`, for an image that is an array of another kind.

    Raises:
        OptionError: `side` is given and the detector's input has a fixed size.
    """
    check_side(card, side)
    height, width = image.shape[:2]
    if card.resize == "letterbox":
        return letterbox(image, card.height, card.width, scale)
    target = (card.height, card.width) if card.resize == "stretch" else detector_size(height, width, card, side)
    tile = scale(image, *target)
    return DetectorInput(tile[None], np.array([[0, 0, width / target[1], height / target[0]]], np.float32))


def letterbox(image: npt.NDArray[np.uint8], height: int, width: int, scale: Scale = scale_image) -> DetectorInput:
    """Scale an image uint8 [H, W, 3] into a tile of a size in pixels; the rest, right or below, is black."""
    share = min(height / image.shape[0], width / image.shape[1])
    inner = max(1, round(image.shape[0] * share)), max(1, round(image.shape[1] * share))
    tile = np.zeros_like(image, shape=(height, width, 3))
    tile[: inner[0], : inner[1]] = scale(image, *inner)
    map_transform = [0, 0, image.shape[1] / inner[1], image.shape[0] / inner[0]]
    return DetectorInput(tile[None], np.array([map_transform], np.float32))

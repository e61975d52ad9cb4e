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
# Times that a small image is enlarged at most. Drawn text of 8 pixels and more is read the same at 2, at 3 and at 736
# pixels; at 2 times the lone digits of a meter are overlooked.
MOST_ENLARGED = 2.5
# Short side in pixels of an image as high as one line or a few, and of what the detector is shown of it; in between in
# proportion. Such text fills the image, and grows less than what may hold small print. PP-OCRv6-small on crops:
#   108 words of ICDAR 2015: 69 right, 41 ms of CPU each; at 2.5 times their size 70, 58 ms
#   80 lines of SROIE: 69, 33 ms; at 2.5 times 66, 77 ms
#   33 blocks of SROIE, 60 to 320 pixels high: 196 of 204 lines, 206 ms; at 2.5 times 196, 343 ms
#   24 drawn words each of 20, 32, 48, 64, 100 and 160 pixels: all, in 0.5 to 0.9 of the time
# Less, 80 pixels up to 64 and 1.25 times up to 128, read 65, 72 and 195: words of photos are lost.
SMALL_SIDES = (0, 40, 66, 128, 250)
SHOWN_SIDES = (0, 100, 100, 192, 625)


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
    size. Without a side of the request's a small image grows less, as `SHOWN_SIDES` says. Both are rounded to a
    multiple of 32, so that requests share shapes and can be batched.

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
    shown = side or max(short, _default_side(short, card))
    return min(shown / short, card.max_side / long)


def _default_side(short: int, card: DetectorCard) -> float:
    small = short < SMALL_SIDES[-1]
    return min(card.side, float(np.interp(short, SMALL_SIDES, SHOWN_SIDES)) if small else MOST_ENLARGED * short)


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
    own_height, own_width = image.shape[:2]
    if shrinks_much(own_height, own_width, height, width):
        # A side that grows comes afterwards: where one does, OpenCV takes two pixels of the other, and no mean.
        shrunk = min(own_width, width), min(own_height, height)
        image = cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        if shrunk == (width, height):
            return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


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

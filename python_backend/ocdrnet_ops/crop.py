"""Boxes -> upright crops of one height: the recognizer's batch."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.geometry import Quads, quad_sizes

WIDTH_STEP = 32  # crops of one image are padded to a multiple of it, so that few shapes reach the recognizer
MIN_WIDTH = 32
MAX_WARP = 4  # times the crop's height: larger print is warped smaller, or one headline would cost a page


@dataclass(frozen=True)
class Crops:
    """Crops of one image, in the order of its boxes.

    Attributes:
        pixels: uint8 [max(N, 1), h, w, 3], BGR; what lies right of a crop's own width repeats its last column.
        widths: int32 [max(N, 1), 1], own width of each crop in pixels.
    """

    pixels: npt.NDArray[np.uint8]
    widths: npt.NDArray[np.int32]


def crop_lines(image: npt.NDArray[np.uint8], boxes: Quads, card: RecognizerCard) -> Crops:
    """Warp every box upright to the recognizer's height.

    Without a box there is one blank crop, because a Triton batch cannot be empty; `text_decode` drops it.

    Args:
        image: uint8 [H, W, 3], BGR.
        boxes: float32 [N, 4, 2], clockwise from the text's top-left, in the image's pixels.
        card: of the recognizer: height, and either one width or the limit of a free one.
    """
    if not len(boxes):
        width = card.width or WIDTH_STEP
        return Crops(np.zeros((1, card.height, width, 3), np.uint8), np.full((1, 1), width, np.int32))
    widths = crop_widths(boxes, card)
    full_width = card.width or -(-int(widths.max()) // WIDTH_STEP) * WIDTH_STEP
    pixels = np.empty((len(boxes), card.height, full_width, 3), np.uint8)
    for out, box, width in zip(pixels, boxes, widths, strict=True):
        _warp(image, box, out[:, :width])
        out[:, width:] = out[:, width - 1 : width]
    return Crops(pixels, widths[:, None])


def crop_widths(boxes: Quads, card: RecognizerCard) -> npt.NDArray[np.int32]:
    """Width of each crop in pixels, aspect ratio kept: int32 [N]; the card's own where that is fixed."""
    if card.width:
        return np.full(len(boxes), card.width, np.int32)
    width, height = quad_sizes(boxes).T
    widths = np.rint(card.height * width / np.maximum(height, 1.0))
    return np.asarray(np.clip(widths, MIN_WIDTH, card.max_width), np.int32)


def _warp(image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], out: npt.NDArray[np.uint8]) -> None:
    """Warp one quad into `out`: at the text's own size first, then scaled, as the networks' training crops were.

    One warp straight to the crop's height skips pixels of large print and read 2 words in 100 less of street photos.
    """
    height, width = out.shape[:2]
    own_width, own_height = quad_sizes(box[None])[0]
    shrink = max(1.0, float(own_height) / (MAX_WARP * height))
    size = (max(1, round(float(own_width) / shrink)), max(1, round(float(own_height) / shrink)))
    target = np.array([(0, 0), (size[0], 0), size, (0, size[1])], np.float32)
    matrix = cv2.getPerspectiveTransform(box - 0.5, target - 0.5)  # corners are pixel edges, OpenCV's are centers
    warped = cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    scaling = cv2.INTER_AREA if size[1] >= 2 * height else cv2.INTER_LINEAR
    out[:] = cv2.resize(warped, (width, height), interpolation=scaling)

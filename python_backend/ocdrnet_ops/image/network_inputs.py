"""What the two networks take, for callers who ask them directly: the ensemble's own steps keep to it.

Triton checks numbers of dimensions. An engine finds the rest at work, in words of its own, or takes all memory first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.errors import TensorError
from ocdrnet_ops.geometry.crop import WIDTH_STEP, longest_crop
from ocdrnet_ops.image.resize import STEP


def check_detector_input(images: npt.NDArray[np.uint8], card: DetectorCard) -> None:
    """Refuse images that the detector does not take.

    Args:
        images: uint8 [n, h, w, 3].
        card: of the detector.

    Raises:
        TensorError: h and w are not the card's or, where those are free, not multiples of 32 up to the card's limit.
    """
    height, width = images.shape[1:3]
    if card.resize != "multiple-of-32":
        if (height, width) != (card.height, card.width):
            raise TensorError(f"input is {height} x {width}; this detector takes {card.height} x {card.width}")
        return
    limit = _stepped(card.max_side, STEP)
    if not all(side % STEP == 0 and STEP <= side <= limit for side in (height, width)):
        raise TensorError(f"input is {height} x {width}; this detector takes multiples of {STEP} up to {limit}")


def check_crops(crops: npt.NDArray[np.uint8], widths: npt.NDArray[np.int32], card: RecognizerCard) -> None:
    """Refuse crops that the recognizer does not take.

    Args:
        crops: uint8 [n, h, w, 3].
        widths: int32 [n], own width of each crop in pixels.
        card: of the recognizer.

    Raises:
        TensorError: w is not the card's or, where that is free, over what `longest_crop` allows; or an own width is not
            within 0..w.
    """
    columns = crops.shape[2]
    if card.width and columns != card.width:
        raise TensorError(f"input is {columns} wide; this recognizer takes {card.width}")
    limit = card.width or _stepped(longest_crop(len(crops), card), WIDTH_STEP)
    if columns > limit:
        raise TensorError(f"input is {columns} wide; this recognizer takes up to {limit}")
    wrong = widths[(widths < 0) | (widths > columns)]
    if wrong.size:
        raise TensorError(f"CROP_WIDTHS has {wrong[0]}; its crop's columns allow 0 to {columns}")


def _stepped(length: int, step: int) -> int:
    return -(-length // step) * step

"""A mostly blank picture -> the part of it that holds all that is drawn.

A DBNet judges every place by the whole picture as well. One line on a large empty page it does not see: of 108 single
lines 16 to 48 pixels high on flat pages of 2 to 8.7 million pixels PP-OCRv6-small found 34, and all of them when it was
shown the part around them alone.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import DetectorCard

FLAT = 8  # gray levels that a blank place may vary by, as `tiles.LEAST_CONTRAST`; what is fainter is no text
MARGIN = 64  # pixels kept around what is drawn
COARSE = 128  # sides are a multiple of it where the picture allows, so that few shapes reach the detector
LARGEST_SHARE = 0.5  # of the picture: a larger part is not worth another shape


def drawn_part(image: npt.NDArray[np.uint8], card: DetectorCard) -> tuple[slice, slice] | None:
    """Rows and columns that hold everything but a flat background; None where that is over half of the picture.

    The part is no smaller than what the detector sees without enlarging it.

    Args:
        image: uint8 [H, W, 3].
        card: of the detector.
    """
    height, width = image.shape[:2]
    least = (card.height or card.side, card.width or card.side)  # height and width are 0 where the input is free
    if least[0] * least[1] > LARGEST_SHARE * height * width:
        return None
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]).astype(int)
    low, high = border.min(axis=0), border.max(axis=0)
    if (high - low).max() > FLAT:
        return None
    middle = (low + high) // 2
    blank = cv2.inRange(image, (middle - FLAT).astype(np.float64), (middle + FLAT).astype(np.float64))
    rows, columns = (np.flatnonzero(blank.min(axis=axis) == 0) for axis in (1, 0))
    if not len(rows):
        return None
    top, bottom = _around(int(rows[0]), int(rows[-1]) + 1, least[0], height)
    left, right = _around(int(columns[0]), int(columns[-1]) + 1, least[1], width)
    if (bottom - top) * (right - left) > LARGEST_SHARE * height * width:
        return None
    return slice(top, bottom), slice(left, right)


def _around(start: int, end: int, least: int, length: int) -> tuple[int, int]:
    """A stretch of a side around what is drawn on it, within the side."""
    wanted = max(least, -(-(end - start + 2 * MARGIN) // COARSE) * COARSE)
    if wanted >= length:
        return 0, length
    first = min(max(0, (start + end - wanted) // 2), length - wanted)
    return first, first + wanted

"""Boxes -> upright crops of one height: the recognizer's batch."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import PADDINGS, RecognizerCard
from ocdrnet_ops.geometry.quads import Quads
from ocdrnet_ops.geometry.text_outline import (
    Outlines,
    are_straight,
    corner_quads,
    grow_across,
    grow_along,
    outline_sizes,
    points_at,
)

WIDTH_STEP = 32  # crops of one image are padded to a multiple of it, so that few shapes reach the recognizer
MIN_WIDTH = 32
MOST_PIECES = 6  # in which a long line is read: with the default networks one of 400 heights
MOST_CROPS = 400  # of the recognizer's longest width that hold an image's crops: 184 MB
MAX_SIDE = 20_000  # pixels of an image given to OpenCV's warp, which fails over 32,766
MARGIN = 2  # pixels around a box that bilinear sampling may read
PARALLELOGRAM_TOLERANCE = 0.5  # pixels that the fourth corner may be off for the affine warp, four times faster
# Margin before and behind a line, of that above and below it. Each moves the network's time steps along the line, and
# with them the words that are read by 0.01 either way, end to end: on photos 0.685, 0.697, 0.700, 0.689 with 0, 1, 1.4
# and 2, on receipts 0.839, 0.843, 0.845, 0.840. From 1.2 to 1.7 the drawn signs and mosaics read better than with 1.
SIDES = 1.4
SHORTEST = 1.5  # heights of width from which a box is a line, whose ends get a margin: beside a lone character is noise
LEVEL = 0.25  # of its height, below its top and above its bottom, where a box touches another of its line
MAX_WARP = 4  # times the crop's height: larger print is warped smaller, or one headline would cost a page


@dataclass(frozen=True)
class Crops:
    """Crops of one image, in the order of its boxes.

    Attributes:
        pixels: uint8 [max(N, 1), h, w, 3], BGR; what lies right of a crop's own width repeats its last column.
        widths: int32 [max(N, 1), 1], own width of each crop in pixels; 0 of the blank one.
    """

    pixels: npt.NDArray[np.uint8]
    widths: npt.NDArray[np.int32]


def crop_lines(image: npt.NDArray[np.uint8], boxes: Outlines, card: RecognizerCard) -> Crops:
    """Warp every box upright to the recognizer's height; a bent outline is straightened.

    Without a box there is one blank crop, because a Triton batch cannot be empty; `text_decode` drops it.

    Args:
        image: uint8 [H, W, 3], BGR.
        boxes: float32 [N, P, 2], quads or outlines from the text's top-left on, in the image's pixels.
        card: of the recognizer: height, and either one width or the limit of a free one.
    """
    if not len(boxes):
        blank = np.zeros((1, card.height, card.width or WIDTH_STEP, 3), np.uint8)
        return Crops(blank, np.zeros((1, 1), np.int32))
    straight = are_straight(boxes)  # growing moves the ends alone, away from the line through the other points
    boxes = grow_along(grow_across(boxes, card.crop_margin), _side_margins(boxes, card))
    widths = crop_widths(boxes, card)
    full_width = card.width or -(-int(widths.max()) // WIDTH_STEP) * WIDTH_STEP
    # Where the width is free the recognizer pads each batch anew.
    beside = PADDINGS[card.padding] if card.width else PADDINGS["edge"]
    pixels = np.empty((len(boxes), card.height, full_width, 3), np.uint8)
    shapes, sizes = _shapes(boxes, straight), _own_sizes(boxes, card)
    for out, shape, width, size in zip(pixels, shapes, widths, sizes, strict=True):
        warp = _straighten if len(shape) == 4 else _unbend
        line = warp(*_surroundings(image, shape), (size[0], size[1]))
        is_stretched = card.width and not card.keep_aspect
        out[:, :width] = _stretch(line, card) if is_stretched else _scale(line, int(width), card.height)
        out[:, width:] = out[:, width - 1 : width] if beside < 0 else beside
    return Crops(pixels, widths[:, None])


def crop_widths(boxes: Outlines, card: RecognizerCard) -> npt.NDArray[np.int32]:
    """Width of each crop in pixels, aspect ratio kept: int32 [N]; the card's own where crops are stretched."""
    if card.width and not card.keep_aspect:
        return np.full(len(boxes), card.width, np.int32)
    width, height = outline_sizes(boxes).T
    widths = np.rint(card.height * width / np.maximum(height, 1.0))
    least, most = (1, card.width) if card.width else (MIN_WIDTH, longest_crop(len(boxes), card))
    return np.asarray(np.clip(widths, least, most), np.int32)


def side_shares(boxes: Outlines, card: RecognizerCard) -> npt.NDArray[np.float32]:
    """What each crop shows before its box and behind it, as shares of the crop's width: float32 [N, 2].

    Args:
        boxes: float32 [N, P, 2], as `crop_lines` takes them.
        card: of the recognizer.
    """
    margins = _side_margins(boxes, card)
    widths = outline_sizes(boxes)[:, :1] + margins.sum(axis=1, keepdims=True)
    return np.asarray(margins / np.maximum(widths, 1e-6), np.float32)


def _side_margins(boxes: Outlines, card: RecognizerCard) -> npt.NDArray[np.float32]:
    """Pixels that a crop shows before its box and behind it: float32 [N, 2].

    A detector's box often cuts the first or the last letter of a line. Where another box begins there, it does not: the
    margin would show the letters of that one.
    """
    width, height = outline_sizes(boxes).T
    margins = np.asarray(np.where(width >= SHORTEST * height, SIDES * card.crop_margin * height, 0), np.float32)
    return np.asarray(np.where(_are_touched(corner_quads(boxes), margins), 0, margins[:, None]), np.float32)


def _are_touched(quads: Quads, margins: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which boxes have another one within their margin, before and behind the middle of their line: bool [N, 2]."""
    starts, ends = (quads[:, 0] + quads[:, 3]) / 2, (quads[:, 1] + quads[:, 2]) / 2
    along = (ends - starts) / np.maximum(np.linalg.norm(ends - starts, axis=1), 1e-6)[:, None]
    places = np.concatenate([starts - margins[:, None] * along, ends + margins[:, None] * along])
    right, down = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    inside = np.ones((len(places), len(quads)), np.bool_)
    for side, border in ((right, 0.0), (down, LEVEL)):
        unit = side / np.maximum((side * side).sum(axis=1, keepdims=True), 1e-6)
        share = places @ unit.T - (quads[:, 0] * unit).sum(axis=1)
        inside &= (share > border) & (share < 1 - border)
    own = np.arange(len(quads))
    inside[own, own] = inside[own + len(quads), own] = False
    return np.asarray(inside.any(axis=1).reshape(2, -1).T)


def longest_crop(count: int, card: RecognizerCard) -> int:
    """Pixels that a crop of a free width may be long: longer ones than `card.max_width` are read in pieces.

    All crops of an image are as wide as its longest, so that many of them leave less room for it.

    Args:
        count: of the image's crops.
        card: of the recognizer.
    """
    return max(card.max_width, min(MOST_PIECES, MOST_CROPS // max(1, count)) * card.max_width)


def _shapes(boxes: Outlines, straight: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.float32]]:
    """What to warp: the quad of each straight outline, the whole of a bent one."""
    quads = corner_quads(boxes)
    return [quads[i] if is_straight else boxes[i] for i, is_straight in enumerate(straight)]


def _own_sizes(boxes: Outlines, card: RecognizerCard) -> list[list[int]]:
    """Width and height in pixels to which each box is straightened: its own, unless the print is very large."""
    sizes = outline_sizes(boxes)
    shrink = np.maximum(1.0, sizes[:, 1:] / (MAX_WARP * card.height))
    shrink = np.maximum(shrink, sizes[:, :1] / MAX_SIDE)
    own: list[list[int]] = np.maximum(1, np.rint(sizes / shrink)).astype(np.int64).tolist()
    return own


def _scale(straight: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    """Scale a crop from the text's own size, aspect ratio kept.

    Straightened first and scaled then, measured on street photos and receipts, it reads as well as a cubic perspective
    warp or better, at an eighth of its time; one warp straight to the crop's height skips pixels of large print and
    loses 2 words in 100.
    """
    averages = straight.shape[0] >= 2 * height
    scaled = cv2.resize(straight, (width, height), interpolation=cv2.INTER_AREA if averages else cv2.INTER_LINEAR)
    return scaled.astype(np.uint8, copy=False)


def _stretch(straight: npt.NDArray[np.uint8], card: RecognizerCard) -> npt.NDArray[np.uint8]:
    """Stretch a crop to the card's size.

    A side that shrinks to half or less is averaged first: TAO trains OCRNet with Pillow's bicubic filter, which widens
    with the shrinking; OpenCV's reads 4 pixels a side however many there are.
    """
    height, width = straight.shape[:2]
    averaged = card.width if width >= 2 * card.width else width, card.height if height >= 2 * card.height else height
    interpolation = cv2.INTER_CUBIC if card.interpolation == "cubic" else cv2.INTER_LINEAR
    smooth = cv2.resize(straight, averaged, interpolation=cv2.INTER_AREA)
    stretched = cv2.resize(smooth, (card.width, card.height), interpolation=interpolation)
    return stretched.astype(np.uint8, copy=False)


def _surroundings(
    image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """The part of the image around a box, thinned out where it is too large for OpenCV, and the box in its pixels.

    At least one pixel: a box beside the image shows its border, which reads as nothing.
    """
    last = np.array(image.shape[1::-1]) - 1
    low = np.clip(np.floor(box.min(axis=0)).astype(int) - MARGIN, 0, last)
    high = np.maximum(np.ceil(box.max(axis=0)).astype(int) + MARGIN, low + 1)
    (x0, y0), (x1, y1) = low.tolist(), high.tolist()
    step = -(-max(x1 - x0, y1 - y0) // MAX_SIDE)
    return image[y0:y1:step, x0:x1:step], (box - (x0, y0)).astype(np.float32) / step


def _straighten(
    image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], size: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Warp a quad to a rectangle of `size`, width and height in pixels, bilinearly."""
    width, height = size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) - 0.5
    source = box - 0.5  # boxes are in pixel edges, OpenCV counts pixel centers
    if np.abs(box[0] - box[1] + box[2] - box[3]).max() < PARALLELOGRAM_TOLERANCE:
        affine = cv2.getAffineTransform(source[:3], corners[:3])
        warped = cv2.warpAffine(image, affine, size, borderMode=cv2.BORDER_REPLICATE)
    else:
        perspective = cv2.getPerspectiveTransform(source, corners)
        warped = cv2.warpPerspective(image, perspective, size, borderMode=cv2.BORDER_REPLICATE)
    return warped.astype(np.uint8, copy=False)


def _unbend(
    image: npt.NDArray[np.uint8], outline: npt.NDArray[np.float32], size: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Warp a bent outline to a rectangle of `size`, width and height in pixels, bilinearly, column by column."""
    width, height = size
    columns = ((np.arange(width) + 0.5) / width).astype(np.float32)
    rows = ((np.arange(height) + 0.5) / height).astype(np.float32)[:, None, None]
    top, bottom = points_at(outline - np.float32(0.5), columns)  # outlines are in pixel edges, OpenCV counts centers
    source = np.asarray(top + rows * (bottom - top), np.float32)
    warped = cv2.remap(image, source[..., 0], source[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return warped.astype(np.uint8, copy=False)

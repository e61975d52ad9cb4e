"""Boxes -> upright crops of one height: the recognizer's batch."""

from __future__ import annotations

from collections.abc import Iterator
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


@dataclass(frozen=True)
class CropPlan:
    """Where the crops of an image lie in it, and how large they become, whoever makes their pixels.

    Attributes:
        boxes: float32 [N, P, 2], outlines with their margins.
        straight: bool [N], which of them are quads.
        own_sizes: int64 [N, 2], width and height in pixels to which each is straightened before it is scaled.
        widths: of each crop in pixels: int32 [N].
        full_width: of all crops, which are one array, in pixels.
        beside: gray value right of a crop's own width; below 0 its last column.
    """

    boxes: Outlines
    straight: npt.NDArray[np.bool_]
    own_sizes: npt.NDArray[np.int64]
    widths: npt.NDArray[np.int32]
    full_width: int
    beside: int

    @property
    def shapes(self) -> list[npt.NDArray[np.float32]]:
        """What each crop shows: a quad [4, 2], or the outline of a bent line [P, 2]."""
        quads = corner_quads(self.boxes)
        return [quads[i] if is_straight else self.boxes[i] for i, is_straight in enumerate(self.straight)]


def plan_crops(boxes: Outlines, card: RecognizerCard) -> CropPlan:
    """Plan the crops of boxes.

    Args:
        boxes: float32 [N, P, 2], N at least 1, as `crop_lines` takes them.
        card: of the recognizer.
    """
    straight = are_straight(boxes)  # growing moves the ends alone, away from the line through the other points
    boxes = grow_along(grow_across(boxes, card.crop_margin), _side_margins(boxes, card))
    widths = crop_widths(boxes, card)
    full_width = card.width or -(-int(widths.max()) // WIDTH_STEP) * WIDTH_STEP
    # Where the width is free the recognizer pads each batch anew.
    beside = PADDINGS[card.padding] if card.width else PADDINGS["edge"]
    return CropPlan(boxes, straight, _own_sizes(boxes, card), widths, full_width, beside)


def blank_crop(card: RecognizerCard) -> Crops:
    """What stands for the crops of an image without a box."""
    blank = np.zeros((1, card.height, card.width or WIDTH_STEP, 3), np.uint8)
    return Crops(blank, np.zeros((1, 1), np.int32))


def crop_lines(image: npt.NDArray[np.uint8], boxes: Outlines, card: RecognizerCard) -> Crops:
    """Warp every box upright to the recognizer's height; a bent outline is straightened.

    Without a box there is one blank crop, because a Triton batch cannot be empty; `text_decode` drops it.

    Args:
        image: uint8 [H, W, 3], BGR.
        boxes: float32 [N, P, 2], quads or outlines from the text's top-left on, in the image's pixels.
        card: of the recognizer: height, and either one width or the limit of a free one.
    """
    if not len(boxes):
        return blank_crop(card)
    plan = plan_crops(boxes, card)
    is_stretched = card.width > 0 and not card.keep_aspect
    pixels = np.empty((len(boxes), card.height, plan.full_width, 3), np.uint8)
    for out, part, width in zip(pixels, _parts(image, plan), plan.widths.tolist(), strict=True):
        if is_stretched:
            _stretch(part.upright(), card, out)
        else:
            _scale(part.upright(), out[:, :width])
        fill_beside(out, width, plan.beside)
    return Crops(pixels, plan.widths[:, None])


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


def fill_beside(crop: npt.NDArray[np.uint8], width: int, value: int) -> None:
    """Fill what lies right of a crop's own width, in place.

    Args:
        crop: uint8 [h, w, 3].
        width: own width of the crop in pixels.
        value: gray level, or -1 to repeat the crop's last column.
    """
    height, full_width = crop.shape[:2]
    if width == full_width:
        return
    if value < 0:  # twenty times as fast as NumPy, which copies 3 bytes at a time
        last = crop[:, width - 1 : width]
        cv2.resize(last, (full_width - width, height), dst=crop[:, width:], interpolation=cv2.INTER_NEAREST)
    else:
        crop[:, width:] = value


@dataclass(frozen=True)
class _Part:
    """What of an image shows one box.

    Attributes:
        pixels: uint8 [h, w, 3], a view of the image.
        shape: float32 [4, 2], the quad of a straight box, or [P, 2], the outline of a bent one, in these pixels.
        width: to which the box is straightened, in pixels.
        height: likewise.
        is_parallelogram: of a quad.
    """

    pixels: npt.NDArray[np.uint8]
    shape: npt.NDArray[np.float32]
    width: int
    height: int
    is_parallelogram: bool

    def upright(self) -> npt.NDArray[np.uint8]:
        """The box warped to a rectangle of its own size."""
        if len(self.shape) == 4:
            return _straighten(self.pixels, self.shape, (self.width, self.height), self.is_parallelogram)
        return _unbend(self.pixels, self.shape, (self.width, self.height))


def _parts(image: npt.NDArray[np.uint8], plan: CropPlan) -> Iterator[_Part]:
    """The part of the image around each box, thinned out where it is too large for OpenCV.

    At least one pixel: a box beside the image shows its border, which reads as nothing. What NumPy can do for all
    boxes at once is done at once: a call costs as much for one box as for a hundred.
    """
    boxes, straight, quads = plan.boxes, plan.straight, corner_quads(plan.boxes)
    is_quad = straight[:, None]  # a bent box is warped by the whole of its outline
    least = np.where(is_quad, quads.min(axis=1), boxes.min(axis=1))
    most = np.where(is_quad, quads.max(axis=1), boxes.max(axis=1))
    low = np.clip(np.floor(least).astype(int) - MARGIN, 0, np.array(image.shape[1::-1]) - 1)
    high = np.maximum(np.ceil(most).astype(int) + MARGIN, low + 1)
    steps = -(-(high - low).max(axis=1) // MAX_SIDE)
    thinned = steps.astype(np.float32)[:, None, None]
    placed = (quads - low[:, None]).astype(np.float32) / thinned
    bent = placed if straight.all() else (boxes - low[:, None]).astype(np.float32) / thinned
    parallelograms = are_parallelograms(placed).tolist()
    places = np.concatenate([low, high, steps[:, None], plan.own_sizes], axis=1).tolist()
    for index, (x0, y0, x1, y1, step, width, height) in enumerate(places):
        shape = placed[index] if straight[index] else bent[index]
        yield _Part(image[y0:y1:step, x0:x1:step], shape, width, height, parallelograms[index])


def _own_sizes(boxes: Outlines, card: RecognizerCard) -> npt.NDArray[np.int64]:
    """Width and height in pixels to which each box is straightened: int64 [N, 2], its own unless very large."""
    sizes = outline_sizes(boxes)
    shrink = np.maximum(1.0, sizes[:, 1:] / (MAX_WARP * card.height))
    shrink = np.maximum(shrink, sizes[:, :1] / MAX_SIDE)
    return np.asarray(np.maximum(1, np.rint(sizes / shrink)), np.int64)


def _scale(straight: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> None:
    """Scale a crop from the text's own size into its place in the batch, aspect ratio kept.

    Straightened first and scaled then, measured on street photos and receipts, it reads as well as a cubic perspective
    warp or better, at an eighth of its time; one warp straight to the crop's height skips pixels of large print and
    loses 2 words in 100.
    """
    height, width = out.shape[:2]
    averages = straight.shape[0] >= 2 * height
    cv2.resize(straight, (width, height), dst=out, interpolation=cv2.INTER_AREA if averages else cv2.INTER_LINEAR)


def _stretch(straight: npt.NDArray[np.uint8], card: RecognizerCard, out: npt.NDArray[np.uint8]) -> None:
    """Stretch a crop to the card's size, into its place in the batch.

    A side that shrinks to half or less is averaged first: TAO trains OCRNet with Pillow's bicubic filter, which widens
    with the shrinking; OpenCV's reads 4 pixels a side however many there are.
    """
    height, width = straight.shape[:2]
    averaged = card.width if width >= 2 * card.width else width, card.height if height >= 2 * card.height else height
    interpolation = cv2.INTER_CUBIC if card.interpolation == "cubic" else cv2.INTER_LINEAR
    smooth = cv2.resize(straight, averaged, interpolation=cv2.INTER_AREA)
    cv2.resize(smooth, (card.width, card.height), dst=out, interpolation=interpolation)


def are_parallelograms(quads: Quads) -> npt.NDArray[np.bool_]:
    """Of which quads three corners say where the fourth one is, so that an affine warp straightens them: bool [N].

    Args:
        quads: float32 [N, 4, 2], in pixels.
    """
    corners = np.abs(quads[:, 0] - quads[:, 1] + quads[:, 2] - quads[:, 3]).max(axis=1)
    return np.asarray(corners < PARALLELOGRAM_TOLERANCE)


def _straighten(
    image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], size: tuple[int, int], is_parallelogram: bool
) -> npt.NDArray[np.uint8]:
    """Warp a quad to a rectangle of `size`, width and height in pixels, bilinearly."""
    width, height = size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) - 0.5
    source = box - 0.5  # boxes are in pixel edges, OpenCV counts pixel centers
    if is_parallelogram:
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

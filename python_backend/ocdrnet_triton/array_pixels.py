"""Scaling and cropping of images by NumPy's functions, which CuPy has as well: the same code on a CPU and on a GPU.

What OpenCV does in `ocdrnet_ops`: the same places by the same filters, which `geometry.crop` and `image.resize` choose.
This code counts in floating point where OpenCV counts places in 1/32 of a pixel, so that a pixel may differ by as much
as the image changes over that.

A call of CuPy's costs the processor about as much for one crop as for all of an image. So all crops are one array.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.geometry.crop import CropPlan, Crops, are_parallelograms, blank_crop, plan_crops
from ocdrnet_ops.geometry.text_outline import Outlines, points_at
from ocdrnet_ops.image.resize import shrinks_much

Array = Any  # of the library: numpy.ndarray or cupy.ndarray
Floats = npt.NDArray[np.float32]
Sizes = npt.NDArray[np.int64]

MOST_AT_ONCE = 1 << 22  # pixels of straightened lines; each takes about 100 bytes on the way
SHRUNK = 2  # times that a crop is larger than it becomes, from which on areas are averaged: as in `geometry.crop`
CUBIC = -0.75  # OpenCV's coefficient of the cubic filter


@dataclass(frozen=True)
class Taps:
    """A filter along one axis: each pixel of the result is a weighted sum of some of the source.

    Attributes:
        places: int64 [N, length, taps], of the source's pixels.
        weights: float32 [N, length, taps]; of a pixel they sum to 1.
    """

    places: Sizes
    weights: Floats


def averaging_taps(sizes: Sizes, targets: Sizes, length: int, grows: npt.NDArray[np.bool_]) -> Taps:
    """The mean over the area that a pixel of the result covers: OpenCV's INTER_AREA.

    Args:
        sizes: int64 [N], pixels of the source that each of N images has.
        targets: int64 [N], pixels that they become.
        length: of the result; what is over an image's own pixels repeats its last one.
        grows: bool [N], whether the image becomes larger on one side: OpenCV then takes two pixels and no mean.
    """
    places, scale = _own_places(targets, length), 1 / (targets / sizes)[:, None]  # rounded as OpenCV's
    start, end = places * scale, (places + 1) * scale
    first = np.floor(start)
    share = np.asarray(
        (places + 1) - (first + 1) * (targets / sizes)[:, None], np.float32
    )  # as OpenCV's, or 1 is not 1
    share = np.where(share > 0, share - np.floor(share), 0)[..., None]
    taps = first[..., None] + np.arange(max(2, int(np.ceil(end - first - 1e-9).max())))
    weights = np.maximum(np.minimum(taps + 1, end[..., None]) - np.maximum(taps, start[..., None]), 0)
    two = np.concatenate([1 - share, share, np.zeros_like(weights[..., 2:])], axis=-1)
    return _normalized(taps, np.where(grows[:, None, None], two, weights), sizes)


def interpolating_taps(sizes: Sizes, targets: Sizes, length: int, cubic: bool = False) -> Taps:
    """The value at the place of a pixel's center, by two neighbors or by four: OpenCV's INTER_LINEAR and INTER_CUBIC.

    Args:
        sizes: as of `averaging_taps`, and so are `targets` and `length`.
        targets: likewise.
        length: likewise.
        cubic: Keys' filter (1981), equation 4 with `CUBIC`.
    """
    centers = (_own_places(targets, length) + 0.5) * (sizes / targets)[:, None] - 0.5
    taps = np.floor(centers)[..., None] + (np.arange(-1, 3) if cubic else np.arange(2))
    far = np.abs(centers[..., None] - taps)
    near = ((CUBIC + 2) * far - (CUBIC + 3)) * far * far + 1
    beyond = ((CUBIC * far - 5 * CUBIC) * far + 8 * CUBIC) * far - 4 * CUBIC
    return _normalized(taps, np.where(far <= 1, near, beyond) if cubic else 1 - far, sizes)


def _own_places(targets: Sizes, length: int) -> Sizes:
    return np.minimum(np.arange(length), targets[:, None] - 1)


def _normalized(taps: npt.NDArray[Any], weights: npt.NDArray[Any], sizes: Sizes) -> Taps:
    places = np.clip(taps, 0, sizes[:, None, None] - 1).astype(np.int64)
    return Taps(places, np.asarray(weights / weights.sum(axis=-1, keepdims=True), np.float32))


class ArrayPixels:
    """Scales and crops images that are arrays of one library."""

    def __init__(self, library: Any) -> None:  # noqa: ANN401 - a module
        """Work with `numpy`, or `cupy`."""
        self._library = library

    def scale(self, image: Array, height: int, width: int) -> Array:
        """Scale an image uint8 [H, W, 3] to a size in pixels, as `image.resize.scale_image`."""
        size, target = image.shape[:2], (height, width)
        if size == target:
            return image
        averages = shrinks_much(size[0], size[1], height, width)
        scaled = image[None]
        for axis in (0, 1):
            own, become = np.array([size[axis]]), np.array([target[axis]])
            if averages and become <= own:
                taps = averaging_taps(own, become, target[axis], np.array([False]))
            else:
                taps = interpolating_taps(own, become, target[axis])
            scaled = self._filtered(scaled, taps, axis + 1)
        return self._library.ascontiguousarray(self._rounded(scaled)[0])

    def crop_lines(self, image: Array, boxes: Outlines, card: RecognizerCard) -> Crops:
        """Warp every box upright to the recognizer's height, as `geometry.crop.crop_lines`.

        Args:
            image: uint8 [H, W, 3], BGR, of the library.
            boxes: float32 [N, P, 2], of NumPy, as are the widths of the result.
            card: of the recognizer.
        """
        if not len(boxes):
            blank = blank_crop(card)
            return Crops(self._library.asarray(blank.pixels), blank.widths)
        plan = plan_crops(boxes, card)
        pixels = self._library.empty((len(boxes), card.height, plan.full_width, 3), np.uint8)
        for chosen in _at_once(plan.own_sizes):
            lines = self._straightened(image, plan, chosen)
            pixels[self._library.asarray(chosen)] = self._fitted(lines, plan, chosen, card)
        if plan.beside >= 0:
            widths = self._library.asarray(plan.widths)
            is_beside = self._library.arange(plan.full_width) >= widths[:, None]
            pixels = self._library.where(is_beside[:, None, :, None], np.uint8(plan.beside), pixels)
        return Crops(pixels, plan.widths[:, None])

    def _straightened(self, image: Array, plan: CropPlan, chosen: Sizes) -> Array:
        """Lines in their own sizes, each in the upper left corner of its part of uint8 [n, h, w, 3]."""
        library, sizes = self._library, plan.own_sizes[chosen]
        width, height = sizes.max(axis=0).tolist()
        columns = [_columns(plan.shapes[i], size, width) for i, size in zip(chosen, sizes.tolist(), strict=True)]
        starts, steps = library.asarray(np.stack(columns)).transpose(2, 3, 0, 1)[..., None, :]
        rows = library.asarray(_own_places(sizes[:, 1], height).astype(np.float32))[..., None]
        x, y, depth = (start + rows * step for start, step in zip(starts, steps, strict=True))
        (left, right, across), (top, bottom, down) = (
            self._neighbors(place / depth, length) for place, length in ((x, image.shape[1]), (y, image.shape[0]))
        )
        upper = image[top, left] * (1 - across) + image[top, right] * across
        lower = image[bottom, left] * (1 - across) + image[bottom, right] * across
        return self._rounded(upper * (1 - down) + lower * down)

    def _neighbors(self, places: Array, length: int) -> tuple[Array, Array, Array]:
        """Pixels on both sides of places, and the share of the second one: [n, h, w], the share [n, h, w, 1]."""
        inside = self._library.clip(places, 0, length - 1)  # beside the image its border goes on
        first = self._library.floor(inside)
        index = first.astype(np.int64)
        return index, self._library.minimum(index + 1, length - 1), (inside - first)[..., None]

    def _fitted(self, lines: Array, plan: CropPlan, chosen: Sizes, card: RecognizerCard) -> Array:
        """Straightened lines at the recognizer's height, as wide as all crops: uint8 [n, h, w, 3]."""
        sizes, is_stretched = plan.own_sizes[chosen], bool(card.width) and not card.keep_aspect
        targets = np.stack([plan.widths[chosen], np.full(len(chosen), card.height)], axis=1).astype(np.int64)
        shrinks, grows = sizes >= SHRUNK * targets, (targets > sizes).any(axis=1)
        fitted = lines
        for axis, side, length in ((1, 1, card.height), (2, 0, plan.full_width)):
            own, become = sizes[:, side], targets[:, side]
            taps = interpolating_taps(own, become, length, is_stretched and card.interpolation == "cubic")
            # A stretched crop's sides are filtered each by itself, of others the height says how.
            averages = shrinks[:, side if is_stretched else 1]
            if averages.any():
                averaging = averaging_taps(own, become, length, grows & (not is_stretched))
                taps = _chosen_taps(averages, averaging, taps)
            fitted = self._filtered(fitted, taps, axis)
        return self._rounded(fitted)

    def _filtered(self, pixels: Array, taps: Taps, axis: int) -> Array:
        """float32, of [N, H, W, 3] filtered along axis 1 or 2."""
        pixels = pixels.swapaxes(1, axis)
        places, weights = self._library.asarray(taps.places), self._library.asarray(taps.weights)[..., None, None]
        image = self._library.arange(len(pixels))[:, None]
        filtered = sum(pixels[image, places[..., tap]] * weights[:, :, tap] for tap in range(places.shape[-1]))
        return filtered.swapaxes(1, axis)

    def _rounded(self, values: Array) -> Array:
        return self._library.rint(self._library.clip(values, 0, 255)).astype(np.uint8)


def _at_once(sizes: Sizes) -> Iterator[Sizes]:
    """Indices of crops that are straightened together: of like width, so that little room between them is empty."""
    chosen: list[int] = []
    for index in np.argsort(sizes[:, 0], kind="stable").tolist():
        width, height = sizes[[*chosen, index]].max(axis=0).tolist()
        if chosen and (len(chosen) + 1) * width * height > MOST_AT_ONCE:
            yield np.array(chosen)
            chosen = []
        chosen.append(index)
    yield np.array(chosen)


def _chosen_taps(averages: npt.NDArray[np.bool_], averaging: Taps, interpolating: Taps) -> Taps:
    """Of each image the one or the other, with as many taps."""
    count = max(averaging.places.shape[-1], interpolating.places.shape[-1])
    is_mean = averages[:, None, None]
    places = np.where(is_mean, _padded(averaging.places, count), _padded(interpolating.places, count))
    weights = np.where(is_mean, _padded(averaging.weights, count), _padded(interpolating.weights, count))
    return Taps(places, weights)


def _padded(part: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    return np.pad(part, ((0, 0), (0, 0), (0, count - part.shape[-1])))


def _columns(shape: Floats, size: list[int], length: int) -> Floats:
    """Where a straightened line's columns lie in the image: the place of the first row, and the step to the next.

    Args:
        shape: a quad float32 [4, 2] or a bent outline [P, 2], in pixel edges.
        size: width and height of the line in pixels.
        length: columns of the result; those behind the line repeat its last.

    Returns:
        float32 [length, 2, 3], start and step in homogeneous coordinates: x, y and the depth that they are divided by;
        of pixel centers.
    """
    width, height = size
    place = np.minimum(np.arange(length), width - 1)
    if len(shape) == 4:
        matrix = _to_image(shape - 0.5, width, height)
        start = np.stack([place, np.zeros(length), np.ones(length)], axis=-1) @ matrix.T
        return np.asarray(np.stack([start, np.broadcast_to(matrix[:, 1], start.shape)], axis=1), np.float32)
    top, bottom = points_at(shape - np.float32(0.5), ((place + 0.5) / width).astype(np.float32))
    step = (bottom - top) / height
    ends = [np.append(top + step / 2, np.ones((length, 1)), axis=1), np.append(step, np.zeros((length, 1)), axis=1)]
    return np.asarray(np.stack(ends, axis=1), np.float32)


def _to_image(quad: Floats, width: int, height: int) -> npt.NDArray[np.float64]:
    """From a rectangle's pixels to those of the quad that it shows: float64 [3, 3]."""
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) - np.float32(0.5)
    if are_parallelograms(quad[None])[0]:
        return np.vstack([cv2.getAffineTransform(corners[:3], quad[:3]), (0, 0, 1)])
    return np.asarray(cv2.getPerspectiveTransform(corners, quad), np.float64)

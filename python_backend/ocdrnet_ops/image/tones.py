"""What Pillow decoded -> 8-bit BGR: transparency, 16 bits, floats. In strips, so that memory stays bounded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile as PillowFile

from ocdrnet_ops.image.file import ImageFile

Pixels = npt.NDArray[np.uint8]
Values = npt.NDArray[np.uint16]

STRIP_PIXELS = 1 << 20  # of the copies that are made on the way
BACKGROUND_SAMPLE = 512  # pixels a side in which the background of a transparent image is chosen
# Alpha that shows next to nothing: then the file means something else by it, or its writer left it out.
FAINT_ALPHA = 16  # of 255, everywhere
FAINT_SHARE = 1e-3  # of the image, with the rest of it not of one colour
# 16 bits that hold fewer than 64 of 256 gray levels are stretched: values of 8 to 13 bits, or a narrow range.
NARROW = 64 * 256
OUTLIERS = 1e-5  # the share of pixels at either end that may be no image: dead and hot pixels of a sensor
_GRAY_WITH_ALPHA = "LA;16B"  # Pillow's raw mode for PNG
# Pillow's raw modes take the upper byte of a sample. The other order's takes the lower one; N is this machine's order.
_LOWER_BYTES = {";16B": "L", ";16L": "B", ";16N": "B" if sys.byteorder == "little" else "L"}


def bgr_pixels(open_image: Callable[[], Image.Image], file: ImageFile) -> Pixels:
    """uint8 [H, W, 3], BGR, as the image is stored.

    Args:
        open_image: opens the file, not yet loaded; asked again where the lower bytes of 16 bits are wanted.
        file: what is known of it.
    """
    image, has_lower_bytes = open_image(), file.is_deep
    if isinstance(image, PillowFile) and image.tile and image.tile[0].args == _GRAY_WITH_ALPHA:
        has_lower_bytes = False  # they are taken already
        image = _gray_with_alpha(image)
    image.load()
    if image.mode.startswith("I;16"):
        return _gray_16(image)
    if image.mode in ("I", "F"):
        return _stretched(image)
    if image.has_transparency_data:
        pixels, is_opaque = _flattened(image, file)
    else:
        pixels, is_opaque = _opaque(image), True
    if has_lower_bytes and is_opaque and int(pixels.max()) - int(pixels.min()) < NARROW >> 8:
        del image
        return _deepened(pixels, open_image)
    return pixels


def _strips(image: Image.Image, rows: int = 1) -> Iterator[tuple[slice, Image.Image]]:
    """Crops of a loaded image from top to bottom, each a multiple of `rows` high, of about `STRIP_PIXELS`."""
    rows *= max(1, STRIP_PIXELS // (image.width * rows))
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def _empty(image: Image.Image) -> Pixels:
    return np.empty((image.height, image.width, 3), np.uint8)


def _opaque(image: Image.Image) -> Pixels:
    pixels = _empty(image)
    for rows, strip in _strips(image):
        pixels[rows] = _bgr(strip)
    return pixels


def _bgr(strip: Image.Image) -> Pixels:
    """Any alpha is left aside."""
    rgb = strip if strip.mode in ("RGB", "RGBA") else strip.convert("RGB")
    return np.frombuffer(rgb.tobytes("raw", "BGR"), np.uint8).reshape(strip.height, strip.width, 3)


def _layers(image: Image.Image, rows: int = 1) -> Iterator[tuple[slice, Image.Image]]:
    for place, strip in _strips(image, rows):
        yield place, strip if strip.mode == "RGBA" else strip.convert("RGBA")


@dataclass
class _Alpha:
    """What an image's alpha does.

    Attributes:
        least: alpha, 0..255.
        greatest: alpha, 0..255.
        visible: share of the image, 0..1.
        is_light: what is visible is light on the average.
        is_plain: all has one colour, what is hidden included.
    """

    least: int
    greatest: int
    visible: float
    is_light: bool
    is_plain: bool


def _flattened(image: Image.Image, file: ImageFile) -> tuple[Pixels, bool]:
    """Lay an image on white, or on black where what is visible of it is light (white text on nothing).

    Args:
        image: with transparency.
        file: what is known of its file.

    Returns:
        The pixels, and whether alpha was left aside.
    """
    alpha = _alpha(image)
    is_opaque = _is_no_alpha(image, alpha, file)
    background = "black" if alpha.is_light else "white"
    pixels = _empty(image)
    for rows, layer in _layers(image):
        seen = layer if is_opaque else Image.alpha_composite(Image.new("RGBA", layer.size, background), layer)
        pixels[rows] = _bgr(seen)
    return pixels, is_opaque


def _alpha(image: Image.Image) -> _Alpha:
    side = -(-max(image.size) // BACKGROUND_SAMPLE)
    shown, light = 0.0, 0.0
    low, high = np.full(4, 255), np.zeros(4, int)
    for _, layer in _layers(image, side):
        least, greatest = np.array(layer.getextrema()).T
        low, high = np.minimum(low, least), np.maximum(high, greatest)
        sample = layer.reduce(side)
        gray, alpha = np.asarray(sample.convert("L"), np.float32), np.asarray(sample.getchannel("A"), np.float32)
        shown += float(alpha.sum())
        light += float((gray * alpha).sum())
    visible = shown / 255 * side * side / (image.width * image.height)
    is_plain = not (high > low)[:3].any()
    return _Alpha(int(low[3]), int(high[3]), visible, shown > 0 and light / shown > 127, is_plain)


def _is_no_alpha(image: Image.Image, alpha: _Alpha, file: ImageFile) -> bool:
    """Whether alpha shows all, or next to nothing of an image that is there."""
    if alpha.least == 255:
        return True
    if file.has_loose_extra:  # it is alpha only if nothing else holds the image
        return alpha.least == alpha.greatest or not alpha.is_plain
    if alpha.greatest <= FAINT_ALPHA:
        return file.is_deep or not alpha.is_plain  # of 16 bits the image may be in the lower 8
    return alpha.visible <= FAINT_SHARE and not alpha.is_plain and not _hides_one_colour(image)


def _hides_one_colour(image: Image.Image) -> bool:
    """Whether all that is wholly transparent has one colour."""
    low, high = np.full(3, 255, np.uint8), np.zeros(3, np.uint8)
    for _, layer in _layers(image):
        values = np.asarray(layer)
        colours = values[values[:, :, 3] == 0][:, :3]
        if len(colours):
            low, high = np.minimum(low, colours.min(0)), np.maximum(high, colours.max(0))
    return not (high > low).any()


def _gray_16(image: Image.Image) -> Pixels:
    """16-bit gray keeps its upper byte, unless that would hold next to nothing."""
    counts = np.zeros(1 << 16, np.int64)
    for _, strip in _strips(image):
        counts += _counted(np.asarray(strip))
    table, pixels = _table(counts), _empty(image)
    for rows, strip in _strips(image):
        _set_gray(pixels[rows], _looked_up(table, np.asarray(strip)))
    return pixels


def _set_gray(pixels: Pixels, gray: Pixels) -> None:
    for channel in range(3):  # three times as fast as to broadcast it over so short an axis
        pixels[:, :, channel] = gray


def _looked_up(table: Pixels, values: Values) -> Pixels:
    # Twice as fast as `table[values]`, which checks each index.
    return np.take(table, values, mode="clip")


def _counted(values: Values) -> npt.NDArray[np.int64]:
    return np.bincount(values.astype(np.uint16, copy=False).ravel(), minlength=1 << 16)


def _table(counts: npt.NDArray[np.int64]) -> Pixels:
    """8-bit values for 16-bit ones, by their histogram: the upper byte, or a narrow range stretched."""
    total = np.cumsum(counts)
    outliers = int(OUTLIERS * total[-1])
    low = int(np.searchsorted(total, outliers, "right"))
    high = int(np.searchsorted(total, total[-1] - outliers, "left"))
    values = np.arange(1 << 16)
    if high - low >= NARROW or high <= low:
        return (values >> 8).astype(np.uint8)
    stretched: Pixels = np.rint((np.clip(values, low, high) - low) * (255 / (high - low))).astype(np.uint8)
    return stretched


def _gray_with_alpha(image: PillowFile) -> Image.Image:
    """A PNG of 16-bit gray and alpha, of which Pillow would keep the upper bytes, as 8-bit gray and alpha."""
    # The same bytes are those of 8-bit RGBA: gray's upper and lower byte, and alpha's.
    image._mode = "RGBA"
    image.tile = [tile._replace(args="RGBA") for tile in image.tile]
    image.load()
    counts = np.zeros(1 << 16, np.int64)
    for _, strip in _strips(image):
        counts += _counted(_joined(*np.asarray(strip).transpose(2, 0, 1)[:2]))
    table, both = _table(counts), np.empty((image.height, image.width, 2), np.uint8)
    for rows, strip in _strips(image):
        upper, lower, alpha, _ = np.asarray(strip).transpose(2, 0, 1)
        both[rows, :, 0], both[rows, :, 1] = _looked_up(table, _joined(upper, lower)), alpha
    return Image.fromarray(both)


def _stretched(image: Image.Image) -> Pixels:
    """32-bit integers and floats have no fixed white, so they are stretched from least to greatest."""
    low, high = np.inf, -np.inf
    for _, strip in _strips(image):
        values = np.asarray(strip)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        low = high = 0.0
    pixels = _empty(image)
    for rows, strip in _strips(image):
        exact = np.array(strip, np.float64)
        if not np.isfinite(exact).all():
            np.nan_to_num(exact, copy=False, nan=low, posinf=high, neginf=low)
        exact -= low
        exact *= 255 / (high - low or 1)
        _set_gray(pixels[rows], np.rint(exact, out=exact).astype(np.uint8))
    return pixels


def _deepened(upper: Pixels, open_image: Callable[[], Image.Image]) -> Pixels:
    """Colours whose upper bytes hold next to nothing, with the lower bytes that Pillow leaves out, stretched.

    Of separate planes Pillow has the upper bytes alone, whatever it is asked for: these are stretched.
    """
    image = open_image()
    if isinstance(image, PillowFile):
        args = image.tile[0].args
        raw_mode, *others = args if isinstance(args, tuple) else (args,)
        lower_mode = raw_mode[:-1] + _LOWER_BYTES.get(raw_mode[-4:], raw_mode[-1:])
        image.tile = [tile._replace(args=(lower_mode, *others) if others else lower_mode) for tile in image.tile]
    image.load()
    lower, counts = np.empty_like(upper), np.zeros(1 << 16, np.int64)
    for rows, strip in _strips(image):
        lower[rows] = np.asarray(strip)[:, :, 2::-1]
        counts += _counted(_joined(upper[rows], lower[rows]))
    table = _table(counts)
    for rows, _ in _strips(image):
        upper[rows] = _looked_up(table, _joined(upper[rows], lower[rows]))
    return upper


def _joined(upper: Pixels, lower: Pixels) -> Values:
    joined = np.left_shift(upper, 8, dtype=np.uint16)
    joined |= lower
    return joined

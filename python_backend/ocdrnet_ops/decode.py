"""Encoded image file -> upright BGR pixels, guarded before a pixel is decoded.

JPEG, the format that production sends, goes straight to libjpeg-turbo through OpenCV; every other format and every
unusual JPEG goes through Pillow, which knows palettes, alpha, 16 bits, CMYK, TIFF compressions and animations.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from ocdrnet_ops.errors import ImageError

Pixels = npt.NDArray[np.uint8]

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
ORIENTATION_TAG = 0x0112  # EXIF 2.32, section 4.6.4: 1 upright, 2..8 mirrored and turned
MAX_FRAMES = 1000  # counted no further: Pillow needs an hour for the page chain of a TIFF made to be long
BACKGROUND_SAMPLE = 512  # pixels a side in which the background of a transparent picture is chosen

# Pillow's own bomb check names no limit that a caller could act on, and warns below ours; `ImageLimits` replaces it.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class ImageLimits:
    """What an image may cost.

    Attributes:
        max_bytes: of the encoded file.
        max_pixels: width times height, held against the file's header before anything is decoded.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 100_000_000


@dataclass(frozen=True)
class DecodedImage:
    """An image ready to be read.

    Attributes:
        pixels: uint8 [H, W, 3], BGR, upright by EXIF.
        frames: pages or animation frames in the file, counted up to `MAX_FRAMES`; `pixels` is the first.
    """

    pixels: Pixels
    frames: int


def decode_image(data: bytes, limits: ImageLimits) -> DecodedImage:
    """Decode the first frame of an image file.

    Args:
        data: a whole JPEG, PNG, WebP, TIFF, BMP or GIF file.
        limits: over which the file is refused.

    Raises:
        ImageError: the bytes are empty, not such a file, damaged, or over a limit.
    """
    if not len(data):
        raise ImageError("the image is empty (0 bytes)")
    if len(data) > limits.max_bytes:
        raise ImageError(f"the image file has {len(data):,} bytes; the limit is {limits.max_bytes:,}")
    stream = io.BytesIO(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a file's odd metadata is no news for the server's log
        image = _open(stream, data)
        _check_size(image.width, image.height, limits)
        try:
            return _decode(image, data, header_end=stream.tell())
        except (ImageError, MemoryError):
            raise
        except Exception as error:  # decoders raise whatever a damaged file makes them stumble over
            raise ImageError(f"the {image.format} image is damaged: {_first_line(error)}") from None


def _open(stream: io.BytesIO, data: bytes) -> Image.Image:
    try:
        return Image.open(stream, formats=FORMATS)
    except Exception as error:
        start = data[:12].hex(" ")
        reason = "" if isinstance(error, UnidentifiedImageError) else f" ({_first_line(error)})"
        raise ImageError(
            f"not a readable image{reason}: {len(data):,} bytes that start with {start}; "
            "send a JPEG, PNG, WebP, TIFF, BMP or GIF file"
        ) from None


def _check_size(width: int, height: int, limits: ImageLimits) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"the image claims {width} x {height} pixels")
    if width * height > limits.max_pixels:
        raise ImageError(
            f"the image claims {width} x {height} = {width * height:,} pixels; the limit is {limits.max_pixels:,}"
        )


def _decode(image: Image.Image, data: bytes, header_end: int) -> DecodedImage:
    if image.format in ("JPEG", "MPO"):
        if image.mode in ("RGB", "L") and _has_end_marker(data, header_end):
            return DecodedImage(_upright(_decode_jpeg(data), _orientation(image)), frames=1)
        frames = 1  # further frames of a JPEG are previews of the first (MPO), not pages
    else:
        frames = _count_frames(image)
        image.seek(0)
    image.load()
    return DecodedImage(_upright(_to_bgr(image), _orientation(image)), frames)


def _count_frames(image: Image.Image) -> int:
    if image.format != "TIFF":
        return min(int(getattr(image, "n_frames", 1)), MAX_FRAMES)
    for count in range(1, MAX_FRAMES):
        try:
            image.seek(count)
        except Exception:  # the end, or a damaged page: the pages before it count
            return count
    return MAX_FRAMES


def _has_end_marker(data: bytes, header_end: int) -> bool:
    """Whether a JPEG's end marker follows its header; a thumbnail's stands inside the header.

    libjpeg fills what is missing with gray, and its text would be lost silently; Pillow refuses instead.
    """
    return data.rfind(b"\xff\xd9", header_end) >= 0


def _decode_jpeg(data: bytes) -> Pixels:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ImageError("the JPEG image is damaged: no pixels could be decoded")
    return pixels.astype(np.uint8, copy=False)


def _orientation(image: Image.Image) -> object:
    """As the EXIF data say; damaged EXIF data are no reason to refuse a sound picture."""
    try:
        return image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:
        return 1


def _upright(pixels: Pixels, orientation: object) -> Pixels:
    """Undo an EXIF orientation, 1..8; any other value counts as upright, as viewers have it."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _to_bgr(image: Image.Image) -> Pixels:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_8_bits(image)  # before transparency, for which Pillow would cut 16 bits at 255
    elif image.has_transparency_data:
        image = _flatten(image.convert("RGBA"))
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def _flatten(image: Image.Image) -> Image.Image:
    """Lay a transparent picture on white, or on black where what is visible of it is light (white text on nothing)."""
    sample = image.reduce(-(-max(image.size) // BACKGROUND_SAMPLE))
    gray, alpha = np.asarray(sample.convert("L"), np.float32), np.asarray(sample.getchannel("A"), np.float32)
    visible = float(alpha.sum())
    light = visible > 0 and float((gray * alpha).sum()) / visible > 127
    background = Image.new("RGBA", image.size, "black" if light else "white")
    return Image.alpha_composite(background, image)


def _to_8_bits(image: Image.Image) -> Image.Image:
    """16-bit gray keeps its upper byte; 32-bit integers and floats have no fixed white, so they are stretched."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((values >> 8).astype(np.uint8))
    values = values.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    np.nan_to_num(values, copy=False, nan=low, posinf=high, neginf=low)
    values -= low
    values *= 255 / (high - low or 1)
    return Image.fromarray(np.rint(values).astype(np.uint8))


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]

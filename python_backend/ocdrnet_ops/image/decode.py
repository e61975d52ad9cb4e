"""Encoded image file -> upright BGR pixels, guarded before a pixel is decoded.

`kinds` says what a file is and hands on the parts that a decoder needs. JPEG, the format that production sends,
goes straight to libjpeg-turbo through simplejpeg, which takes 0.85 of OpenCV's time for the same pixels; OpenCV decides
what becomes of a file that it does not take, damaged or rarely sampled. Every other format and every unusual JPEG goes
through Pillow, which knows palettes, alpha, 16 bits, CMYK, TIFF compressions and animations; HEIC goes through libheif.

The client draws over the pixels that this module makes, and has neither of the two: without them JPEG goes through
Pillow, whose libjpeg-turbo makes the same pixels.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile as PillowFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image.file import MAX_FRAMES, ImageFile, ImageLimits
from ocdrnet_ops.image.heif import open_heif
from ocdrnet_ops.image.jpeg import EOI, JpegFile
from ocdrnet_ops.image.kinds import parse_image_file
from ocdrnet_ops.image.tiff import TiffFile
from ocdrnet_ops.image.tones import bgr_pixels

__all__ = ["MAX_FRAMES", "DecodedImage", "ImageFile", "ImageLimits", "decode_image", "image_file", "upright"]

Pixels = npt.NDArray[np.uint8]

# Behind a JPEG without an end, to see whether its data are all there: bits in no order, and no FF.
_FILLER = bytes((89 + 151 * place) % 255 for place in range(64))

# Not by `Image.open`: its bomb check names no limit that a caller could act on, and the setting that turns it off holds
# for the whole process, which may be a caller's own.
_READERS: Mapping[str, Callable[[io.BytesIO, str], PillowFile]] = {
    "AVIF": AvifImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "TIFF": TiffImageFile,
    "WEBP": WebPImageFile,
}


@dataclass(frozen=True)
class DecodedImage:
    """An image ready to be read.

    Attributes:
        pixels: uint8 [H, W, 3], BGR, upright by EXIF.
        frames: pages or animation frames in the file, counted up to `MAX_FRAMES`; `pixels` is the first.
    """

    pixels: Pixels
    frames: int


def image_file(data: bytes, limits: ImageLimits) -> ImageFile:
    """What an image file says of itself: format, size, frames, and the memory that decoding it takes.

    Args:
        data: a whole JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC or AVIF file.
        limits: over which the file is refused.

    Raises:
        ImageError: the bytes are empty, not such a file, damaged in what was looked at, or over a limit.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a file's odd metadata is no news for the server's log
        try:
            return parse_image_file(data, limits)
        except (ImageError, MemoryError):
            raise
        except Exception as error:  # a field that no check here thought of
            raise _damaged("image", error) from None


def decode_image(data: bytes, limits: ImageLimits) -> DecodedImage:
    """Decode the first frame of an image file.

    Args:
        data: a whole JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC or AVIF file.
        limits: over which the file is refused.

    Raises:
        ImageError: the bytes are empty, not such a file, damaged, or over a limit.
    """
    file = image_file(data, limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pixels = _jpeg_pixels(file) if isinstance(file, JpegFile) else _pillow_pixels(file)
        except (ImageError, MemoryError):
            raise
        except Exception as error:  # decoders raise whatever a damaged file makes them stumble over
            raise _damaged(f"{file.format} image", error) from None
    return DecodedImage(upright(pixels, file.orientation), file.frames)


def _damaged(what: str, error: Exception) -> ImageError:
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return ImageError(f"the {what} is damaged: {reason}")


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation, 1..8."""
    return np.ascontiguousarray(turned_upright(pixels, orientation))


def turned_upright(pixels: Pixels, orientation: int) -> Pixels:
    """The same as a view, of an array of any library."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _jpeg_pixels(file: JpegFile) -> Pixels:
    if not file.has_end:
        return _without_end(file)
    if file.channels != 4:
        for decode in (_by_simplejpeg, _by_opencv):
            if (pixels := decode(file.needed)) is not None:
                return pixels
    return _pillow_pixels(file)


def _without_end(file: JpegFile) -> Pixels:
    """A JPEG that lacks its end marker, if nothing else.

    A decoder that comes to an end marker too early fills up what is missing, and its text would be lost silently. So
    the image is decoded twice, once with other bytes before the marker that is added: data that are whole are not
    changed by what follows them.
    """
    whole = file.needed.rstrip(b"\0")
    whole += b"\0" if whole.endswith(b"\xff") else b""
    pixels = _pillow_pixels(replace(file, needed=whole + EOI))
    if not file.is_complete or not np.array_equal(pixels, _pillow_pixels(replace(file, needed=whole + _FILLER + EOI))):
        raise ImageError("the JPEG image is damaged: image file is truncated")
    return pixels


def _by_simplejpeg(data: bytes) -> Pixels | None:
    """The pixels of a gray or colour JPEG; None without simplejpeg, or where libjpeg-turbo has a warning for it."""
    try:
        import simplejpeg  # noqa: PLC0415 -- the client has none
    except ImportError:
        return None
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data, colorspace="BGR")
    except ValueError:
        return None
    return pixels


def _by_opencv(data: bytes) -> Pixels | None:
    """The pixels of a gray or colour JPEG; None without OpenCV."""
    try:
        import cv2  # noqa: PLC0415 -- the client has none
    except ImportError:
        return None
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ImageError("the JPEG image is damaged: no pixels could be decoded")
    return pixels.astype(np.uint8, copy=False)


def _pillow_pixels(file: ImageFile) -> Pixels:
    pixels = bgr_pixels(lambda: _opened(file), file)
    if pixels.shape[:2] != (file.height, file.width):
        raise ImageError(f"the {file.format} image is damaged: its parts differ in size")
    return pixels


def _opened(file: ImageFile) -> Image.Image:
    """The image, not yet loaded; its size is that of the header that was checked."""
    if file.format == "HEIF":
        return open_heif(file.needed)
    image = _READERS[file.format](io.BytesIO(file.needed), "")
    if image.size != (file.width, file.height):
        raise ImageError(f"the {file.format} image is damaged: its headers differ in size")
    if isinstance(file, TiffFile) and file.has_separate_planes and isinstance(image, TiffImageFile):
        # libtiff reads planes that are not compressed, too; Pillow's own reader takes each sample for 8 bits.
        args = (f"{image.mode};16N", False, image.tag_v2.offset)
        image.tile = [image.tile[0]._replace(codec_name="libtiff", extents=(0, 0, *image.size), offset=0, args=args)]
        image.use_load_libtiff = True
    return image

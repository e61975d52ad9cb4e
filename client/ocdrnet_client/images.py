"""What a caller may hand over as an image, and how it becomes the bytes of an image file."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ocdrnet_client.errors import InvalidRequestError
from ocdrnet_ops.errors import ImageError

ImageSource: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | NDArray[np.uint8] | Image.Image
)
ChannelOrder: TypeAlias = Literal["RGB", "BGR"]

# Pillow's modes that a file keeps: as PNG, or else as TIFF. Others are converted.
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
_TIFF_MODES = frozenset({"F", "I", "I;16B", "CMYK", "YCbCr", "LAB"})
# For an image that a server has read, whose limits may be wider than the default ones.
_DRAWN_BYTES, _DRAWN_PIXELS = 1 << 31, 400_000_000


def encoded_image(image: ImageSource, channel_order: ChannelOrder = "RGB") -> bytes:
    """The image as an encoded file.

    Args:
        image: a path; the bytes of a JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC or AVIF file, as `bytes`, `bytearray` or
            `memoryview`; a file opened with "rb", read from where it stands; an array, see `array_to_pil`; or a
            Pillow image, turned upright by its EXIF.
        channel_order: of an array.

    Returns:
        A file's bytes as they are; an array or a Pillow image as a file without losses.

    Raises:
        InvalidRequestError: the file cannot be read, the bytes are empty, or the array has a wrong shape or
            type.
    """
    data = _bytes_of(image, channel_order)
    if not data:
        raise InvalidRequestError("the image is empty (0 bytes)")
    return data


def image_name(image: ImageSource) -> str | None:
    """A file's name without its folder; None where there is no file."""
    path = image if isinstance(image, (str, os.PathLike)) else getattr(image, "name", None)
    return Path(path).name if isinstance(path, (str, os.PathLike)) else None


def upright_image(image: ImageSource, channel_order: ChannelOrder = "RGB") -> Image.Image:
    """The pixels that a server reads in an image, by the server's own decoder: RGB and upright.

    Args:
        image: see `encoded_image`.
        channel_order: of an array.

    Raises:
        InvalidRequestError: the image cannot be read.
    """
    # Loads the decoders of every format, which who only reads does not need.
    from ocdrnet_ops.image.decode import ImageLimits, decode_image  # noqa: PLC0415

    if isinstance(image, np.ndarray):
        return array_to_pil(image, channel_order).convert("RGB")
    if isinstance(image, Image.Image) and image.mode == "RGB" and not image.has_transparency_data:
        return _upright(image)
    try:
        pixels = decode_image(encoded_image(image), ImageLimits(_DRAWN_BYTES, _DRAWN_PIXELS)).pixels
    except ImageError as error:
        raise InvalidRequestError(str(error)) from error
    return Image.frombuffer("RGB", (pixels.shape[1], pixels.shape[0]), pixels, "raw", "BGR", 0, 1)


def array_to_pil(array: NDArray[np.uint8], channel_order: ChannelOrder = "RGB") -> Image.Image:
    """A Pillow image of an array.

    Args:
        array: uint8, [height, width] or [height, width, 1] gray, or [height, width, 3] colour.
        channel_order: `RGB` as Pillow and imageio have it, `BGR` as OpenCV has it.

    Raises:
        InvalidRequestError: another shape, type or order.
    """
    if channel_order not in ("RGB", "BGR"):
        raise InvalidRequestError(f"channel_order is {channel_order!r}; it must be 'RGB' or 'BGR'")
    if array.dtype != np.uint8 or array.size == 0 or not _is_image(array.shape):
        raise InvalidRequestError(
            f"the array is {array.dtype} of shape {list(array.shape)};"
            " it must be uint8 of shape [height, width] or [height, width, 3]"
        )
    gray_or_colour = array[..., 0] if array.shape[2:] == (1,) else array
    if channel_order == "BGR" and gray_or_colour.ndim == 3:
        gray_or_colour = gray_or_colour[..., ::-1]
    return Image.fromarray(np.ascontiguousarray(gray_or_colour))


def _is_image(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))


def _bytes_of(image: object, channel_order: ChannelOrder) -> bytes:
    if isinstance(image, (bytes, bytearray, memoryview)):
        return bytes(image)
    if isinstance(image, np.ndarray):
        return _as_file(array_to_pil(image, channel_order))
    if isinstance(image, Image.Image):
        return _as_file(_upright(image))
    if isinstance(image, (str, os.PathLike)):
        return _read(Path(image))
    if hasattr(image, "read"):
        return _read_on(cast(BinaryIO, image))
    raise InvalidRequestError(
        f"a {type(image).__name__} is no image; give a path, bytes, an open file, a NumPy array or a Pillow image"
    )


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except (OSError, ValueError, SyntaxError, EOFError, struct.error) as error:
        # Pillow's decoders raise all of these for files that are damaged behind their header.
        raise InvalidRequestError(f"the Pillow image cannot be read: {error}") from error


def _as_file(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    if picture.mode in _TIFF_MODES:
        picture.save(buffer, format="TIFF")
        return buffer.getvalue()
    if picture.mode not in _PNG_MODES:
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    # Level 1 is several times faster than the default and hardly larger for photographs.
    picture.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def _read_on(file: BinaryIO) -> bytes:
    try:
        data: object = file.read()
    except (OSError, ValueError) as error:  # a closed file raises ValueError
        raise InvalidRequestError(f"cannot read the open file {image_name(file) or ''}: {error}") from error
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InvalidRequestError(f"the open file gives {type(data).__name__}, not bytes; open it with 'rb'")
    return bytes(data)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequestError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        # A NUL or an unpaired surrogate is no part of a file's name.
        raise InvalidRequestError(f"cannot read {str(path)!r}: {error}") from error

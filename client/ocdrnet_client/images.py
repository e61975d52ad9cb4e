"""What a caller may hand over as a picture, and how it becomes the bytes of an image file."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ocdrnet_client.errors import InvalidRequestError

ImageSource: TypeAlias = str | os.PathLike[str] | bytes | NDArray[np.uint8]
ChannelOrder: TypeAlias = Literal["RGB", "BGR"]


def encoded_image(image: ImageSource, channel_order: ChannelOrder = "RGB") -> bytes:
    """The picture as an encoded file.

    Args:
        image: a path; the bytes of a JPEG, PNG, WebP, TIFF, BMP or GIF file; or an array, see `array_to_pil`.
        channel_order: of an array.

    Returns:
        A file's bytes as they are; an array as PNG, lossless.

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
    return Path(image).name if isinstance(image, (str, os.PathLike)) else None


def array_to_pil(array: NDArray[np.uint8], channel_order: ChannelOrder = "RGB") -> Image.Image:
    """A Pillow picture of an array.

    Args:
        array: uint8, [height, width] or [height, width, 1] gray, or [height, width, 3] colour.
        channel_order: `RGB` as Pillow and imageio have it, `BGR` as OpenCV has it.

    Raises:
        InvalidRequestError: another shape, type or order.
    """
    if channel_order not in ("RGB", "BGR"):
        raise InvalidRequestError(f"channel_order is {channel_order!r}; it must be 'RGB' or 'BGR'")
    if array.dtype != np.uint8 or array.size == 0 or not _is_picture(array.shape):
        raise InvalidRequestError(
            f"the array is {array.dtype} of shape {list(array.shape)};"
            " it must be uint8 of shape [height, width] or [height, width, 3]"
        )
    gray_or_colour = array[..., 0] if array.shape[2:] == (1,) else array
    if channel_order == "BGR" and gray_or_colour.ndim == 3:
        gray_or_colour = gray_or_colour[..., ::-1]
    return Image.fromarray(np.ascontiguousarray(gray_or_colour))


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))


def _bytes_of(image: object, channel_order: ChannelOrder) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, np.ndarray):
        return _as_png(array_to_pil(image, channel_order))
    if isinstance(image, (str, os.PathLike)):
        return _read(Path(image))
    raise InvalidRequestError(f"a {type(image).__name__} is no image; give a path, bytes or a NumPy array")


def _as_png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    # Level 1 is several times faster than the default and hardly larger for photographs.
    picture.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequestError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        # A NUL or an unpaired surrogate is no part of a file's name.
        raise InvalidRequestError(f"cannot read {str(path)!r}: {error}") from error

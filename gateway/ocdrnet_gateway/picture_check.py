"""What a picture's header says, before anything of it is decoded."""

from __future__ import annotations

import io

from PIL import Image

from ocdrnet_gateway.problems import TooLargeError, UnprocessableError

# What the server decodes. Pillow has formats beyond these whose readers run other programs.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "MPO")


def check_picture(image: bytes, max_pixels: int) -> tuple[int, int]:
    """Width and height by the header.

    Raises:
        UnprocessableError: it is no picture.
        TooLargeError: it has more pixels than allowed.
    """
    width, height = _size(image)
    if width * height > max_pixels:
        raise TooLargeError(
            f"the picture claims {width} x {height} = {width * height:,} pixels; the limit is {max_pixels:,}"
        )
    return width, height


def _size(image: bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(image), formats=FORMATS) as picture:
            return picture.size
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"the picture is too large: {error}") from None
    except Exception as error:  # Pillow's readers raise anything on damaged files
        raise UnprocessableError(
            f"the picture ({len(image):,} bytes) cannot be read: it is no JPEG, PNG, WebP, TIFF, BMP or GIF"
        ) from error

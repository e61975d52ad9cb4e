"""What a picture's header says, before anything of it is decoded."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from ocdrnet_gateway.body_kinds import other_than_picture
from ocdrnet_gateway.problems import TooLargeError, UnprocessableError

# What the server decodes. Pillow has formats beyond these whose readers run other programs.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "MPO")
# Bytes for each pixel that the server's decoder takes at its worst moment, by Pillow's mode, and rounded up from what
# `tests/gateway/test_hosted_rendering.py` measures: 10.9 for gray, 13.9 for colour, 29.0 for numbers of 32 bits.
_DECODING_BYTES = {"1": 12, "L": 12, "P": 16, "RGB": 15, "I": 30, "F": 30}
_OTHER_DECODING_BYTES = 24
_WEBP_DECODING_BYTES = 28


@dataclass(frozen=True)
class PictureSize:
    """A picture's size by its header.

    Attributes:
        width: pixels, before it is turned upright.
        height: likewise.
        decoding_bytes: that decoding it takes at the worst moment.
    """

    width: int
    height: int
    decoding_bytes: int

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def check_picture(image: bytes, max_pixels: int, content_type: str = "", content_encoding: str = "") -> PictureSize:
    """What the header says.

    Args:
        image: an encoded picture.
        max_pixels: that it may have.
        content_type: of the request whose body the picture is, for a better error.
        content_encoding: likewise.

    Raises:
        UnprocessableError: it is no picture.
        TooLargeError: it has more pixels than allowed.
    """
    size = _size(image, content_type, content_encoding)
    if size.pixels > max_pixels:
        raise TooLargeError(
            f"the picture claims {size.width} x {size.height} = {size.pixels:,} pixels; the limit is {max_pixels:,}"
        )
    return size


def _size(image: bytes, content_type: str, content_encoding: str) -> PictureSize:
    try:
        with Image.open(io.BytesIO(image), formats=FORMATS) as picture:
            return PictureSize(picture.width, picture.height, picture.width * picture.height * _decoding_bytes(picture))
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"the picture is too large: {error}") from None
    except Exception as error:  # Pillow's readers raise anything on damaged files
        kind = other_than_picture(image, content_type, content_encoding) or "no JPEG, PNG, WebP, TIFF, BMP or GIF"
        raise UnprocessableError(f"the picture ({len(image):,} bytes) cannot be read: it is {kind}") from error


def _decoding_bytes(picture: Image.Image) -> int:
    if picture.format == "WEBP":
        return _WEBP_DECODING_BYTES
    return _DECODING_BYTES.get(picture.mode, _OTHER_DECODING_BYTES)

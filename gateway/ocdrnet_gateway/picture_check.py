"""What a picture's file says of itself, before anything of it is decoded: by the server's own decoder."""

from __future__ import annotations

from dataclasses import dataclass

from ocdrnet_gateway.body_kinds import other_than_picture
from ocdrnet_gateway.problems import TooLargeError, UnprocessableError
from ocdrnet_ops.decode import ImageLimits, image_file
from ocdrnet_ops.errors import ImageError, ImageTooLargeError

# `tests/gateway/test_hosted_rendering.py` measures what a file takes; a quarter more than its own estimate is enough.
_ALLOWANCE = 4


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
        UnprocessableError: it is no picture, or is damaged in what was looked at.
        TooLargeError: it has more pixels than allowed, or would take more memory or work to decode than they may.
    """
    try:
        file = image_file(image, ImageLimits(max(1, len(image)), max_pixels))
    except ImageTooLargeError as error:
        raise TooLargeError(str(error)) from None
    except ImageError as error:
        kind = other_than_picture(image, content_type, content_encoding)
        said = f"it is {kind}" if kind else str(error)
        raise UnprocessableError(f"the picture ({len(image):,} bytes) cannot be read: {said}") from error
    return PictureSize(file.width, file.height, file.decoding_bytes + file.decoding_bytes // _ALLOWANCE)

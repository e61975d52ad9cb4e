"""Decoded pixels -> an image ready to be read: for callers that have frames of a video or pages already drawn."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image.decode import DecodedImage
from ocdrnet_ops.image.file import ImageLimits, check_size


def frame_image(frames: npt.NDArray[np.uint8], limits: ImageLimits) -> DecodedImage:
    """The one frame of a batch, as `decode_image` makes it of a file.

    Args:
        frames: uint8 [1, H, W, 3], RGB, upright. The first axis is there for clients that send a batch always.
        limits: whose pixels hold here as well; the bytes are those of encoded files.

    Raises:
        ImageError: there is not one frame, it has no pixels, or is over the limit.
    """
    count, height, width = frames.shape[:3]
    if count != 1:
        raise ImageError(f"the request holds {count} images; send one in each request, of shape [1, height, width, 3]")
    if height < 1 or width < 1:
        raise ImageError(f"the image has {width} x {height} pixels; it must have one or more in width and in height")
    check_size(width, height, limits)
    # The steps work in OpenCV's order. This copy is the only one: Triton's memory is not ours to write to.
    return DecodedImage(cv2.cvtColor(frames[0], cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False), 1)

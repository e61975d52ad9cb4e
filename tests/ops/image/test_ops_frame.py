import numpy as np
import pytest

from ocdrnet_ops.errors import ImageError, ImageTooLargeError
from ocdrnet_ops.image.file import ImageLimits
from ocdrnet_ops.image.frame import frame_image

LIMITS = ImageLimits(max_bytes=10, max_pixels=12)


def frames(count, height, width):
    return np.arange(count * height * width * 3, dtype=np.uint8).reshape(count, height, width, 3)


def test_pixels_are_turned_from_rgb_to_bgr_and_not_scaled():
    given = frames(1, 3, 4)
    image = frame_image(given, LIMITS)
    np.testing.assert_array_equal(image.pixels, given[0, :, :, ::-1])
    assert (image.frames, image.pixels.dtype, image.pixels.flags.c_contiguous) == (1, np.uint8, True)


def test_callers_memory_is_only_read():
    """It is Triton's, and shared."""
    given = frames(1, 2, 2)
    given.flags.writeable = False
    frame_image(given, LIMITS).pixels[:] = 0
    np.testing.assert_array_equal(given, frames(1, 2, 2))


@pytest.mark.parametrize("count", [0, 2])
def test_other_than_one_image_is_refused(count):
    with pytest.raises(ImageError, match=rf"holds {count} images; send one in each request"):
        frame_image(frames(count, 2, 2), LIMITS)


@pytest.mark.parametrize(("height", "width"), [(0, 4), (4, 0), (0, 0)])
def test_no_pixels_are_refused(height, width):
    with pytest.raises(ImageError, match=f"has {width} x {height} pixels; it must have one or more in width"):
        frame_image(frames(1, height, width), LIMITS)


def test_limit_of_pixels_holds_and_that_of_files_does_not():
    frame_image(frames(1, 2, 6), LIMITS)
    with pytest.raises(ImageTooLargeError, match="13 x 1 = 13 pixels; the limit is 12"):
        frame_image(frames(1, 1, 13), LIMITS)

"""The returned image: boxes alone, or with each text beside its box."""

from __future__ import annotations

import io
import threading
import warnings

from PIL import Image, ImageDraw

from ocdrnet_client.fonts import FontBook
from ocdrnet_client.overlay import MissingGlyphsWarning, draw_overlay, overlay_size
from ocdrnet_client.results import Line, Page, Point
from ocdrnet_gateway.core.reading import ImageSize
from ocdrnet_gateway.http_errors import UnprocessableError
from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image.decode import ImageLimits, decode_image

# Red, and dark red under it, is seen on paper as well as on photographs.
_LINE, _EDGE = "#ff2d2d", "#5c0000"
# Lines of 3 pixels on an image of 1,280.
_STROKE_SHARE = 1 / 420
_JPEG_QUALITY = 90
# What libjpeg writes; JPEG itself ends at 65,535 (ITU-T T.81, table B.2).
_JPEG_SIDE = 65_500
# Bytes for each pixel of Pillow's images, and how many of them there are: of the one read, while it is copied
# and while it is drawn over; of the halves, the enlarged one, the panel, and both in one.
_BYTES = 4
_COPIES, _KEPT, _HALVES = 3, 1, 4
# The encoded image and the zip of it, which are small where the image is.
_LEAST_BYTES = 4 * 1024 * 1024


def drawing_bytes(size: ImageSize, page: Page, with_labels: bool) -> int:
    """The most memory that drawing on an image takes, in bytes.

    Args:
        size: of the image.
        page: what was read in it; without lines it tells the least.
        with_labels: see `Renderer.render`.
    """
    most = size.decoding_bytes
    if with_labels:
        width, height = overlay_size((size.width, size.height), page)
        drawn = _BYTES * (_KEPT * size.pixels + _HALVES * width * height)
        most = max(most, _BYTES * _COPIES * size.pixels, drawn)
    return _LEAST_BYTES + most


class Renderer:
    """Draws. Its calls may come from several threads."""

    def __init__(self) -> None:
        self._fonts = FontBook()
        # A font book grows while it is used.
        self._lock = threading.Lock()
        # The warning names characters, and what was read must not get into a log.
        warnings.filterwarnings("ignore", category=MissingGlyphsWarning)

    def render(self, image: bytes, page: Page, with_labels: bool) -> bytes:
        """The image as a JPEG: the pixels that the server read, by its own decoder.

        Args:
            image: what was read, whose size was checked.
            page: what was read in it.
            with_labels: put the text beside each box, in a panel right of the image, which is enlarged until the
                text is legible, or made smaller where both would be too large; without, the boxes alone are drawn and
                the image keeps its size, unless it is wider or higher than a JPEG can be.

        Raises:
            UnprocessableError: the image is damaged.
        """
        picture = self._with_labels(image, page) if with_labels else _with_boxes(image, page)
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=_JPEG_QUALITY)
        return buffer.getvalue()

    def _with_labels(self, image: bytes, page: Page) -> Image.Image:
        pixels = _decoded(image)
        with self._lock:
            return draw_overlay(pixels, page, fonts=self._fonts)


def _decoded(image: bytes) -> Image.Image:
    """The pixels that the server reads. Its limits were held against the header before."""
    limits = ImageLimits(max_bytes=len(image), max_pixels=1 << 31)
    try:
        pixels = decode_image(image, limits).pixels
    except ImageError as error:
        raise UnprocessableError(f"the image was read but cannot be drawn on: {error}") from error
    height, width, _ = pixels.shape
    return Image.frombuffer("RGB", (width, height), pixels, "raw", "BGR", 0, 1)


def _with_boxes(image: bytes, page: Page) -> Image.Image:
    picture = _decoded(image)
    share = min(1.0, _JPEG_SIDE / max(picture.size))
    if share < 1.0:
        picture = picture.resize((max(1, int(picture.width * share)), max(1, int(picture.height * share))))
    draw = ImageDraw.Draw(picture)
    stroke = max(1, round(max(picture.size) * _STROKE_SHARE))
    for colour, width in ((_EDGE, stroke + 2), (_LINE, stroke)):
        for line in page.lines:
            outline = _scaled(line, share)
            draw.line([*outline, outline[0]], fill=colour, width=width, joint="curve")
    return picture


def _scaled(line: Line, share: float) -> list[Point]:
    return [(x * share, y * share) for x, y in line.outline]

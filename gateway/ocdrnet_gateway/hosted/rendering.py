"""The returned picture: boxes alone, or with each text beside its box."""

from __future__ import annotations

import io
import threading
import warnings

from PIL import Image, ImageDraw, ImageOps

from ocdrnet_client.fonts import FontBook
from ocdrnet_client.overlay import MissingGlyphsWarning, draw_overlay
from ocdrnet_client.results import Page
from ocdrnet_gateway.picture_check import FORMATS
from ocdrnet_gateway.problems import UnprocessableError

# Red, and dark red under it, is seen on paper as well as on photographs.
_LINE, _EDGE = "#ff2d2d", "#5c0000"
# Lines of 3 pixels on a picture of 1,280.
_STROKE_SHARE = 1 / 420
_JPEG_QUALITY = 90


class Renderer:
    """Draws. Its calls may come from several threads."""

    def __init__(self) -> None:
        self._fonts = FontBook()
        # A font book grows while it is used.
        self._lock = threading.Lock()
        # The warning names characters, and what was read must not get into a log.
        warnings.filterwarnings("ignore", category=MissingGlyphsWarning)

    def render(self, image: bytes, page: Page, with_labels: bool) -> bytes:
        """The picture as a JPEG.

        Args:
            image: what was read, whose size was checked.
            page: what was read in it.
            with_labels: put the text beside each box, in a panel right of the picture, which is enlarged until the
                text is legible; without, the boxes alone are drawn and the picture keeps its size.

        Raises:
            UnprocessableError: the picture is damaged.
        """
        picture = _decoded(image)
        if with_labels:
            with self._lock:
                picture = draw_overlay(picture, page, fonts=self._fonts)
        else:
            _draw_boxes(picture, page)
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=_JPEG_QUALITY)
        return buffer.getvalue()


def _decoded(image: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(image), formats=FORMATS) as opened:
            upright = ImageOps.exif_transpose(opened)
            if not upright.has_transparency_data:
                return upright.convert("RGB")
            layer = upright.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    except Exception as error:  # Pillow's readers raise anything on damaged files
        raise UnprocessableError("the picture was read but cannot be drawn on: it is damaged") from error


def _draw_boxes(picture: Image.Image, page: Page) -> None:
    draw = ImageDraw.Draw(picture)
    stroke = max(1, round(max(picture.size) * _STROKE_SHARE))
    for colour, width in ((_EDGE, stroke + 2), (_LINE, stroke)):
        for line in page.lines:
            draw.line([*line.outline, line.outline[0]], fill=colour, width=width, joint="curve")

"""An image of what was read: left the image with the boxes, right each text where its box is."""

from __future__ import annotations

import math
import statistics
import warnings
from itertools import accumulate

from PIL import Image, ImageColor, ImageDraw

from ocdrnet_client.errors import InvalidRequestError
from ocdrnet_client.fonts import Font, FontBook
from ocdrnet_client.images import ChannelOrder, ImageSource, image_name, upright_image
from ocdrnet_client.results import Box, Line, Page

# Neighbouring lines get different colours, dark enough to be read as text on white.
_COLOURS = ("#c0392b", "#1f618d", "#1e8449", "#7d3c98", "#a04000", "#117864")
_PAPER = "white"
# Below these a small image is enlarged: pixels of its long side, and of the text's height.
_LEGIBLE_SIDE = 640
_LEGIBLE_TEXT = 16
# No enlargement beyond this long side, for the sake of memory: two halves of 4096x4096 are 100 MB.
_LARGEST_SIDE = 4096
# Larger images are made smaller. Both halves together stay below what Pillow and browsers open without a warning (89
# million pixels), and below the width that a JPEG can have.
_MOST_PIXELS = 40_000_000
_MOST_WIDTH, _MOST_HEIGHT = 32_750, 65_500
# A font's size counts from its highest to its lowest stroke, which a detector's box holds with a little room.
_FONT_SHARE = 0.85
_SMALLEST_FONT = 4


class MissingGlyphsWarning(UserWarning):
    """No installed font can draw some characters; they are written as U+4F60 and the like."""


def draw_overlay(
    image: ImageSource, page: Page, *, channel_order: ChannelOrder = "RGB", fonts: FontBook | None = None
) -> Image.Image:
    """Draw boxes over the image, and beside it each recognized text in its box's place, size and slant.

    Characters have faint boxes, if `characters=on` was asked.

    Args:
        image: what was read, as `Client.read` takes it. The pixels are those that the server read.
        page: what was read in it.
        channel_order: of an array: `RGB` or `BGR`.
        fonts: to share between images, since the search for fonts takes time.

    Returns:
        RGB, twice the image's width; small images are enlarged first, and huge ones made smaller.

    Raises:
        InvalidRequestError: the image cannot be read.

    Warns:
        MissingGlyphsWarning: some characters have no font; they are drawn as code points.
    """
    book = fonts or FontBook()
    picture = _image(image, channel_order)
    scale = _enlargement(picture.size, page)
    picture = picture.resize(overlay_size(picture.size, page), Image.Resampling.BICUBIC)
    panel = Image.new("RGB", picture.size, _PAPER)
    _draw_lines(picture, panel, page, scale, book)
    if book.missing:
        warnings.warn(_advice(book.missing), MissingGlyphsWarning, stacklevel=2)
    return _side_by_side(picture, panel)


def overlay_size(size: tuple[int, int], page: Page) -> tuple[int, int]:
    """Width and height of each of an overlay's two halves, in pixels, so that its cost is known before it is drawn.

    Args:
        size: width and height of the image, in pixels.
        page: what was read in it.
    """
    scale = _enlargement(size, page)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _draw_lines(picture: Image.Image, panel: Image.Image, page: Page, scale: float, book: FontBook) -> None:
    on_image, on_panel = ImageDraw.Draw(picture), ImageDraw.Draw(panel)
    stroke = max(1, round(max(picture.size) / 640))
    for index, line in enumerate(page.lines):
        colour = _COLOURS[index % len(_COLOURS)]
        corners = [(x * scale, y * scale) for x, y in line.outline]
        for character in (character for word in line.words for character in word.characters):
            on_image.polygon([(x * scale, y * scale) for x, y in character.box], outline=_faint(colour))
        on_image.line([*corners, corners[0]], fill=colour, width=stroke, joint="curve")
        on_panel.polygon(corners, outline=_faint(colour), width=stroke)
        _write(panel, line, scale, colour, book)


def _write(panel: Image.Image, line: Line, scale: float, colour: str, book: FontBook) -> None:
    # What is longer than the panel cannot be seen whole, and FreeType refuses sizes without bound.
    longest = math.hypot(*panel.size)
    width, height = (min(side * scale, longest) for side in _sides(line.box))
    runs = _fitting(book.runs(line.text), width, height)
    if not runs:
        return
    patch = _written(runs)
    # At small sizes glyphs advance by whole pixels, so that a text may still be a little wider than asked for.
    patch = patch.resize((max(1, min(patch.width, round(width))), patch.height))
    (x0, y0), (x1, y1) = line.box[0], line.box[1]
    slanted = patch.rotate(-math.degrees(math.atan2(y1 - y0, x1 - x0)), Image.Resampling.BICUBIC, expand=True)
    middle = [scale * sum(axis) / 4 for axis in zip(*line.box, strict=True)]
    corner = (round(middle[0] - slanted.width / 2), round(middle[1] - slanted.height / 2))
    panel.paste(Image.new("RGB", slanted.size, colour), corner, slanted)


def _written(runs: list[tuple[str, Font]]) -> Image.Image:
    """The runs of a line on one base line, from the highest to the lowest stroke: white on black, `L`."""
    starts = [0.0, *accumulate(font.getlength(text) for text, font in runs)]
    boxes = [font.getbbox(text, anchor="ls") for text, font in runs]
    left, right = (
        select(start + box[i] for start, box in zip(starts, boxes, strict=False)) for i, select in ((0, min), (2, max))
    )
    top, bottom = min(box[1] for box in boxes), max(box[3] for box in boxes)
    patch = Image.new("L", (max(1, math.ceil(right - left)), max(1, math.ceil(bottom - top))))
    drawing = ImageDraw.Draw(patch)
    for start, (text, font) in zip(starts, runs, strict=False):
        drawing.text((start - left, -top), text, font=font, fill=255, anchor="ls")
    return patch


def _fitting(runs: list[tuple[str, Font]], width: float, height: float) -> list[tuple[str, Font]]:
    """The runs at the largest size at which they fit their box both ways."""
    size = max(_SMALLEST_FONT, height * _FONT_SHARE)
    sized = [(text, font.font_variant(size=size)) for text, font in runs]
    too_wide = sum(font.getlength(text) for text, font in sized) / max(width, 1)
    if too_wide <= 1:
        return sized
    return [(text, font.font_variant(size=max(_SMALLEST_FONT, size / too_wide))) for text, font in runs]


def _sides(box: Box) -> tuple[float, float]:
    """A box's width along its text and height across it, in pixels."""
    top_left, top_right, _, bottom_left = box
    return math.dist(top_left, top_right), math.dist(top_left, bottom_left)


def _enlargement(size: tuple[int, int], page: Page) -> float:
    """Times its size that an image is drawn; below 1 where it is huge."""
    room = min(math.sqrt(_MOST_PIXELS / (size[0] * size[1])), _MOST_WIDTH / size[0], _MOST_HEIGHT / size[1])
    heights = [_sides(line.box)[1] for line in page.lines]
    for_text = _LEGIBLE_TEXT / max(1.0, statistics.median(heights)) if heights else 1.0
    wanted = max(1.0, for_text, _LEGIBLE_SIDE / max(size))
    return min(room, max(1.0, min(wanted, _LARGEST_SIDE / max(size))))


def _image(image: ImageSource, channel_order: ChannelOrder) -> Image.Image:
    try:
        return upright_image(image, channel_order)
    except InvalidRequestError as error:
        raise InvalidRequestError(f"cannot draw over {image_name(image) or 'the image'}: {error}") from error


def _side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    both = Image.new("RGB", (left.width + right.width, left.height), _PAPER)
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    return both


def _faint(colour: str) -> tuple[int, ...]:
    return tuple((channel + 3 * 255) // 4 for channel in ImageColor.getrgb(colour))


def _advice(missing: frozenset[str]) -> str:
    shown = " ".join(f"U+{ord(char):04X}" for char in sorted(missing)[:3])
    return (
        f"no installed font has {len(missing)} of the characters, such as {shown};"
        " install one, for instance the package fonts-noto-cjk for Chinese, Japanese and Korean"
    )

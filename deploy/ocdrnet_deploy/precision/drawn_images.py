"""Drawn receipts, pages and photos, for INT8 to take the value ranges from where no images are given.

They are drawn with the one font that Pillow contains, so an installed wheel can draw them, and the same each time. What
real pictures do to a network's value ranges is drawn too: uneven light, grain, blur, JPEG, lines that are not level.
"""

from __future__ import annotations

import random

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Pixels = npt.NDArray[np.uint8]
Draw = random.Random
EACH = 4  # receipts, pages and photos
_WORDS = (
    *("the", "invoice", "number", "total", "amount", "street", "date", "TAX", "CASH", "CHANGE", "Thank", "you", "for"),
    *("Coffee", "SALE", "Central", "Station", "Exit", "EXPRESS", "Pharmacy", "No.", "Tel:", "item", "qty", "price"),
    *("between", "several", "committee", "Kitchen", "&", "Bar", "@home", "info@example.org", "(incl.", "6%)", "USD"),
)


def drawn_images() -> list[Pixels]:
    """Four receipts, four pages and four photos with text: uint8 [H, W, 3] BGR each."""
    draw = Draw(28)
    kinds = (_receipt, _page, _photo)
    return [_seen(kind(draw, index), draw, index) for index in range(EACH) for kind in kinds]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def _text(draw: Draw, words: int) -> str:
    return " ".join(draw.choice(_WORDS) for _ in range(words))


def _price(draw: Draw) -> str:
    return f"{draw.randint(0, 199)}.{draw.randint(0, 99):02}"


def _receipt(draw: Draw, index: int) -> Image.Image:
    """Narrow and long: short lines, amounts at the right, print of one size, faint on some."""
    width, rows, size = draw.randint(460, 900), draw.randint(24, 44), draw.randint(17, 26)
    image = Image.new("RGB", (width, (rows + 3) * size * 3 // 2), (draw.randint(225, 255),) * 3)
    pen, ink = ImageDraw.Draw(image), (draw.randint(10, 130),) * 3
    for row in range(rows):
        y, text = (row + 1) * size * 3 // 2, _text(draw, draw.randint(1, 4))
        text = text.upper() if index % 2 else text
        if row < 4:
            pen.text((width / 2, y), text, fill=ink, font=_font(size), anchor="ma")
        elif row % 9 == 8:
            pen.text((size, y), "-" * (2 * width // size), fill=ink, font=_font(size))
        else:
            pen.text((size, y), text[: width // size], fill=ink, font=_font(size))
            pen.text((width - size, y), _price(draw), fill=ink, font=_font(size), anchor="ra")
    return image


def _page(draw: Draw, index: int) -> Image.Image:
    """Print in one or two columns below a title, black on white."""
    columns, size = 1 + index % 2, draw.randint(18, 26)
    image = Image.new("RGB", (1000, 1100), (draw.randint(235, 255),) * 3)
    pen, step = ImageDraw.Draw(image), 900 // columns
    pen.text((50, 40), _text(draw, 4).title(), fill="black", font=_font(48))
    for column in range(columns):
        for y in range(130, 1050, size * 8 // 5):
            line = _text(draw, 20)[: 2 * step // size - 6].rpartition(" ")[0]  # a letter is half as wide as high
            pen.text((50 + column * step, y), line, fill=(20, 20, 20), font=_font(size))
    return image


def _photo(draw: Draw, index: int) -> Image.Image:
    """Signs of many colours and sizes, each at an angle of its own, before blurred shapes."""
    image = Image.new("RGB", (1280, 720), _colour(draw, 0, 255))
    pen = ImageDraw.Draw(image)
    for _ in range(40):
        x, y, w, h = draw.randint(-200, 1200), draw.randint(-200, 700), draw.randint(20, 500), draw.randint(20, 400)
        (pen.ellipse if draw.random() < 0.5 else pen.rectangle)((x, y, x + w, y + h), fill=_colour(draw, 0, 255))
    blurred = cv2.GaussianBlur(np.asarray(image), (0, 0), 2 + 3 * index)
    image = Image.fromarray(blurred.astype(np.uint8))
    for _ in range(14):
        font, text = _font(draw.choice((12, 16, 20, 28, 40, 64, 90))), _text(draw, draw.randint(1, 2))
        left, top, right, bottom = font.getbbox(text)
        dark, bright = _colour(draw, 0, 90), _colour(draw, 150, 255)
        ground, ink = draw.sample([dark, bright], 2)
        sign = Image.new("RGBA", (int(right - left) + 16, int(bottom - top) + 12), (*ground, 255))
        ImageDraw.Draw(sign).text((8 - left, 6 - top), text, fill=ink, font=font)
        sign = sign.rotate(draw.uniform(-20, 20), Image.Resampling.BICUBIC, expand=True)
        image.paste(sign, (draw.randint(0, 1000), draw.randint(0, 600)), sign)
    return image


def _colour(draw: Draw, low: int, high: int) -> tuple[int, int, int]:
    return draw.randint(low, high), draw.randint(low, high), draw.randint(low, high)


def _seen(image: Image.Image, draw: Draw, index: int) -> Pixels:
    """As a camera or a scanner sees it: not quite level, uneven light, blur, grain, JPEG."""
    turned = image.rotate(draw.uniform(-2, 2), Image.Resampling.BICUBIC, fillcolor=image.getpixel((0, 0)))
    lit = np.asarray(turned, np.float32)[..., ::-1]
    height, width = lit.shape[:2]
    light = np.linspace(draw.uniform(0.6, 1), draw.uniform(0.8, 1.1), width, dtype=np.float32)
    blurred = cv2.GaussianBlur(lit * light[None, :, None], (0, 0), 0.3 + 0.25 * index)
    grainy = blurred + np.random.default_rng(index).normal(0, 2 + 2 * index, (height, width, 1))
    coded = cv2.imencode(".jpg", np.clip(grainy, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90 - 10 * index])
    return np.asarray(cv2.imdecode(coded[1], cv2.IMREAD_COLOR), np.uint8)

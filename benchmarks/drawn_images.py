"""Pictures of a wanted size and number of lines, drawn the same way each time."""

from __future__ import annotations

import io
import random
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from samples.drawing.fonts import Face, load

DrawnText: TypeAlias = tuple[str, tuple[float, float, float, float]]  # a line, and left, top, right, bottom of its ink
CROP_HEIGHTS = (16, 18, 20, 24, 28, 32, 36, 40, 44, 48, 56, 64, 72, 80, 90, 100)
CROP_TEXTS = (
    *("Harbour", "KX 7731 B", "Total", "1,284.50", "Exit", "M-AB 1234", "Invoice", "Kitchen", "OPEN", "2026-03-14"),
    *("Station", "Room 204", "Danger", "Arrivals", "Gate 12", "EUR 49.90"),
)
CROP_FACES = (Face.TABLE, Face.MONO_BOLD, Face.SERIF, Face.SANS_BOLD)
A0_SIZE = (4967, 7022)  # width and height in pixels at 150 dpi
PLAN_SIZES = (22, 28, 36, 48, 72, 110)  # of a plan's type, in pixels: 11 to 53 points
WORDS = ("Invoice", "number", "total", "amount", "street", "date", "paid", "order")
WHITE = 255


def drawn_lines(height: int, width: int, count: int) -> bytes:
    """A white page with lines of two words in columns, as a PNG file.

    Args:
        height: of the image in pixels.
        width: likewise.
        count: of lines.
    """
    page = np.full((height, width, 3), WHITE, np.uint8)
    columns = max(1, width // 400)
    rows = max(1, -(-count // columns))
    step = height / rows
    scale = min(1.0, step / 50)
    for index in range(count):
        column, row = divmod(index, rows)
        at = (20 + column * width // columns, int((row + 0.7) * step))
        text = f"{WORDS[index % len(WORDS)]} {index + 100}"
        cv2.putText(page, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 2 if scale > 0.6 else 1, cv2.LINE_AA)
    return cv2.imencode(".png", page)[1].tobytes()


def drawn_crops() -> list[tuple[bytes, list[DrawnText]]]:
    """Crops of one line as callers send who found the text themselves, each a JPEG file, three of each height."""
    return [_crop(random.Random(f"crop {number}"), height) for height in CROP_HEIGHTS for number in range(3)]


def _crop(chance: random.Random, height: int) -> tuple[bytes, list[DrawnText]]:
    text, font = chance.choice(CROP_TEXTS), load(chance.choice(CROP_FACES), round(0.62 * height))
    width = round(font.getlength(text) + 0.6 * height)
    paper, ink = chance.randint(150, 255), chance.randint(0, 70)
    if chance.random() < 0.3:
        paper, ink = ink, paper
    image = Image.new("L", (width, height), paper)
    at = (0.3 * height, 0.12 * height)
    ImageDraw.Draw(image).text(at, text, ink, font)
    image = image.rotate(chance.uniform(-3, 3), Image.Resampling.BICUBIC, fillcolor=paper)
    image = image.filter(ImageFilter.GaussianBlur(height / 60))
    noise = np.random.default_rng(chance.getrandbits(32)).normal(0, 6, (height, width))
    left, top, right, bottom = font.getbbox(text)
    box = (at[0] + left, at[1] + top, at[0] + right, at[1] + bottom)
    return _jpeg(np.asarray(image, float) + noise), [(text, box)]


def drawn_plan() -> tuple[bytes, list[DrawnText]]:
    """A scan of a plan of A0, gray, as a JPEG file: rooms with labels of many sizes, dimensions, a list of parts."""
    chance = random.Random("plan")
    page, texts = Image.new("L", A0_SIZE, 244), []
    draw = ImageDraw.Draw(page)
    for row in range(11):
        for column in range(6):
            left, top = 200 + column * 770, 200 + row * 560
            draw.rectangle((left, top, left + 700, top + 470), outline=60, width=chance.choice((2, 4, 7)))
            y = top + 30
            while y < top + 330:
                size = chance.choice(PLAN_SIZES)
                text = f"{chance.choice(WORDS).capitalize()} {chance.randint(10, 9999)}"
                texts.append(_written(draw, text, left + chance.randint(25, 90), y, size))
                y += round(1.5 * size)
            draw.line((left + 40, top + 440, left + 660, top + 440), 90, 2)
    for row in range(20):
        text = f"{row + 1:03} {' '.join(chance.choices(WORDS, k=5))} {chance.randint(100, 999)}"
        texts.append(_written(draw, text, 3200, 6420 + 27 * row, 20))
    noise = np.random.default_rng(1).normal(0, 5, A0_SIZE[::-1])
    return _jpeg(np.asarray(page, float) + noise), texts


def _written(draw: ImageDraw.ImageDraw, text: str, x: int, y: int, size: int) -> DrawnText:
    font = load(Face.TABLE, size)
    draw.text((x, y), text, 40, font)
    left, top, right, bottom = font.getbbox(text)
    return text, (x + left, y + top, x + right, y + bottom)


def _jpeg(pixels: npt.NDArray[np.float64]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).convert("RGB").save(file, "JPEG", quality=85)
    return file.getvalue()


def scaled(image: bytes, factor: float) -> bytes:
    """An image scaled by a factor, as a JPEG file of quality 90."""
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"no image: {len(image)} bytes")
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    smaller = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", smaller, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()

"""Pictures of a wanted size and number of lines, drawn the same way each time."""

from __future__ import annotations

import cv2
import numpy as np

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


def scaled(image: bytes, factor: float) -> bytes:
    """An image scaled by a factor, as a JPEG file of quality 90."""
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"no image: {len(image)} bytes")
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    smaller = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", smaller, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()

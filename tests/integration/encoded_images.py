"""Small image files made on the spot: good ones, and ones that claim or hold what they should not."""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIGN_TEXT = "Room 47"


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def sign(text=SIGN_TEXT, size=(240, 80), ink="black", paper="white"):
    """A line of print in the font that Pillow itself carries."""
    image = Image.new("RGB", size, paper)
    ImageDraw.Draw(image).text((size[0] / 2, size[1] / 2), text, ink, ImageFont.load_default(40), anchor="mm")
    return image


def signs_file(kind, texts, **options):
    """A file of several frames or pages, one sign each."""
    first, *others = (sign(text) for text in texts)
    return encode(first, kind, save_all=True, append_images=others, **options)


def png_claiming(width, height):
    """A PNG of a few bytes whose header states any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks)


def _png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pixels_of(path):
    """uint8 [H, W, 3], BGR."""
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)

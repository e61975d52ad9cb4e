"""Picture files made for tests: a known asymmetric image, and files that no encoder would write."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# Four quadrants of different gray: every mirror image and turn of it looks different. Gray survives JPEG's chroma.
QUADRANTS = np.kron(np.array([[10, 90], [170, 250]], np.uint8), np.ones((16, 24), np.uint8))
RGB = np.dstack([QUADRANTS, 255 - QUADRANTS, QUADRANTS // 2])

# EXIF 2.32, section 4.6.4: which image is stored when the upright one is `upright`.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: np.swapaxes(upright, 0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(np.swapaxes(upright, 0, 1), 2),
    8: lambda upright: np.rot90(upright, -1),
}


def encode(picture, kind, **options):
    """The file of an image (an array in RGB order, or a Pillow image)."""
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(np.ascontiguousarray(picture))
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color_type, rows, *extra):
    """A PNG file by hand; `rows` are bytes without their filter byte."""
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", data), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def long_tiff(pages):
    """A TIFF whose page chain has `pages` links, all of them on the same pixels."""
    first = encode(np.zeros((4, 4), np.uint8), "TIFF")
    start = struct.unpack("<I", first[4:8])[0]
    end = start + 2 + 12 * struct.unpack("<H", first[start : start + 2])[0]
    directory, file = first[start:end], bytearray(first)
    link = end
    for _ in range(pages - 1):
        file[link : link + 4] = struct.pack("<I", len(file))
        link = len(file) + len(directory)
        file += directory + bytes(4)
    return bytes(file)


def jpeg_segment(code, body=b""):
    return bytes([0xFF, code]) + struct.pack(">H", len(body) + 2) + body


def jpeg_of_scans(width, height, scans, *, progressive=True, channels=1, first=b""):
    """A JPEG whose scans hold no data at all: (first, last, high bit, low bit) of each."""
    frame = struct.pack(">BHHB", 8, height, width, channels)
    frame += b"".join(bytes([name + 1, 0x11, 0]) for name in range(channels))
    file = b"\xff\xd8" + first + jpeg_segment(0xDB, bytes([0] + [1] * 64))
    file += jpeg_segment(0xC2 if progressive else 0xC0, frame)
    for start, end, high, low in scans:
        file += jpeg_segment(0xDA, bytes([1, 1, 0, start, end, high << 4 | low]))
    return file + b"\xff\xd9"


def tiff(entries, data=b"", order="<"):
    """A TIFF of one directory behind `data`, which starts at byte 8; entries are (tag, type, values)."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    start = 8 + len(data)
    formats, later, behind = {1: "B", 3: "H", 4: "I"}, [], start + 2 + 12 * len(entries) + 4
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, values in entries:
        packed = struct.pack(f"{order}{len(values)}{formats[kind]}", *values)
        if len(packed) > 4:
            later.append(packed)
            packed, behind = struct.pack(f"{order}I", behind), behind + len(packed)
        directory += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    return mark + struct.pack(f"{order}I", start) + data + directory + bytes(4) + b"".join(later)


def with_text(low, high, size=(160, 60), dtype=np.uint8):
    """An image of a word: `low` on `high`, with all values between them at the edges of its letters."""
    canvas = Image.new("L", size, 255)
    ImageDraw.Draw(canvas).text((size[0] / 2, size[1] / 2), "Room 47", 0, ImageFont.load_default(36), anchor="mm")
    return np.rint(np.asarray(canvas, np.float64) / 255 * (high - low) + low).astype(dtype)

"""WebP (RFC 9649): its chunks."""

from __future__ import annotations

import struct

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image_files.exif import MAX_XMP, orientation
from ocdrnet_ops.image_files.image_file import (
    MAX_FRAMES,
    ImageFile,
    ImageLimits,
    check_memory,
    check_parts,
    check_size,
    cut,
)

# libwebp's animation decoder holds two canvases of 4 bytes a pixel, and what it hands out; Pillow has the picture.
_BYTES = 16
_FRAMES = frozenset({b"VP8 ", b"VP8L", b"ANMF"})
_NEEDED = frozenset({b"VP8X", b"ANIM", b"ALPH", *_FRAMES})


def parse(data: bytes, limits: ImageLimits) -> ImageFile:
    """Check a WebP, and take its metadata and its further frames out.

    Raises:
        ImageError: it is damaged, or over a limit.
    """
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise cut("WEBP")
    kept: list[bytes] = []
    size: tuple[int, int] | None = None
    exif = xmp = b""
    frames, position, count = 0, 12, 0
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        start, position = position, position + 8 + length + length % 2
        body = data[start + 8 : min(start + 8 + length, start + 8 + MAX_XMP)]
        if start + 8 + length > end:
            raise cut("WEBP")
        count += 1
        check_parts(count, "WebP chunks")
        size = size or _size(kind, body)
        if kind == b"EXIF":
            exif = exif or body
        elif kind == b"XMP ":
            xmp = xmp or body
        elif kind in _NEEDED and not (kind in _FRAMES and frames):
            kept.append(data[start:position])
        frames = min(frames + (kind in _FRAMES), MAX_FRAMES)
    if size is None or not frames:
        raise ImageError("the WEBP image is damaged: it holds no image")
    check_size(*size, limits, costly="WEBP")
    memory = check_memory(_BYTES * size[0] * size[1], "the WEBP image", limits)
    chunks = b"WEBP" + b"".join(kept)
    needed = b"RIFF" + struct.pack("<I", len(chunks)) + chunks
    return ImageFile("WEBP", *size, needed, memory, frames, orientation(exif, xmp))


def _size(kind: bytes, body: bytes) -> tuple[int, int] | None:
    """Width and height where a chunk states them: RFC 9649, section 2.7; RFC 6386, section 9.1; RFC 9649, 3.4."""
    if kind == b"VP8X" and len(body) >= 10:
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8 " and len(body) >= 10:
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None

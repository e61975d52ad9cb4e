"""PNG (ISO/IEC 15948) and APNG: its chunks."""

from __future__ import annotations

import struct
import zlib

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image_files.exif import MAX_XMP, orientation
from ocdrnet_ops.image_files.image_file import (
    DEEP_BYTES,
    DEEP_SHARE,
    MAX_FRAMES,
    ImageFile,
    ImageLimits,
    check_memory,
    check_parts,
    check_raw,
    check_size,
    cut,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})
_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# Where ImageMagick put EXIF before PNG had a chunk for it: hexadecimal, after two lines of name and length.
_EXIF_TEXT = b"Raw profile type exif\0"
_XMP_TEXT = b"XML:com.adobe.xmp\0"


def parse(data: bytes, limits: ImageLimits) -> ImageFile:
    """Check a PNG, and take its metadata and its further frames out.

    Raises:
        ImageError: it is damaged, or over a limit.
    """
    kept, texts = [SIGNATURE], {b"eXIf": b"", b"text": b"", b"iTXt": b""}
    header, frames, has_pixels, shows_default = b"", 1, False, False
    position, count = len(SIGNATURE), 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        start, position = position + 8, position + 12 + size
        if position > len(data) and kind in _NEEDED:
            raise cut("PNG")
        count += 1
        check_parts(count, "PNG chunks")
        if kind == b"IHDR" and header:
            raise ImageError("the PNG image is damaged: it has two headers")
        if kind == b"IHDR":
            header = data[start : start + size]
        if kind == b"IEND":
            break
        if kind in _NEEDED:
            kept.append(data[start - 8 : position])
            has_pixels = has_pixels or kind == b"IDAT"
        elif kind == b"acTL" and size >= 4 and start + 4 <= len(data):
            frames = struct.unpack_from(">I", data, start)[0]
        elif kind == b"fcTL":
            shows_default = shows_default or not has_pixels  # the default image is the animation's first frame
        else:
            _remember(texts, kind, data[start : min(start + size, start + MAX_XMP)])
    if len(header) != 13:
        raise ImageError("the PNG image is damaged: it has no header")
    width, height, depth, colour = struct.unpack_from(">IIBB", header)
    is_deep = depth == 16 and colour != 0
    check_size(width, height, limits, costly="PNG" if is_deep else "", share=DEEP_SHARE)
    bits = depth * _CHANNELS.get(colour, 4)
    check_raw(height * (1 + -(-width * bits // 8)), "the PNG image", limits)
    if frames > 1 and not shows_default:
        frames += 1
    return ImageFile(
        format="PNG",
        width=width,
        height=height,
        frames=max(1, min(frames, MAX_FRAMES)),
        needed=b"".join((*kept, _END)),
        decoding_bytes=check_memory((DEEP_BYTES if is_deep else 7) * width * height, "the PNG image", limits),
        orientation=orientation(texts[b"eXIf"] or _from_text(texts[b"text"]), texts[b"iTXt"]),
        is_deep=is_deep,
    )


def _remember(texts: dict[bytes, bytes], kind: bytes, body: bytes) -> None:
    if kind == b"eXIf":
        texts[b"eXIf"] = texts[b"eXIf"] or body
    elif kind == b"tEXt" and body.startswith(_EXIF_TEXT):
        texts[b"text"] = body[len(_EXIF_TEXT) :]
    elif kind == b"zTXt" and body.startswith(_EXIF_TEXT):
        texts[b"text"] = _unpacked(body[len(_EXIF_TEXT) + 1 :])
    elif kind == b"iTXt" and body.startswith(_XMP_TEXT):
        is_packed = body[len(_XMP_TEXT) : len(_XMP_TEXT) + 1] == b"\1"
        texts[b"iTXt"] = _unpacked(body[len(_XMP_TEXT) + 4 :]) if is_packed else body


def _unpacked(packed: bytes) -> bytes:
    """Never more than `MAX_XMP` bytes, whatever they would unpack to."""
    try:
        return zlib.decompressobj().decompress(packed, MAX_XMP)
    except zlib.error:
        return b""


def _from_text(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("ascii").split("\n", 3)[3])
    except (ValueError, IndexError):
        return b""

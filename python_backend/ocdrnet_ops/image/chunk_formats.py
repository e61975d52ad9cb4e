"""Formats made of chunks: PNG and APNG (ISO/IEC 15948), WebP (RFC 9649) and GIF 89a."""

from __future__ import annotations

import struct
import zlib

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image.file import (
    DEEP_BYTES,
    DEEP_SHARE,
    MAX_FRAMES,
    MAX_XMP,
    ImageFile,
    ImageLimits,
    check_memory,
    check_parts,
    check_raw,
    check_size,
    cut,
    orientation,
)

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})
_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# Where ImageMagick put EXIF before PNG had a chunk for it: hexadecimal, after two lines of name and length.
_EXIF_TEXT = b"Raw profile type exif\0"
_XMP_TEXT = b"XML:com.adobe.xmp\0"


def parse_png(data: bytes, limits: ImageLimits) -> ImageFile:
    """Check a PNG, and take its metadata and its further frames out.

    Raises:
        ImageError: it is damaged, or over a limit.
    """
    kept, texts = [PNG_SIGNATURE], {b"eXIf": b"", b"text": b"", b"iTXt": b""}
    header, frames, has_pixels, shows_default = b"", 1, False, False
    position, count = len(PNG_SIGNATURE), 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        start, position = position + 8, position + 12 + size
        if position > len(data) and kind in _PNG_NEEDED:
            raise cut("PNG")
        count += 1
        check_parts(count, "PNG chunks")
        if kind == b"IHDR" and header:
            raise ImageError("the PNG image is damaged: it has two headers")
        if kind == b"IHDR":
            header = data[start : start + size]
        if kind == b"IEND":
            break
        if kind in _PNG_NEEDED:
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


# libwebp's animation decoder holds two canvases of 4 bytes a pixel, and what it hands out; Pillow has the image.
_BYTES = 16
_FRAMES = frozenset({b"VP8 ", b"VP8L", b"ANMF"})
_WEBP_NEEDED = frozenset({b"VP8X", b"ANIM", b"ALPH", *_FRAMES})


def parse_webp(data: bytes, limits: ImageLimits) -> ImageFile:
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
        elif kind in _WEBP_NEEDED and not (kind in _FRAMES and frames):
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


# Blocks of up to 255 bytes: those of a file of 64 MiB, and a third more for encoders that do not fill them.
MAX_BLOCKS = 350_000
_TRAILER, _EXTENSION, _IMAGE = 0x3B, 0x21, 0x2C
_CONTROL = 0xF9  # says which colour is transparent


def parse_gif(data: bytes, limits: ImageLimits) -> ImageFile:
    """Check a GIF, and take out all but its first image.

    Raises:
        ImageError: it is damaged, or over a limit.
    """
    if len(data) < 13:
        raise cut("GIF")
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    blocks = _Blocks(data, 13 + _colours(flags))
    kept = [data[: blocks.position]]
    frames = 0
    while frames < MAX_FRAMES and (kind := blocks.kind()) is not None:
        start = blocks.position - 1
        if kind == _EXTENSION:
            is_control = data[blocks.position : blocks.position + 1] == bytes([_CONTROL])
            blocks.position += 1
            is_whole = blocks.skip()
            if is_control and not frames and is_whole:
                kept.append(data[start : blocks.position])
            continue
        if kind != _IMAGE or start + 10 > len(data):
            break
        left, top, across, down, flags = struct.unpack_from("<HHHHB", data, start + 1)
        blocks.position = start + 10 + _colours(flags) + 1
        is_whole = blocks.skip()
        if not frames:
            width, height = max(width, left + across), max(height, top + down)
            check_size(width, height, limits)
            kept.append(data[start : blocks.position])
            if not is_whole:
                raise cut("GIF")
        frames += 1
    if not frames:
        raise ImageError("the GIF image is damaged: it holds no image")
    # Palette indices of 1 byte, 4 where a colour is transparent; and the result.
    memory = check_memory(8 * width * height, "the GIF image", limits)
    return ImageFile("GIF", width, height, b"".join((*kept, b";")), memory, frames)


def _colours(flags: int) -> int:
    """Bytes of a colour table, 0 where there is none."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


class _Blocks:
    """Walks over a GIF's blocks."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._count = 0
        self.position = position

    def kind(self) -> int | None:
        """The next block's introducer; zeros between blocks are passed over. None at the end."""
        while self.position < len(self._data):
            kind = self._data[self.position]
            self.position += 1
            if kind:
                return None if kind == _TRAILER else kind
            self._counted()
        return None

    def skip(self) -> bool:
        """Pass over a chain of data blocks; whether its end is in the file."""
        data, position = self._data, self.position
        while position < len(data):
            size = data[position]
            position += 1 + size
            self._counted()
            if not size:
                self.position = position
                return True
        self.position = len(data)
        return False

    def _counted(self) -> None:
        self._count += 1
        if self._count > MAX_BLOCKS:
            raise ImageError(f"the GIF image has more than {MAX_BLOCKS:,} blocks, which is the limit; save it anew")

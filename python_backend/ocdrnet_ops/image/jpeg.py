"""JPEG (ITU-T T.81): its segments up to the first scan, and the work that its scans make."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image.file import ImageFile, ImageLimits, check_memory, check_parts, check_size, orientation

MAX_SCANS = 1000  # the standard script has 10; each costs some time, however small the image
LEAST_BAND = 16  # a block of a scan costs at least as much as so many coefficients
SOI, EOI = b"\xff\xd8", b"\xff\xd9"

# T.81, table B.1. A marker is an FF and another byte, neither 00 (a stuffed FF) nor FF (fill).
_MARKER = re.compile(rb"\xff([\x01-\xfe])")
_AFTER_SCAN = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")  # restart markers belong to the scan
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # no length follows
_EOI, _SOS, _APP1 = 0xD9, 0xDA, 0xE1
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # of which the others are lossless, or arithmetic
# Metadata: all APPn but APP0 and APP14, by which a decoder tells the colour space; and comments.
_METADATA = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})


@dataclass(frozen=True)
class Component:
    """One colour channel: its name in the file, its sampling factors, and its blocks of 8 x 8, padding included."""

    name: int
    sampling: tuple[int, int]
    blocks: int


@dataclass(frozen=True)
class Scan:
    """One pass over some components: a band of coefficients, and the bit at which it leaves them."""

    components: tuple[int, ...]
    first: int
    last: int
    low_bit: int


@dataclass(frozen=True)
class JpegHeader:
    """All before the entropy-coded data.

    Attributes:
        width: in pixels.
        height: in pixels.
        is_progressive: several scans refine the image.
        components: colour channels.
        scan: where the first scan's header begins.
        kept: the segments that a decoder needs.
        exif: the first EXIF segment, 64 KiB at most.
        xmp: the first XMP segment, likewise.
    """

    width: int
    height: int
    is_progressive: bool
    components: tuple[Component, ...]
    scan: int
    kept: tuple[bytes, ...]
    exif: bytes
    xmp: bytes

    @property
    def coefficient_bytes(self) -> int:
        """Memory of a decoder that holds all coefficients, 2 bytes each."""
        return 128 * sum(component.blocks for component in self.components)


@dataclass(frozen=True)
class JpegFile(ImageFile):
    """A JPEG that may be decoded.

    Attributes:
        channels: 1 gray, 3 colour, 4 CMYK.
        has_end: an end marker stands behind the first scan's header.
        is_complete: its scans bring every bit of every coefficient.
    """

    channels: int = 3
    has_end: bool = True
    is_complete: bool = True


def parse_jpeg(data: bytes, limits: ImageLimits) -> JpegFile:
    """Check a JPEG, and take its metadata out.

    Raises:
        ImageError: it is damaged, of a kind that cannot be decoded, or over a limit.
    """
    header = jpeg_header(data)
    check_size(header.width, header.height, limits)
    pixels, channels = header.width * header.height, len(header.components)
    work, is_complete, is_buffered = _work(data, header, limits.max_coefficients)
    if work > limits.max_coefficients:
        raise ImageError(
            f"the JPEG image of {header.width} x {header.height} pixels has scans that visit more than "
            f"{limits.max_coefficients:,} coefficients, which is the limit; save it anew, as a baseline JPEG"
        )
    # Pillow has 4 bytes for each pixel, and the result 3.
    memory = max(7 * pixels, (header.coefficient_bytes if is_buffered else 0) + 4 * pixels)
    return JpegFile(
        format="JPEG",
        width=header.width,
        height=header.height,
        needed=b"".join((SOI, *header.kept, data[header.scan :])),
        decoding_bytes=check_memory(memory, "the JPEG image", limits),
        orientation=orientation(header.exif, header.xmp),
        channels=channels,
        has_end=data.rfind(EOI, header.scan) >= 0,
        is_complete=is_complete,
    )


def jpeg_header(data: bytes) -> JpegHeader:
    """The segments up to the first scan.

    Raises:
        ImageError: there is no image, or it is of a kind that cannot be decoded.
    """
    kept: list[bytes] = []
    exif = xmp = b""
    frame: tuple[int, bytes] | None = None
    for count, (code, start, end) in enumerate(_segments(data, 2, _MARKER)):
        check_parts(count, "JPEG segments")
        if code == _SOS:
            if frame is None:
                break
            return JpegHeader(*_frame(*frame), start - 2, tuple(kept), exif, xmp)
        body = data[start + 2 : end]
        if code in _FRAMES:
            if frame is not None:
                raise ImageError("the JPEG image is damaged: it has two frame headers")
            frame = code, body
        if code == _APP1 and body.startswith(b"Exif\0\0"):
            exif = exif or body
        elif code == _APP1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            xmp = xmp or body
        if code not in _METADATA:
            kept.append(b"\xff" + data[start - 1 : end])
    raise ImageError("the JPEG image is damaged: the file ends before its first scan")


def jpeg_work(data: bytes, most: int) -> int:
    """Coefficients that the scans of a JPEG inside another file visit; counted no further than `most`.

    Raises:
        ImageError: it is damaged.
    """
    return _work(data, jpeg_header(data), most)[0]


def _work(data: bytes, header: JpegHeader, most: int) -> tuple[int, bool, bool]:
    """Coefficients visited; whether all bits of all of them come; whether a decoder holds them all."""
    blocks = {component.name: component.blocks for component in header.components}
    work, low_bits = 0, {name: [99] * 64 for name in blocks}
    for count, scan in enumerate(_scans(data, header.scan), 1):
        work += sum(blocks.get(name, 0) for name in scan.components) * max(LEAST_BAND, scan.last + 1 - scan.first)
        if not header.is_progressive and count == 1 and len(scan.components) >= len(header.components):
            return work, True, False  # one scan has all, and a decoder looks no further
        if work > most or count > MAX_SCANS:
            return most + 1, False, True
        for name in scan.components:
            if name in low_bits:
                band = scan.last + 1 - scan.first
                low_bits[name][scan.first : scan.last + 1] = [scan.low_bit] * band
    return work, not any(any(bits) for bits in low_bits.values()), True


def _scans(data: bytes, position: int) -> Iterator[Scan]:
    for count, (code, start, end) in enumerate(_segments(data, position, _AFTER_SCAN)):
        check_parts(count, "JPEG segments")
        if code == _SOS:
            body = data[start + 2 : end]
            parts = body[0] if body else 0
            if len(body) < 2 * parts + 4:
                raise ImageError("the JPEG image is damaged: a scan's header is cut short")
            first, last, bits = body[1 + 2 * parts : 4 + 2 * parts]
            yield Scan(tuple(body[1 : 1 + 2 * parts : 2]), min(first, 63), max(first, min(last, 63)), bits & 15)


def _segments(data: bytes, position: int, marker: re.Pattern[bytes]) -> Iterator[tuple[int, int, int]]:
    """Code, start and end of each segment, its length included; ends at the end marker or the file's end."""
    while (match := marker.search(data, position)) is not None:
        code, position = match[1][0], match.end()
        if code in _BARE:
            continue
        if code == _EOI or position + 2 > len(data):
            return
        start, position = position, position + max(2, struct.unpack_from(">H", data, position)[0])
        if position > len(data):
            return
        yield code, start, position


def _frame(code: int, body: bytes) -> tuple[int, int, bool, tuple[Component, ...]]:
    """T.81, B.2.2: width, height, whether it is progressive, and the components."""
    if code not in (*_SEQUENTIAL, _PROGRESSIVE):
        raise ImageError("the JPEG image is lossless or arithmetic-coded, which is not supported; save it anew")
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise ImageError("the JPEG image is damaged: its frame header is cut short")
    bits, height, width, count = struct.unpack_from(">BHHB", body)
    if bits != 8 or count not in (1, 3, 4):
        raise ImageError(f"the JPEG image has {count} channels of {bits} bits; 1, 3 or 4 of 8 bits are supported")
    channels = [(name, sides >> 4, sides & 15) for name, sides, _ in struct.iter_unpack("BBB", body[6 : 6 + 3 * count])]
    if not all(1 <= side <= 4 for _, across, down in channels for side in (across, down)):
        raise ImageError("the JPEG image is damaged: a sampling factor is not 1..4")
    units = -(-width // (8 * max(across for _, across, _ in channels)))
    units *= -(-height // (8 * max(down for *_, down in channels)))
    components = tuple(Component(name, (across, down), units * across * down) for name, across, down in channels)
    return width, height, code == _PROGRESSIVE, components

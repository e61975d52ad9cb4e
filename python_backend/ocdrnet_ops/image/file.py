"""What is known of an image file before it is decoded, and what decoding it may cost."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from ocdrnet_ops.errors import ImageError, ImageTooLargeError

MAX_FRAMES = 1000  # counted no further: each costs time, and nobody needs to know
# Parts of a file: PNG chunks, JPEG segments, WebP chunks. Encoders make some thousands of the largest files.
MAX_PARTS = 50_000

# For each pixel of the limit, see `ImageLimits`.
DECODING_BYTES = 12
RAW_BYTES = 4.5
COEFFICIENTS = 6
# WebP, HEIC, AVIF and floats take 2 to 4 times as long as JPEG for a pixel; several channels of 16 bits, whose lower
# bytes may have to be decoded in a second pass, up to 8 times.
COSTLY_SHARE, DEEP_SHARE = 0.5, 0.25
# Upper and lower bytes of an image with several channels of 16 bits: both images of Pillow's, and the result.
DEEP_BYTES = 12


@dataclass(frozen=True)
class ImageLimits:
    """What an image may cost.

    Time and memory of decoding follow from the pixel limit, so that there is one number to set. With the defaults an
    image takes at most 1.2 GB beside its file, and about two seconds of a core; see docs/security.md.

    Attributes:
        max_bytes: of the encoded file.
        max_pixels: width times height, held against the file's header before anything is decoded.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 100_000_000

    @property
    def max_decoding_bytes(self) -> int:
        """Memory at the peak of decoding, the pixels of the result included; 3 of the 12 a pixel are theirs."""
        return DECODING_BYTES * self.max_pixels

    @property
    def max_raw_bytes(self) -> int:
        """Samples that a decompressor may have to make: 4 of 8 bits for each pixel, and some padding."""
        return int(RAW_BYTES * self.max_pixels)

    @property
    def max_coefficients(self) -> int:
        """DCT coefficients that all scans of a JPEG may visit.

        The ten scans of the usual script visit 5.7 for a pixel, with chroma at full size 8.4.
        """
        return COEFFICIENTS * self.max_pixels


@dataclass(frozen=True)
class ImageFile:
    """An image file that may be decoded.

    Attributes:
        format: Pillow's name of it.
        width: of the first frame as it is stored, in pixels.
        height: likewise.
        frames: pages or animation frames, counted up to `MAX_FRAMES`.
        orientation: by EXIF 2.32, section 4.6.4: 1 upright, 2..8 mirrored and turned.
        needed: a file of the same format, of the parts that the pixels need.
        decoding_bytes: memory that decoding takes at its peak beside the file, the result included.
        is_deep: it has several channels of 16 bits.
        has_loose_extra: a channel beside gray or colour of which the file does not say whether it is alpha.
    """

    format: str
    width: int
    height: int
    needed: bytes
    decoding_bytes: int
    frames: int = 1
    orientation: int = 1
    is_deep: bool = False
    has_loose_extra: bool = False


def check_size(width: int, height: int, limits: ImageLimits, costly: str = "", share: float = COSTLY_SHARE) -> None:
    """Refuse an image without pixels, or with too many.

    Args:
        width: by the header.
        height: likewise.
        limits: of all formats.
        costly: name of a format that takes longer than JPEG and PNG.
        share: of the limit that holds for that format.
    """
    if width < 1 or height < 1:
        raise ImageError(f"the image claims {width} x {height} pixels")
    if width * height > limits.max_pixels:
        raise ImageTooLargeError(
            f"the image claims {width} x {height} = {width * height:,} pixels; the limit is {limits.max_pixels:,}"
        )
    if costly and width * height > (most := int(share * limits.max_pixels)):
        raise ImageTooLargeError(
            f"the {costly} image has {width} x {height} = {width * height:,} pixels; the limit for this format, which "
            f"takes longer than others, is {most:,}. Send it smaller, or as JPEG"
        )


def check_memory(decoding_bytes: int, what: str, limits: ImageLimits) -> int:
    """The number itself; refuse an image whose decoder would take too much memory."""
    if decoding_bytes > limits.max_decoding_bytes:
        raise ImageTooLargeError(
            f"{what} takes {decoding_bytes:,} bytes of memory to decode; the limit is {limits.max_decoding_bytes:,}. "
            "Send it smaller, or as an ordinary JPEG or PNG of 8 bits"
        )
    return decoding_bytes


def check_raw(raw_bytes: int, what: str, limits: ImageLimits) -> None:
    """Refuse an image whose decoder would have too many bytes to unpack."""
    if raw_bytes > limits.max_raw_bytes:
        raise ImageTooLargeError(
            f"{what} unpacks to {raw_bytes:,} bytes; the limit is {limits.max_raw_bytes:,}. "
            "Send it smaller, or with 8 bits for each channel"
        )


def check_parts(count: int, what: str) -> None:
    """Refuse a file of too many parts."""
    if count > MAX_PARTS:
        raise ImageError(f"the file has more than {MAX_PARTS:,} {what}, which is the limit; save it anew")


def cut(kind: str) -> ImageError:
    """The error of a file that ends too early."""
    return ImageError(f"the {kind} image is damaged: the file is truncated")


ORIENTATION_TAG = 0x0112  # EXIF 2.32, section 4.6.4
MAX_ENTRIES = 1000  # of a directory that are looked at; cameras write some dozens
MAX_XMP = 1 << 20  # bytes of XMP that are looked at; the attributes stand in front
_XMP = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")
_SHORT = 3


def orientation(exif: bytes = b"", xmp: bytes = b"") -> int:
    """1..8; damaged metadata count as upright.

    Args:
        exif: a TIFF structure, with or without `Exif` and two zeros in front.
        xmp: asked where EXIF says nothing.
    """
    if (found := _in_directory(exif.removeprefix(b"Exif\0\0"))) is None:
        match = _XMP.search(xmp[:MAX_XMP])
        found = int(match[1]) if match else 1
    return found


def _in_directory(exif: bytes) -> int | None:
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return None
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    if start + 2 > len(exif):
        return None
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    for entry in range(start + 2, start + 2 + 12 * min(count, MAX_ENTRIES), 12):
        if entry + 12 > len(exif):
            break
        tag, kind, values, value = struct.unpack_from(f"{order}HHIH", exif, entry)
        if tag == ORIENTATION_TAG:
            # Any other value, or another type, counts as upright, as viewers have it.
            return value if kind == _SHORT and values == 1 and 1 <= value <= 8 else 1
    return None

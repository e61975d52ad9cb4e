"""How a picture was held: the one thing that is read from its metadata."""

from __future__ import annotations

import re
import struct

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

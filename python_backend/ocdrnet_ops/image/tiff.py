"""TIFF 6.0 and BigTIFF: the first directory, made anew with what the pixels need; the others are counted."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image.file import (
    COSTLY_SHARE,
    DEEP_BYTES,
    DEEP_SHARE,
    MAX_FRAMES,
    MAX_XMP,
    ImageFile,
    ImageLimits,
    check_memory,
    check_raw,
    check_size,
    cut,
    orientation,
)
from ocdrnet_ops.image.jpeg import jpeg_work

MAX_ENTRIES = 1000  # of a directory; scanners and microscopes write some dozens
MAX_PIECES = 100_000  # strips or tiles: 100 million pixels in tiles of 32 x 32
MAX_JPEG_PIECES = 20_000  # each is a JPEG whose segments are walked
MAX_UNPACKED_TWICE = 2  # times the file's bytes that the pieces may have together: none lies over all others

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _STRIP_ROWS, _STRIP_SIZES, _PLANES = 273, 274, 277, 278, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_SIZES, _EXTRA, _XMP = 322, 323, 324, 325, 338, 700
# And fill order, T4 and T6 options, predictor, palette, ink set, sample format, tables of JPEG, sampling and range of
# YCbCr. Everything else, such as ICC, EXIF, GPS and further directories, no pixel needs.
_MOST_VALUES: Mapping[int, int] = {
    **dict.fromkeys((_WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _STRIP_ROWS, _PLANES), 1),
    **dict.fromkeys((_TILE_WIDTH, _TILE_HEIGHT, 266, 292, 293, 317, 332, 531), 1),
    **dict.fromkeys((_BITS, _EXTRA, 339), 16),
    **dict.fromkeys((_STRIP_OFFSETS, _STRIP_SIZES, _TILE_OFFSETS, _TILE_SIZES), MAX_PIECES),
    **{320: 3 << 16, 347: 1 << 16, 512: 1, 513: 1, 514: 1, 515: 1, 519: 4, 520: 4, 521: 4, 529: 3, 530: 2, 532: 6},
}
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_NONE, _JPEG, _LZMA = 1, 7, 34925
# None, fax, LZW, JPEG, Deflate, PackBits, NeXT, ThunderScan, SGILog, Zstandard, WebP.
_COMPRESSIONS = frozenset(
    {_NONE, 2, 3, 4, 5, 6, _JPEG, 8, 32771, 32773, 32809, 32946, 34676, 34677, _LZMA, 50000, 50001}
)
_RGB, _LOOSE, _ALPHA, _SEPARATE = 2, 0, 2, 2


class _Layout(NamedTuple):
    """Order of bytes, and the `struct` formats of an entry count and of an offset, which tell BigTIFF."""

    order: str
    counter: str
    word: str

    @property
    def entry_bytes(self) -> int:
        return 12 if self.word == "I" else 20

    @property
    def inline_bytes(self) -> int:
        return struct.calcsize(self.word)


@dataclass(frozen=True)
class _Entry:
    tag: int
    kind: int
    count: int
    raw: bytes  # the entry's own bytes
    at: int  # where its values are


@dataclass(frozen=True)
class TiffFile(ImageFile):
    """A TIFF that may be decoded.

    Attributes:
        has_separate_planes: a plane for each channel, of 16 bits and not compressed.
    """

    has_separate_planes: bool = False


def parse_tiff(data: bytes, limits: ImageLimits) -> TiffFile:
    """Check a TIFF, and put a new directory behind it, which has what the pixels of the first page need.

    Raises:
        ImageError: it is damaged, of a kind that cannot be decoded, or over a limit.
    """
    layout, start = _header(data)
    entries = {entry.tag: entry for entry in _entries(data, layout, start)}
    values = {tag: _values(data, layout, entry) for tag, entry in entries.items() if tag in _MOST_VALUES}
    width, height = (_one(values, tag, 0) for tag in (_WIDTH, _HEIGHT))
    check_size(width, height, limits)
    bits = values.get(_BITS) or [1]
    samples = _one(values, _SAMPLES, len(bits))
    compression, planes = _one(values, _COMPRESSION, _NONE), _one(values, _PLANES, 1)
    if compression not in _COMPRESSIONS:
        raise ImageError(f"the TIFF image has compression {compression}, which is not supported; save it with LZW")
    if not 1 <= samples <= 16 or not all(1 <= each <= 64 for each in bits):
        raise ImageError(f"the TIFF image has {samples} samples of {max(bits)} bits for each pixel; 16 of 64 is most")
    is_deep = max(bits) == 16 and samples > 1
    share = DEEP_SHARE if is_deep else COSTLY_SHARE
    check_size(width, height, limits, costly="TIFF" if is_deep or max(bits) > 16 else "", share=share)
    piece = _piece(values, width, height)
    plane_count = samples if planes == _SEPARATE else 1
    piece_bytes = piece[1] * (-(-piece[0] * max(bits) * samples // 8))
    count = -(-width // piece[0]) * -(-height // piece[1]) * plane_count
    _check_pieces(data, values, compression, count, limits)
    what = f"the TIFF image of {width} x {height} pixels"
    check_raw(count // plane_count * piece_bytes * (2 if compression == _LZMA else 1), what, limits)
    extra = values.get(_EXTRA, [])
    has_loose_extra = planes != _SEPARATE and extra == [_LOOSE] and samples in (2, 4) and len(bits) in (1, samples)
    return TiffFile(
        format="TIFF",
        width=width,
        height=height,
        needed=_rewritten(data, layout, entries.values(), has_loose_extra),
        decoding_bytes=check_memory((DEEP_BYTES if is_deep else 7) * width * height + piece_bytes, what, limits),
        frames=_pages(data, layout, start),
        orientation=_upright(data, layout, entries),
        is_deep=is_deep,
        has_loose_extra=has_loose_extra,
        has_separate_planes=planes == _SEPARATE and is_deep and compression == _NONE,
    )


def _header(data: bytes) -> tuple[_Layout, int]:
    order = "<" if data[:1] == b"I" else ">"
    is_big = len(data) >= 16 and struct.unpack_from(f"{order}H", data, 2)[0] == 43
    layout = _Layout(order, "Q", "Q") if is_big else _Layout(order, "H", "I")
    if len(data) < 16:
        raise cut("TIFF")
    return layout, int(struct.unpack_from(order + layout.word, data, 8 if is_big else 4)[0])


def _directory(data: bytes, layout: _Layout, start: int) -> tuple[int, int, int] | None:
    """First entry, number of entries, and where the next directory is said to be; None outside of the file."""
    first = start + struct.calcsize(layout.order + layout.counter)
    if start < 8 or first > len(data):
        return None
    (count,) = struct.unpack_from(layout.order + layout.counter, data, start)
    end = first + count * layout.entry_bytes
    if end > len(data):
        return None
    has_next = end + layout.inline_bytes <= len(data)
    return first, count, struct.unpack_from(layout.order + layout.word, data, end)[0] if has_next else 0


def _entries(data: bytes, layout: _Layout, start: int) -> list[_Entry]:
    found = _directory(data, layout, start)
    if found is None:
        raise ImageError("the TIFF image is damaged: its directory lies outside of the file")
    first, count, _ = found
    if count > MAX_ENTRIES:
        raise ImageError(f"the TIFF image has a directory of {count:,} entries; the limit is {MAX_ENTRIES:,}")
    entries = []
    for position in range(first, first + count * layout.entry_bytes, layout.entry_bytes):
        tag, kind, values = struct.unpack_from(f"{layout.order}HH{layout.word}", data, position)
        raw = data[position : position + layout.entry_bytes]
        at = position + layout.entry_bytes - layout.inline_bytes
        if values * _TYPE_BYTES.get(kind, 1) > layout.inline_bytes:
            (at,) = struct.unpack_from(layout.order + layout.word, data, at)
        entries.append(_Entry(tag, kind, values, raw, at))
    return entries


def _values(data: bytes, layout: _Layout, entry: _Entry) -> list[int]:
    """A tag's integers; empty where it has none."""
    most = _MOST_VALUES[entry.tag]
    if entry.count > most:
        raise ImageError(f"the TIFF image has {entry.count:,} values for tag {entry.tag}; the limit is {most:,}")
    if entry.at + entry.count * _TYPE_BYTES.get(entry.kind, 1) > len(data):
        raise cut("TIFF")
    if entry.kind not in _INTEGERS:
        return []
    return list(struct.unpack_from(f"{layout.order}{entry.count}{_INTEGERS[entry.kind]}", data, entry.at))


def _one(values: Mapping[int, Sequence[int]], tag: int, default: int) -> int:
    return next(iter(values.get(tag, ())), default)


def _piece(values: Mapping[int, Sequence[int]], width: int, height: int) -> tuple[int, int]:
    """Width and height of a strip or tile."""
    if _TILE_WIDTH in values or _TILE_HEIGHT in values:
        across, down = _one(values, _TILE_WIDTH, 0), _one(values, _TILE_HEIGHT, 0)
    else:
        across, down = width, min(height, _one(values, _STRIP_ROWS, height))
    if across < 1 or down < 1:
        raise ImageError(f"the TIFF image has strips or tiles of {across} x {down} pixels")
    return across, down


def _check_pieces(
    data: bytes, values: Mapping[int, Sequence[int]], compression: int, count: int, limits: ImageLimits
) -> None:
    most = MAX_JPEG_PIECES if compression == _JPEG else MAX_PIECES
    if count > most:
        raise ImageError(f"the TIFF image has {count:,} strips or tiles; the limit is {most:,}")
    offsets = values.get(_TILE_OFFSETS) or values.get(_STRIP_OFFSETS) or []
    sizes = values.get(_TILE_SIZES) or values.get(_STRIP_SIZES) or []
    pieces = [(start, min(size, max(0, len(data) - start))) for start, size in zip(offsets, sizes, strict=False)]
    packed = sum(size for _, size in pieces)
    if len(pieces) > 1 and packed > MAX_UNPACKED_TWICE * len(data):
        raise ImageError(
            f"the TIFF image has strips or tiles of {packed:,} bytes together, though the file has {len(data):,}"
        )
    if compression == _JPEG:
        work = 0
        for start, size in pieces:
            work += jpeg_work(data[start : start + size], limits.max_coefficients)
            if work > limits.max_coefficients:
                raise ImageError(
                    "the JPEG strips or tiles of the TIFF image have scans that visit more than "
                    f"{limits.max_coefficients:,} coefficients, which is the limit; save it anew"
                )


def _upright(data: bytes, layout: _Layout, entries: Mapping[int, _Entry]) -> int:
    entry = entries.get(_ORIENTATION)
    if entry is None:
        xmp = entries.get(_XMP)
        return orientation(xmp=data[xmp.at : xmp.at + min(xmp.count, MAX_XMP)]) if xmp is not None else 1
    if entry.kind != 3 or entry.count != 1:
        return 1
    value = int(struct.unpack_from(f"{layout.order}H", data, entry.at)[0])
    return value if 1 <= value <= 8 else 1


def _pages(data: bytes, layout: _Layout, start: int) -> int:
    seen: set[int] = set()
    while len(seen) < MAX_FRAMES and start not in seen and (found := _directory(data, layout, start)) is not None:
        seen.add(start)
        start = found[2]
    return len(seen)


def _rewritten(data: bytes, layout: _Layout, entries: Iterable[_Entry], mark_alpha: bool) -> bytes:
    """The file with a directory of the needed tags behind it, and its header pointing there."""
    kept = sorted((entry for entry in entries if entry.tag in _MOST_VALUES), key=lambda entry: entry.tag)
    raw = [entry.raw for entry in kept]
    if mark_alpha:
        place = next(place for place, entry in enumerate(kept) if entry.tag == _EXTRA)
        alpha = struct.pack(f"{layout.order}H", _ALPHA).ljust(layout.inline_bytes, b"\0")
        raw[place] = raw[place][: -layout.inline_bytes] + alpha
    position = 16 if layout.word == "Q" else 8
    padding = bytes(len(data) % 2)
    start = struct.pack(layout.order + layout.word, len(data) + len(padding))
    directory = struct.pack(layout.order + layout.counter, len(raw)) + b"".join(raw) + bytes(layout.inline_bytes)
    return b"".join((data[: position - len(start)], start, data[position:], padding, directory))

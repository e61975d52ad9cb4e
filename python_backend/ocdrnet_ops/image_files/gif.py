"""GIF 89a: its blocks, up to the end of the first image; the others are counted."""

from __future__ import annotations

import struct

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image_files.image_file import MAX_FRAMES, ImageFile, ImageLimits, check_memory, check_size, cut

# Blocks of up to 255 bytes: those of a file of 64 MiB, and a third more for encoders that do not fill them.
MAX_BLOCKS = 350_000
_TRAILER, _EXTENSION, _IMAGE = 0x3B, 0x21, 0x2C
_CONTROL = 0xF9  # says which colour is transparent


def parse(data: bytes, limits: ImageLimits) -> ImageFile:
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

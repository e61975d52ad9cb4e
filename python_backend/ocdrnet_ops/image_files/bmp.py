"""BMP: its header, and the cost of a run-length coded one."""

from __future__ import annotations

import struct

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image_files.image_file import ImageFile, ImageLimits, check_memory, check_raw, check_size, cut

# Pillow unpacks these in Python: 0.1 us for a pixel, 0.5 us for a run of 2 bytes.
MAX_RUN_LENGTH_PIXELS = 8_000_000
MAX_RUN_LENGTH_BYTES = 4_000_000
_RUN_LENGTH = (1, 2)  # biCompression: BI_RLE8 and BI_RLE4


def parse(data: bytes, limits: ImageLimits) -> ImageFile:
    """Check a BMP.

    Raises:
        ImageError: it is damaged, or over a limit.
    """
    if len(data) < 26:
        raise cut("BMP")
    header = struct.unpack_from("<I", data, 14)[0]
    if header == 12:
        (width, height, _, bits), compression = struct.unpack_from("<HHHH", data, 18), 0
    elif header >= 40 and len(data) >= 54:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    else:
        raise ImageError(f"the BMP image is damaged: its header claims {header:,} bytes")
    height = abs(height)  # negative where the first row is the top one
    check_size(width, height, limits)
    check_raw(height * (-(-width * bits // 32) * 4), "the BMP image", limits)
    if compression in _RUN_LENGTH and (width * height > MAX_RUN_LENGTH_PIXELS or len(data) > MAX_RUN_LENGTH_BYTES):
        raise ImageError(
            f"the BMP image is run-length coded, of {width} x {height} pixels and {len(data):,} bytes; the limit is "
            f"{MAX_RUN_LENGTH_PIXELS:,} pixels and {MAX_RUN_LENGTH_BYTES:,} bytes for these. Save it as PNG"
        )
    return ImageFile("BMP", width, height, data, check_memory(7 * width * height, "the BMP image", limits))

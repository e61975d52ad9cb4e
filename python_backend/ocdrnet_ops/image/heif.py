"""HEIC and AVIF (ISO/IEC 23008-12): their size, by the libraries that decode them.

libheif and libavif bound what a header can make them do: items, tiles of a grid, frames, extents, nesting.
"""

from __future__ import annotations

import io
import struct

from PIL import Image, features
from PIL.AvifImagePlugin import AvifImageFile

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image.file import (
    MAX_FRAMES,
    ImageFile,
    ImageLimits,
    check_memory,
    check_parts,
    check_size,
    orientation,
)

HEIF_BYTES, AVIF_BYTES = 16, 20  # a pixel: planes of 16 bits, the decoder's RGB, Pillow's, and the result
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})
# Item types, and "describes" as the type of a reference, by which libheif finds items of any other type: pi-heif 1.4
# ends the process where such a type is not UTF-8. The image's turn is a property of its own.
_METADATA = (b"Exif", b"mime", b"cdsc")
_MOST_BRANDS = 64


def brands(data: bytes) -> frozenset[bytes]:
    """The brands of an ISO media file; none for other files."""
    if data[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(data[:4], "big"), 16 + 4 * _MOST_BRANDS)
    return frozenset((data[8:12], *(data[at : at + 4] for at in range(16, end, 4))))


def parse_heif(data: bytes, limits: ImageLimits) -> ImageFile:
    """Check a HEIC or AVIF, and take its metadata out.

    Raises:
        ImageError: it is damaged, over a limit, or the library that decodes it is not installed.
    """
    kind = "AVIF" if brands(data) & AVIF_BRANDS else "HEIF"
    needed = _without_metadata(data)
    try:
        width, height, frames, turn = _avif(needed) if kind == "AVIF" else _heif(needed)
    except ImageError:
        raise
    except Exception as error:  # the libraries raise what their parsers stumble over
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ImageError(f"the {kind} image is damaged: {reason}") from None
    check_size(width, height, limits, costly=kind)
    memory = (AVIF_BYTES if kind == "AVIF" else HEIF_BYTES) * width * height
    memory = check_memory(memory, f"the {kind} image", limits)
    return ImageFile(kind, width, height, needed, memory, min(frames, MAX_FRAMES), turn)


def open_heif(data: bytes) -> Image.Image:
    """The primary image of a HEIC, decoded."""
    picture = _heif_file(data)
    primary = picture[picture.primary_index]
    # A copy: `frombuffer` would go on reading RGBA where libheif's memory was, after `picture` has given it back.
    return Image.frombytes(primary.mode, primary.size, primary.data, "raw", primary.mode, primary.stride, 1)


def _heif_file(data: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202 -- pi_heif has no types
    try:
        from pi_heif import HeifFile, options  # noqa: PLC0415 -- an extra
    except ImportError:
        raise ImageError(
            "this is a HEIC image, and pi-heif, which reads these, is not installed there: "
            "pip install 'ocdrnet[heic]', or send it as JPEG"
        ) from None
    # What else the file holds is nothing to read: its damage is no fault of the image.
    options.AUX_IMAGES = options.DEPTH_IMAGES = options.THUMBNAILS = False
    return HeifFile(io.BytesIO(data), convert_hdr_to_8bit=True, remove_stride=False)


def _heif(data: bytes) -> tuple[int, int, int, int]:
    picture = _heif_file(data)
    # libheif turns the image itself.
    return (*picture.size, 1, 1)


def _avif(data: bytes) -> tuple[int, int, int, int]:
    if not features.check("avif"):
        raise ImageError("this is an AVIF image, and Pillow reads these from 11.3 on; send it as JPEG")
    with AvifImageFile(io.BytesIO(data), "") as image:
        # Pillow hands the turn on as EXIF of its own.
        return (*image.size, image.n_frames, orientation(image.info.get("exif", b"")))


def _without_metadata(data: bytes) -> bytes:
    """The same file with its EXIF and XMP items, and references to them, of a type that nobody looks for.

    Every offset stays as it is.
    """
    position, count = 0, 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        if size == 1 and position + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, position + 8)
        end = len(data) if size == 0 else position + max(8, size)
        if kind == b"meta":
            box = data[position:end]
            for item in _METADATA:
                box = box.replace(item, b"free")
            return b"".join((data[:position], box, data[end:]))
        position, count = end, count + 1
        check_parts(count, "boxes")
    return data

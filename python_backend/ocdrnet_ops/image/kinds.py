"""Which format some bytes have, and what to do with those that cannot be read."""

from __future__ import annotations

import struct
from collections.abc import Callable

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image.chunk_formats import PNG_SIGNATURE, parse_gif, parse_png, parse_webp
from ocdrnet_ops.image.file import ImageFile, ImageLimits, check_memory, check_raw, check_size, cut
from ocdrnet_ops.image.heif import AVIF_BRANDS, HEIF_BRANDS, brands, parse_heif
from ocdrnet_ops.image.jpeg import parse_jpeg
from ocdrnet_ops.image.tiff import parse_tiff

# Pillow unpacks these in Python: 0.1 us for a pixel, 0.5 us for a run of 2 bytes.
MAX_RUN_LENGTH_PIXELS = 8_000_000
MAX_RUN_LENGTH_BYTES = 4_000_000
_RUN_LENGTH = (1, 2)  # biCompression: BI_RLE8 and BI_RLE4


def parse_bmp(data: bytes, limits: ImageLimits) -> ImageFile:
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


READ = "JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC or AVIF"

_PARSERS: tuple[tuple[bytes, Callable[[bytes, ImageLimits], ImageFile]], ...] = (
    (b"\xff\xd8\xff", parse_jpeg),
    (PNG_SIGNATURE, parse_png),
    (b"II*\0", parse_tiff),
    (b"MM\0*", parse_tiff),
    (b"II+\0", parse_tiff),
    (b"MM\0+", parse_tiff),
    (b"BM", parse_bmp),
    (b"GIF87a", parse_gif),
    (b"GIF89a", parse_gif),
)

_IMAGE = "save it as JPEG or PNG"
_PAGES = "make images of its pages, for instance with `pdftoppm -r 300 -png`"
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF", f"read it with `ocdrnet read`, or {_PAGES}"),
    (b"%!PS", "a PostScript file", _PAGES),
    (b"PK\x03\x04", "a ZIP archive, or a DOCX, XLSX or EPUB", "unpack it, and send the images in it"),
    (b"\x1f\x8b", "a gzip file", "unpack it, or send it with the header `Content-Encoding: gzip` where that is taken"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and send the images in it"),
    (b"Rar!", "a RAR archive", "unpack it, and send the images in it"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "make a PDF of it, and images of that one's pages"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000", _IMAGE),
    (b"\xff\x4f\xff\x51", "a JPEG 2000", _IMAGE),
    (b"\0\0\0\x0cJXL ", "a JPEG XL", _IMAGE),
    (b"\xff\x0a", "a JPEG XL", _IMAGE),
    (b"8BPS", "a Photoshop file", _IMAGE),
    (b"\0\0\1\0", "an icon", _IMAGE),
    (b"AT&TFORM", "a DjVu", _IMAGE),
    (b"\x1aE\xdf\xa3", "a video", "send its frames as JPEG"),
    (b"SIMPLE  =", "a FITS", _IMAGE),
    (b"\x89HDF", "an HDF5 file", _IMAGE),
)
# Texts, found after blanks and a byte order mark, in any case.
_TEXTS: tuple[tuple[bytes, str, str], ...] = (
    (b"<svg", "an SVG drawing", "draw it as PNG, for instance with `rsvg-convert`"),
    (b"<!doctype html", "an HTML page, perhaps an error of the place that it was fetched from", "look at it"),
    (b"<html", "an HTML page, perhaps an error of the place that it was fetched from", "look at it"),
    (b"data:image/", "a data URL", "send the bytes that its Base64 stands for"),
    (b"/9j/", "Base64 of a JPEG", "decode it, and send the bytes"),
    (b"ivborw0kggo", "Base64 of a PNG", "decode it, and send the bytes"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself with `git lfs pull`"),
    (b"--", "a form", "send the bytes of the image alone"),
    (b"{", "JSON", "send the bytes of the image"),
)
_TEXT_START = 512  # bytes in which an SVG's or HTML's own element is looked for behind its prologue


def parse_image_file(data: bytes, limits: ImageLimits) -> ImageFile:
    """Find out what some bytes are, and whether they may be decoded.

    Raises:
        ImageError: they are no image that is read, damaged, or over a limit.
    """
    if not len(data):
        raise ImageError("the image is empty (0 bytes)")
    if len(data) > limits.max_bytes:
        raise ImageError(f"the image file has {len(data):,} bytes; the limit is {limits.max_bytes:,}")
    for start, parse in _PARSERS:
        if data.startswith(start):
            return parse(data, limits)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return parse_webp(data, limits)
    if brands(data) & (HEIF_BRANDS | AVIF_BRANDS):
        return parse_heif(data, limits)
    raise ImageError(f"not a readable image: {len(data):,} bytes that start with {data[:12].hex(' ')}; {_advice(data)}")


def _advice(data: bytes) -> str:
    for start, what, advice in _OTHERS:
        if data.startswith(start):
            return f"it is {what}: {advice}. Read are {READ} files"
    if data[4:8] == b"ftyp":
        return f"it is a video: send its frames as JPEG. Read are {READ} files"
    text = data[:_TEXT_START].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<?xml", b"<!--")):
        text = text[max(0, text.find(b"<svg"), text.find(b"<html")) :]
    for start, what, advice in _TEXTS:
        if text.startswith(start):
            return f"it is {what}: {advice}. Read are {READ} files"
    return f"send a {READ} file"

"""Files made to cost much: each is refused by its header, or costs no more than another."""

import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from encoded_pictures import (
    QUADRANTS,
    RGB,
    STORED,
    encode,
    exif,
    jpeg_of_scans,
    jpeg_segment,
    png,
    png_chunk,
    tiff,
)
from PIL import Image

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image import chunk_formats, heif, kinds
from ocdrnet_ops.image import file as files
from ocdrnet_ops.image import jpeg as jpegs
from ocdrnet_ops.image import tiff as tiffs
from ocdrnet_ops.image.decode import MAX_FRAMES, ImageLimits, decode_image, image_file
from ocdrnet_ops.image.file import orientation
from ocdrnet_ops.image.kinds import READ

LIMITS = ImageLimits()
IMAGES = Path(__file__).parents[1] / "pictures"


def refused(data, *parts, limits=LIMITS):
    with pytest.raises(ImageError) as caught:
        decode_image(data, limits)
    assert [part for part in parts if part not in str(caught.value)] == []
    return str(caught.value)


def pixels(data, limits=LIMITS):
    return decode_image(data, limits).pixels


def gray3(gray):
    return np.dstack([gray] * 3)


# JPEG


def test_jpeg_of_many_scans_is_refused_by_its_work():
    refused(jpeg_of_scans(10_000, 10_000, [(1, 63, 1, 0)] * 9), "10000 x 10000 pixels", "600,000,000 coefficients")


def test_work_of_scans_is_counted_to_the_block():
    """64 x 64 pixels are 64 blocks: 64 coefficients each, in 6 scans, are the limit for 4,096 pixels."""
    limits = ImageLimits(max_pixels=64 * 64)
    whole = [(0, 63, 0, 0)] * 6
    assert image_file(jpeg_of_scans(64, 64, whole), limits).width == 64
    refused(jpeg_of_scans(64, 64, [*whole, (1, 1, 0, 0)]), "24,576 coefficients", limits=limits)


def test_a_scan_of_a_narrow_band_costs_something_too():
    limits = ImageLimits(max_pixels=64 * 64)
    assert image_file(jpeg_of_scans(64, 64, [(1, 1, 0, 0)] * 24), limits).width == 64
    refused(jpeg_of_scans(64, 64, [(1, 1, 0, 0)] * 25), "coefficients", limits=limits)


def test_scans_of_a_small_jpeg_are_limited_too():
    assert image_file(jpeg_of_scans(8, 8, [(1, 1, 0, 0)] * jpegs.MAX_SCANS), LIMITS).width == 8
    refused(jpeg_of_scans(8, 8, [(1, 1, 0, 0)] * (jpegs.MAX_SCANS + 1)), "coefficients")


def test_scans_of_a_sequential_jpeg_count():
    refused(jpeg_of_scans(10_000, 10_000, [(0, 63, 0, 0)] * 20, progressive=False, channels=3), "coefficients")


@pytest.mark.parametrize("subsampling", [0, 2], ids=["4:4:4", "4:2:0"])
def test_the_usual_progressive_script_is_within_the_work_limit(subsampling):
    """Of 64 megapixels and more, whatever the image: the work follows from the scans alone."""
    data = encode(np.zeros((640, 1000, 3), np.uint8), "JPEG", progressive=True, subsampling=subsampling)
    assert image_file(data, ImageLimits(max_pixels=1000 * 1000)).width == 1000


def test_jpeg_of_many_segments_is_refused():
    many = jpeg_segment(0xFE) * (files.MAX_PARTS + 1)
    refused(jpeg_of_scans(8, 8, [(0, 0, 0, 0)], first=many), "50,000 JPEG segments")
    behind = jpeg_of_scans(8, 8, [(0, 0, 0, 0)])[:-2] + many
    refused(behind, "50,000 JPEG segments")


def test_exif_of_a_jpeg_does_not_reach_a_parser(monkeypatch):
    """Its directory claims 5,000 values of 60 KB each; only the orientation among them is looked at."""
    entries = [struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)]
    entries += [struct.pack("<HHII", 0x9000 + number, 7, 60_000, 8) for number in range(5000)]
    body = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4)
    data = encode(gray3(STORED[6](QUADRANTS)), "JPEG", quality=98)
    data = data[:2] + jpeg_segment(0xE1, body) + data[2:]
    monkeypatch.setattr(Image.Exif, "load", lambda *_: pytest.fail("parsed"))
    assert pixels(data).shape[:2] == QUADRANTS.shape
    assert b"Exif" not in image_file(data, LIMITS).needed


@pytest.mark.parametrize(
    ("code", "words"), [(0xC3, "lossless or arithmetic"), (0xC9, "lossless or arithmetic"), (0xC0, "4 of 8 bits")]
)
def test_jpeg_of_a_kind_that_is_not_read_is_named(code, words):
    bits = 12 if code == 0xC0 else 8
    frame = struct.pack(">BHHB", bits, 8, 8, 1) + b"\x01\x11\x00"
    refused(b"\xff\xd8" + jpeg_segment(code, frame) + jpeg_segment(0xDA, b"\x01\x01\0\0\x3f\0"), words)


def test_jpeg_with_two_frame_headers_is_refused():
    small = jpeg_segment(0xC0, struct.pack(">BHHB", 8, 8, 8, 1) + b"\x01\x11\x00")
    refused(jpeg_of_scans(60_000, 60_000, [(0, 63, 0, 0)], first=small), "two frame headers")


# PNG


def test_metadata_of_a_png_does_not_reach_a_parser(monkeypatch):
    bomb = zlib.compress(bytes(50_000_000))
    texts = [png_chunk(kind, b"comment\0" + rest + bomb) for kind, rest in ((b"zTXt", b"\0"), (b"iTXt", b"\1\0\0\0"))]
    profile = png_chunk(b"iCCP", b"profile\0\0" + bomb)
    data = png(2, 1, 8, 0, [b"\x00\xff"], *texts, profile)
    assert image_file(data, LIMITS).needed == png(2, 1, 8, 0, [b"\x00\xff"])
    tracemalloc.start()
    assert pixels(data)[0, :, 0].tolist() == [0, 255]
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def exif_text(kind, turn, length=0):
    text = "\nexif\n      99\n" + exif(turn).tobytes().hex()
    packed = zlib.compress(text.encode() + b" " * length)
    name = b"Raw profile type exif\0"
    return png_chunk(kind, name + (text.encode() if kind == b"tEXt" else b"\0" + packed))


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt"])
def test_orientation_of_a_png_in_a_text_is_undone(kind):
    stored = STORED[6](QUADRANTS)
    rows = [row.tobytes() for row in stored]
    found = pixels(png(stored.shape[1], stored.shape[0], 8, 0, rows, exif_text(kind, 6)))
    assert np.array_equal(found, gray3(QUADRANTS))


def test_a_text_that_unpacks_to_very_much_is_not_unpacked_to_its_end():
    data = png(2, 1, 8, 0, [b"\x00\xff"], exif_text(b"zTXt", 6, length=100_000_000))
    tracemalloc.start()
    image_file(data, LIMITS)
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


def test_png_of_many_chunks_is_refused():
    empty = png_chunk(b"IDAT", b"")
    assert pixels(png(2, 1, 8, 0, [b"\x00\xff"], *[empty] * 100)).shape == (1, 2, 3)
    refused(png(2, 1, 8, 0, [b"\x00\xff"], *[empty] * files.MAX_PARTS), "50,000 PNG chunks")


def test_what_an_image_unpacks_to_is_limited():
    limits = ImageLimits(max_pixels=1000)
    assert image_file(png(1000, 1, 8, 6, []), limits).width == 1000
    refused(png(1, 1000, 8, 6, []), "unpacks to 5,000 bytes", "4,500", limits=limits)


def deep_tiff():
    strip = bytes(48 * 32 * 6)
    tags = [(256, 3, [48]), (257, 3, [32]), (258, 3, [16] * 3), (259, 3, [1]), (262, 3, [2])]
    tags += [(273, 4, [8]), (277, 3, [3]), (278, 3, [32]), (279, 4, [len(strip)])]
    return tiff(tags, strip)


@pytest.mark.parametrize(
    ("kind", "data", "parts"),
    [
        ("TIFF", encode(QUADRANTS.astype(np.float32), "TIFF"), 2),
        ("TIFF", deep_tiff(), 4),
        ("PNG", png(48, 32, 16, 2, [bytes(48 * 6)] * 32), 4),
    ],
)
def test_floats_have_half_of_the_limit_and_channels_of_16_bits_a_quarter(kind, data, parts):
    limits = ImageLimits(max_pixels=parts * 48 * 32)
    tight = ImageLimits(max_pixels=parts * 48 * 32 - 1)
    assert decode_image(data, limits).pixels.shape == (32, 48, 3)
    refused(data, f"the {kind} image has 48 x 32 = 1,536 pixels; the limit for this format", "1,535", limits=tight)


def test_second_header_of_a_png_is_refused():
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    refused(png(2, 1, 8, 0, [b"\x00\xff"], header), "two headers")


def test_a_png_without_its_last_chunk_is_read():
    data = encode(RGB, "PNG")
    assert np.array_equal(pixels(data[:-12]), RGB[:, :, ::-1])


@pytest.mark.parametrize("shown", [True, False])
def test_frames_of_an_apng_count_the_default_image_if_it_is_not_shown(shown):
    pages = [Image.fromarray(np.full((12, 12, 3), value, np.uint8)) for value in (40, 120, 200)]
    data = encode(pages[0], "PNG", save_all=True, append_images=pages[1:], default_image=not shown)
    found = decode_image(data, LIMITS)
    assert found.frames == 3
    assert (found.pixels == 40).all()


# GIF


def test_gif_of_very_many_frames_is_counted_to_the_limit_and_its_first_is_read():
    one = encode(Image.fromarray(RGB), "GIF")
    start = one.index(b",")
    tiny = struct.pack("<BHHHHB", 0x2C, 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    data = one[:-1] + tiny * 100_000 + b";"
    found = decode_image(data, LIMITS)
    assert found.frames == MAX_FRAMES
    assert np.array_equal(found.pixels, RGB[:, :, ::-1])
    assert len(image_file(data, LIMITS).needed) == len(one)
    assert start < len(one)


def test_gif_of_many_blocks_is_refused():
    one = encode(Image.fromarray(RGB), "GIF")
    start = one.index(b",")
    comment = b"!\xfe" + b"\x01x" * (chunk_formats.MAX_BLOCKS + 1) + b"\0"
    refused(one[:start] + comment + one[start:], f"{chunk_formats.MAX_BLOCKS:,} blocks")


def test_a_frame_that_is_larger_than_the_screen_counts():
    one = bytearray(encode(Image.fromarray(RGB), "GIF"))
    start = one.index(b",")
    one[start + 5 : start + 9] = struct.pack("<HH", 60_000, 60_000)
    refused(bytes(one), "60000 x 60000")


# WebP, BMP


def test_webp_of_many_chunks_is_refused():
    one = encode(RGB, "WEBP")
    chunks = one[12:] + b"junk\0\0\0\0" * (files.MAX_PARTS + 1)
    refused(b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks, "50,000 WebP chunks")


def test_metadata_and_further_frames_of_a_webp_do_not_reach_a_decoder():
    pages = [Image.fromarray(np.full((12, 12, 3), value, np.uint8)) for value in (40, 120, 200)]
    data = encode(pages[0], "WEBP", save_all=True, append_images=pages[1:], lossless=True, exif=exif(3), xmp=b"<x/>")
    needed = image_file(data, LIMITS).needed
    assert needed.count(b"ANMF") == 1
    assert b"EXIF" not in needed
    assert b"XMP " not in needed


@pytest.mark.parametrize("name", ["MAX_RUN_LENGTH_PIXELS", "MAX_RUN_LENGTH_BYTES"])
def test_run_length_coded_bmp_is_limited(name, monkeypatch):
    data = bytearray(encode(RGB[:, :, 0], "BMP"))
    rows = b"".join(b"\x30\x07\0\0" for _ in range(32)) + b"\0\1"
    data[30:34] = struct.pack("<I", 1)
    data = bytes(data[:1078]) + rows
    assert (pixels(data) == 7).all()
    monkeypatch.setattr(kinds, name, 500)
    refused(data, "run-length coded, of 48 x 32 pixels", "Save it as PNG")


# TIFF


def gray_tiff(*changes, width=48, height=32, order="<"):
    """QUADRANTS, with some entries of its directory changed."""
    entries = {256: (4, [width]), 257: (4, [height]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1]), 273: (4, [8])}
    entries |= {277: (3, [1]), 278: (4, [height]), 279: (4, [QUADRANTS.size])}
    entries |= {tag: (kind, values) for tag, kind, values in changes}
    return tiff([(tag, *entries[tag]) for tag in sorted(entries)], QUADRANTS.tobytes(), order)


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_by_hand_is_read(order):
    assert np.array_equal(pixels(gray_tiff(order=order)), gray3(QUADRANTS))


def test_directory_of_many_entries_is_refused():
    many = [(40_000 + number, 3, [0]) for number in range(tiffs.MAX_ENTRIES)]
    refused(gray_tiff(*many), "1,009 entries; the limit is 1,000")


def test_tags_that_no_pixel_needs_do_not_reach_a_parser():
    big = [(40_000 + number, 1, [7] * 5000) for number in range(900)]
    data = gray_tiff(*big, (34665, 4, [8]), (330, 4, [8]))
    assert np.array_equal(pixels(data), gray3(QUADRANTS))
    file = image_file(data, LIMITS)
    assert struct.unpack_from("<H", file.needed, struct.unpack_from("<I", file.needed, 4)[0])[0] == 9


@pytest.mark.parametrize(("tag", "kind", "count"), [(258, 3, 17), (273, 4, 100_001), (347, 1, 65_537), (257, 4, 2)])
def test_tag_of_too_many_values_is_refused(tag, kind, count):
    refused(gray_tiff((tag, kind, [1] * count)), f"{count:,} values for tag {tag}")


@pytest.mark.parametrize("rows", [1, 0])
def test_tiff_of_too_many_strips_is_refused(rows):
    data = gray_tiff((278, 4, [rows]), width=100, height=100_001)
    refused(data, "100,001 strips" if rows else "100 x 0 pixels")


def test_tiff_of_a_very_large_tile_is_refused_for_its_memory():
    data = gray_tiff((322, 4, [40_000]), (323, 4, [40_000]), (324, 4, [8]), (325, 4, [1536]))
    refused(data, "unpacks to 1,600,000,000 bytes")


def test_tiff_whose_strips_lie_over_each_other_is_refused():
    strips = [(278, 4, [1]), (273, 4, [8] * 32), (279, 4, [1536] * 32)]
    refused(gray_tiff((259, 3, [8]), *strips), "49,152 bytes together, though the file has")


def test_sizes_of_strips_beyond_the_file_do_not_count():
    assert np.array_equal(pixels(gray_tiff((279, 4, [0xFFFFFFF0]))), gray3(QUADRANTS))


def test_jpeg_in_tiff_is_refused_by_the_work_of_its_scans():
    strip = jpeg_of_scans(10_000, 10_000, [(1, 63, 1, 0)] * 9)
    entries = [(256, 4, [10_000]), (257, 4, [10_000]), (258, 3, [8]), (259, 3, [7]), (262, 3, [1])]
    entries += [(273, 4, [8]), (277, 3, [1]), (278, 4, [10_000]), (279, 4, [len(strip)])]
    refused(tiff(entries, strip), "JPEG strips or tiles", "600,000,000 coefficients")


def test_tiff_of_an_unknown_compression_is_named():
    refused(gray_tiff((259, 3, [12_345])), "compression 12345")


def test_directories_in_a_circle_are_counted_once():
    data = bytearray(gray_tiff())
    start = struct.unpack_from("<I", data, 4)[0]
    data[start + 2 + 12 * 9 : start + 6 + 12 * 9] = struct.pack("<I", start)
    assert decode_image(bytes(data), LIMITS).frames == 1


def test_big_tiff_is_read():
    data = encode(Image.fromarray(RGB), "TIFF", big_tiff=True)
    assert data[2] == 43
    assert np.array_equal(pixels(data), RGB[:, :, ::-1])


# HEIC and AVIF


@pytest.mark.parametrize("name", ["upright", "turned"])
def test_heic_is_read_upright(name):
    wide = np.kron(np.array([[10, 90], [170, 250]], np.uint8), np.ones((32, 48), np.uint8))
    wide = STORED[8](wide) if name == "turned" else wide
    found = pixels((IMAGES / f"{name}.heic").read_bytes())
    assert found.shape == (*wide.shape, 3)
    assert np.abs(found.astype(int) - wide[:, :, None]).mean() < 4


def test_a_heic_does_not_change_with_what_else_is_in_memory():
    """Pillow can look at another library's memory instead of a copy; that may hold another caller's image by then."""
    data, kept = (IMAGES / "alpha.heic").read_bytes(), []
    first = pixels(data)
    for number in range(100):
        kept.append(np.full(96 * 64 * 4 + number, number, np.uint8))
        kept = kept if number % 3 else []
        assert np.array_equal(pixels(data), first)


def test_transparent_heic_lies_on_white():
    found = pixels((IMAGES / "alpha.heic").read_bytes())
    assert found[5, 5].min() > 250
    assert found[-5, 5].max() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_read_upright(orientation):
    found = pixels(encode(gray3(STORED[orientation](QUADRANTS)), "AVIF", quality=95, exif=exif(orientation)))
    assert found.shape == (*QUADRANTS.shape, 3)
    assert np.abs(found.astype(int) - QUADRANTS[:, :, None]).mean() < 4


def test_metadata_of_heic_and_avif_does_not_reach_a_parser():
    named = exif(6)
    named[0x010F] = "a camera"
    for data in ((IMAGES / "turned.heic").read_bytes(), encode(RGB, "AVIF", exif=named)):
        needed = image_file(data, LIMITS).needed
        assert len(needed) == len(data)
        assert b"Exif" in data[: data.index(b"mdat")]
        assert b"Exif" not in needed[: data.index(b"mdat")]


@pytest.mark.parametrize("wrong", [b"Exi\xc4", b"\xff\xff\xff\xff", b"\0\0\0\0"])
def test_metadata_of_an_odd_type_ends_no_process(wrong):
    """pi-heif 1.4 makes a text of the type, and crashes where it cannot."""
    data = (IMAGES / "turned.heic").read_bytes()
    assert data.count(b"Exif") == 2, "as an item's type, and as the item's text"
    code = """if True:
        import sys
        from ocdrnet_ops.image.decode import ImageLimits, decode_image
        decode_image(sys.stdin.buffer.read(), ImageLimits())
    """
    subprocess.run([sys.executable, "-c", code], input=data.replace(b"Exif", wrong, 1), check=True)


def test_without_its_library_a_heic_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pi_heif", None)
    refused((IMAGES / "upright.heic").read_bytes(), "this is a HEIC image", "pip install 'ocdrnet[heic]'")


@pytest.mark.parametrize("cut", [30, 100, 300, 500])
def test_cut_heic_is_refused(cut):
    refused((IMAGES / "upright.heic").read_bytes()[:cut], "the HEIF image is damaged")


def test_brands_decide_between_heic_and_avif():
    assert heif.brands(encode(RGB, "AVIF")) & heif.AVIF_BRANDS
    assert not heif.brands((IMAGES / "upright.heic").read_bytes()) & heif.AVIF_BRANDS
    assert heif.brands(b"\xff\xff\xff\xffftyp" + b"mif1" * 9_000) == {b"mif1"}


# Other files


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7 ...", "a PDF: read it with `ocdrnet read`, or make images of its pages"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"\x1f\x8b\x08....", "a gzip file"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000: save it as JPEG or PNG"),
        (b"\0\0\0\x18ftypisom....", "a video"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"\xef\xbb\xbf  <!DOCTYPE html><html>", "an HTML page"),
        (b"<html><body>Not found", "an HTML page"),
        (b"<?xml version='1.0'?><!-- drawn --><svg xmlns='x'>", "an SVG drawing: draw it as PNG"),
        (b"data:image/png;base64,iVBORw0KGgo", "a data URL"),
        (b"/9j/4AAQSkZJRg", "Base64 of a JPEG"),
        (b"iVBORw0KGgoAAAANSUhEUg", "Base64 of a PNG"),
        (b'--x\r\nContent-Disposition: form-data; name="image"', "a form"),
        (b'{"image": "..."}', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
    ],
)
def test_a_file_of_another_kind_is_told_what_it_is(data, words):
    message = refused(data, "not a readable image", f"{len(data)} bytes", f"it is {words}")
    assert message.endswith(f"Read are {READ} files")


# Orientation and memory


def entry(tag, kind, count, value):
    return struct.pack("<HHIHH", tag, kind, count, value, 0)


@pytest.mark.parametrize(
    ("exif_bytes", "xmp", "expected"),
    [
        (b"", b"", 1),
        (b"", b'<x tiff:Orientation="8"/>', 8),
        (b"", b"<tiff:Orientation>3</tiff:Orientation>", 3),
        (b"", b'tiff:Orientation="9"', 1),
        (exif(6).tobytes(), b'tiff:Orientation="8"', 6),
        (b"II*\0\x08\0\0\0\x01\0" + entry(0x0112, 3, 1, 5), b"", 5),
        (b"II*\0\x08\0\0\0\x01\0" + entry(0x0112, 4, 1, 5), b"", 1),
        (b"II*\0\x08\0\0\0\x01\0" + entry(0x0112, 3, 2, 5), b"", 1),
        (b"II*\0\x08\0\0\0\xff\xff" + entry(0x0100, 3, 1, 5), b"", 1),
        (b"II*\0\xff\xff\xff\xff", b"", 1),
        (b"II*\0\x08\0\0\0\xff\xff" + entry(0, 3, 1, 5) * 1000 + entry(0x0112, 3, 1, 5), b"", 1),
        (b"XX*\0\x08\0\0\0\x01\0" + entry(0x0112, 3, 1, 5), b"", 1),
    ],
)
def test_orientation_is_found_in_bounded_metadata(exif_bytes, xmp, expected):
    assert orientation(exif_bytes, xmp) == expected


def test_memory_follows_from_the_pixel_limit():
    assert LIMITS.max_decoding_bytes == 1_200_000_000
    assert LIMITS.max_raw_bytes == 450_000_000
    assert LIMITS.max_coefficients == 600_000_000


def test_progressive_jpeg_is_held_against_the_memory_limit():
    """Four channels at full size: 8 bytes of coefficients for each pixel, and 4 of the image."""
    data = encode(Image.new("CMYK", (800, 800)), "JPEG", progressive=True)
    assert image_file(data, LIMITS).decoding_bytes == 12 * 800 * 800
    data = jpeg_of_scans(1000, 8, [(0, 0, 0, 0)], channels=4)
    assert image_file(data, ImageLimits(max_pixels=8000)).decoding_bytes == 96_000
    wider = jpeg_of_scans(1001, 8, [(0, 0, 0, 0)], channels=4)
    refused(wider, "96,544 bytes of memory to decode; the limit is 96,096", limits=ImageLimits(max_pixels=8008))

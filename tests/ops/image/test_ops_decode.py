import struct
import sys
import tracemalloc

import cv2
import numpy as np
import pytest
import simplejpeg
from encoded_pictures import QUADRANTS, RGB, STORED, encode, exif, long_tiff, png, png_chunk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image import decode
from ocdrnet_ops.image.decode import ImageLimits, decode_image

LIMITS = ImageLimits()
BGR = RGB[:, :, ::-1]


def pixels(data):
    return decode_image(data, LIMITS).pixels


def gray3(gray):
    return np.dstack([gray] * 3)


def assert_close(found, expected, tolerance=6):
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= tolerance


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "tiff_deflate"}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 98, "subsampling": 0}, 6),
        ("JPEG", {"quality": 98, "subsampling": 0, "progressive": True}, 6),
    ],
)
def test_every_format_gives_bgr_pixels_of_one_frame(kind, options, tolerance):
    found = decode_image(encode(RGB, kind, **options), LIMITS)
    assert_close(found.pixels, BGR, tolerance)
    assert found.pixels.dtype == np.uint8
    assert found.pixels.flags.c_contiguous
    assert found.frames == 1


def test_gif_gives_the_palette_colors():
    assert_close(pixels(encode(RGB, "GIF")), BGR, 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_undone(kind, orientation):
    stored = gray3(STORED[orientation](QUADRANTS))
    options = {"tiffinfo": {0x0112: orientation}} if kind == "TIFF" else {"exif": exif(orientation)}
    options |= {"JPEG": {"quality": 98}, "WEBP": {"lossless": True}}.get(kind, {})
    found = pixels(encode(stored, kind, **options))
    assert_close(found, gray3(QUADRANTS), 6)
    assert found.flags.c_contiguous


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_undone_for_a_jpeg_that_pillow_decodes(orientation):
    cmyk = Image.fromarray(np.ascontiguousarray(gray3(STORED[orientation](QUADRANTS)))).convert("CMYK")
    assert_close(pixels(encode(cmyk, "JPEG", quality=98, exif=exif(orientation))), gray3(QUADRANTS), 6)


@pytest.mark.parametrize("orientation", [0, 9, 200])
def test_unknown_orientation_counts_as_upright(orientation):
    assert_close(pixels(encode(RGB, "PNG", exif=exif(orientation))), BGR, 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_is_no_reason_to_refuse_an_image(kind):
    data = encode(gray3(QUADRANTS), kind, exif=b"Exif\0\0no TIFF header")
    assert_close(pixels(data), gray3(QUADRANTS), 12)


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (40, 255), (127, 255), (128, 0), (200, 0), (255, 0)])
def test_transparent_image_lies_on_the_background_that_shows_its_text(ink, paper):
    rgba = np.zeros((20, 40, 4), np.uint8)
    rgba[5:10, 5:35] = (ink, ink, ink, 255)
    found = pixels(encode(rgba, "PNG"))
    assert (found[0, 0] == paper).all()
    assert (found[7, 20] == ink).all()


def test_background_follows_what_is_visible_not_what_is_hidden():
    rgba = np.full((20, 40, 4), 255, np.uint8)
    rgba[..., 3] = 0  # hidden white all over
    rgba[5:10, 5:35] = (0, 0, 0, 255)
    assert (pixels(encode(rgba, "PNG"))[0, 0] == 255).all()


def test_wholly_transparent_image_is_white():
    assert (pixels(encode(np.zeros((8, 8, 4), np.uint8), "PNG")) == 255).all()


def test_half_transparent_ink_is_blended():
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[..., 3] = 128
    assert_close(pixels(encode(rgba, "PNG")), np.full((8, 8, 3), 127, np.uint8), 1)


def test_opaque_light_image_with_alpha_keeps_its_colors():
    rgba = np.dstack([RGB, np.full(QUADRANTS.shape, 255, np.uint8)])
    assert_close(pixels(encode(rgba, "PNG")), BGR, 0)


def test_background_of_a_large_transparent_image_is_chosen_from_a_sample():
    rgba = np.zeros((700, 1300, 4), np.uint8)
    rgba[100:400, 100:1200] = (250, 250, 250, 255)
    found = pixels(encode(rgba, "PNG", compress_level=1))
    assert (found[0, 0] == 0).all()
    assert (found[200, 200] == 250).all()


def test_gray_image():
    for kind in ("PNG", "BMP", "TIFF"):
        assert_close(pixels(encode(QUADRANTS, kind)), gray3(QUADRANTS), 0)
    assert_close(pixels(encode(QUADRANTS, "JPEG", quality=98)), gray3(QUADRANTS), 3)


def test_gray_image_with_alpha():
    picture = Image.fromarray(np.dstack([np.zeros((6, 6), np.uint8), np.eye(6, dtype=np.uint8) * 255]))
    assert_close(pixels(encode(picture, "PNG")), gray3(255 - np.eye(6, dtype=np.uint8) * 255), 0)


def test_palette_image():
    palette = Image.fromarray(RGB).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    assert_close(pixels(encode(palette, "PNG")), BGR, 3)


def test_palette_image_with_a_transparent_color():
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([255, 255, 255, 0, 0, 0])
    palette.paste(1, (2, 2, 6, 6))
    found = pixels(encode(palette, "PNG", transparency=1))
    assert (found[0, 0] == 255).all()
    assert (found[4, 4] == 0).all()  # visible white lies on black


def test_one_bit_tiff():
    picture = Image.fromarray(QUADRANTS > 128)
    expected = gray3(np.where(QUADRANTS > 128, 255, 0).astype(np.uint8))
    assert_close(pixels(encode(picture, "TIFF", compression="group4")), expected, 0)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_gray_keeps_its_upper_byte(kind):
    values = (QUADRANTS.astype(np.uint16) << 8) + 255
    assert_close(pixels(encode(values, kind)), gray3(QUADRANTS), 0)


def test_16_bit_gray_with_a_transparent_value_is_not_cut_at_255():
    rows = [np.array([0x0800, 0x8000, 0xF000], ">u2").tobytes()] * 2
    found = pixels(png(3, 2, 16, 0, rows, png_chunk(b"tRNS", b"\x00\x00")))
    assert found[0, :, 0].tolist() == [0x08, 0x80, 0xF0]


def test_16_bit_rgb_keeps_its_upper_byte():
    rows = [np.array([[0x1234, 0x8001, 0xFF00]] * 3, ">u2").tobytes()] * 2
    assert pixels(png(3, 2, 16, 2, rows))[0, 0].tolist() == [0xFF, 0x80, 0x12]


def test_cmyk_jpeg_is_read_as_adobe_writes_it():
    found = pixels(encode(Image.fromarray(RGB).convert("CMYK"), "JPEG", quality=98))
    assert_close(found, BGR, 12)


def test_cmyk_tiff():
    assert_close(pixels(encode(Image.fromarray(RGB).convert("CMYK"), "TIFF")), BGR, 0)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e6])
def test_float_tiff_is_stretched_from_its_least_to_its_greatest_value(scale):
    values = (np.array([[0, 1, 2], [3, 4, 5]], np.float32) - 2) * np.float32(scale)
    assert_close(pixels(encode(values, "TIFF")), gray3(np.array([[0, 51, 102], [153, 204, 255]], np.uint8)), 0)


def test_float_tiff_with_values_that_are_no_numbers():
    values = np.array([[0, 1, np.nan], [np.inf, -np.inf, 0.5]], np.float32)
    assert_close(pixels(encode(values, "TIFF")), gray3(np.array([[0, 255, 0], [255, 0, 128]], np.uint8)), 0)


@pytest.mark.parametrize("value", [3.0, np.nan, np.inf])
def test_float_tiff_of_one_value_is_black(value):
    assert not pixels(encode(np.full((3, 3), value, np.float32), "TIFF")).any()


def test_32_bit_integer_tiff_is_stretched():
    values = np.array([[2_000_000_000, 2_000_000_100]], np.int32)
    assert pixels(encode(values, "TIFF"))[0, :, 0].tolist() == [0, 255]


def test_smallest_image():
    assert pixels(encode(RGB[:1, :1], "PNG")).tolist() == [[RGB[0, 0, ::-1].tolist()]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_frames_are_counted_and_the_first_is_read(kind):
    pages = [Image.fromarray(np.full((12, 12, 3), value, np.uint8)) for value in (40, 120, 200)]
    options = {"lossless": True} if kind == "WEBP" else {}
    found = decode_image(encode(pages[0], kind, save_all=True, append_images=pages[1:], **options), LIMITS)
    assert found.frames == 3
    assert (found.pixels == 40).all()


@pytest.mark.parametrize(
    ("pages", "counted"), [(1, 1), (2, 2), (decode.MAX_FRAMES, 1000), (decode.MAX_FRAMES + 5, 1000)]
)
def test_the_page_chain_of_a_tiff_is_walked_to_the_limit(pages, counted):
    assert decode_image(long_tiff(pages), LIMITS).frames == counted


def test_a_png_cut_inside_its_frame_count_is_refused():
    """The chunk says that it has four bytes and more; the file ends before them."""
    cut_off = encode(RGB, "PNG")[:33] + struct.pack(">I4s", 8, b"acTL") + b"\0"
    with pytest.raises(ImageError, match="damaged"):
        decode_image(cut_off, LIMITS)


@pytest.mark.parametrize("error", [IndexError("list index out of range"), struct.error("a\nb"), KeyError()])
def test_what_no_check_thought_of_is_the_files_fault(monkeypatch, error):
    def stumble(data, limits):
        raise error

    monkeypatch.setattr("ocdrnet_ops.image.decode.parse_image_file", stumble)
    with pytest.raises(ImageError, match=r"^the image is damaged: .+$"):
        decode_image(encode(RGB, "PNG"), LIMITS)


def test_frames_that_a_header_invents_are_counted_to_the_limit():
    control = png_chunk(b"acTL", struct.pack(">II", 0x8000_0000, 0))
    assert decode_image(png(2, 1, 8, 0, [b"\x00\xff"], control), LIMITS).frames == decode.MAX_FRAMES


def test_further_frames_of_a_jpeg_are_previews():
    pages = [Image.fromarray(np.full((12, 12, 3), value, np.uint8)) for value in (40, 200)]
    found = decode_image(encode(pages[0], "MPO", save_all=True, append_images=pages[1:]), LIMITS)
    assert found.frames == 1
    assert_close(found.pixels, np.full((12, 12, 3), 40, np.uint8), 3)


def test_ordinary_jpeg_does_not_pass_through_pillow(monkeypatch):
    def refuse(self):
        raise AssertionError("decoded by Pillow")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    assert_close(pixels(encode(RGB, "JPEG", quality=98, subsampling=0)), BGR)


def test_empty_file_is_refused():
    with pytest.raises(ImageError, match=r"empty \(0 bytes\)"):
        pixels(b"")


@pytest.mark.parametrize("data", [b"just some text, no picture", b"\0" * 100, b"%PDF-1.7", b"G"])
def test_what_is_no_image_is_refused_with_its_first_bytes_and_the_formats(data):
    with pytest.raises(ImageError, match="JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC or AVIF") as caught:
        pixels(data)
    assert f"{len(data):,} bytes that start with {data[:12].hex(' ')};" in str(caught.value)


def test_other_formats_of_pillow_are_refused():
    with pytest.raises(ImageError, match="not a readable image"):
        pixels(encode(RGB, "PPM"))


def test_byte_limit_is_inclusive_and_named():
    data = encode(RGB, "PNG")
    assert decode_image(data, ImageLimits(max_bytes=len(data))).frames == 1
    with pytest.raises(ImageError, match=rf"has {len(data):,} bytes; the limit is {len(data) - 1:,}"):
        decode_image(data, ImageLimits(max_bytes=len(data) - 1))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF"])
def test_pixel_limit_is_inclusive_and_named(kind):
    data, count = encode(RGB, kind), QUADRANTS.size
    assert decode_image(data, ImageLimits(max_pixels=count)).frames == 1
    message = rf"claims 48 x 32 = {count:,} pixels; the limit is {count - 1:,}"
    with pytest.raises(ImageError, match=message):
        decode_image(data, ImageLimits(max_pixels=count - 1))


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_pixel_limit_of_a_costly_format_is_half(kind):
    data, count = encode(RGB, kind), QUADRANTS.size
    assert decode_image(data, ImageLimits(max_pixels=2 * count)).frames == 1
    message = rf"{kind} image has 48 x 32 = {count:,} pixels; the limit for this format.* is {count - 1:,}"
    with pytest.raises(ImageError, match=message):
        decode_image(data, ImageLimits(max_pixels=2 * count - 1))


def test_default_limits():
    assert ImageLimits() == ImageLimits(max_bytes=67_108_864, max_pixels=100_000_000)


def test_header_that_claims_too_much_costs_no_memory():
    tracemalloc.start()
    with pytest.raises(ImageError, match="60000 x 60000 = 3,600,000,000 pixels; the limit is 100,000,000"):
        pixels(png(60_000, 60_000, 8, 2, []))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_pillow_does_not_refuse_what_the_limits_allow():
    data = encode(Image.new("1", (20_000, 10_000)), "PNG")
    with pytest.raises(
        ImageError, match="200,000,000 pixels"
    ):  # above Pillow's own 179 million: its message names none
        pixels(data)


def test_header_that_claims_no_pixels_is_refused():
    with pytest.raises(ImageError):
        pixels(png(0, 4, 8, 0, [b""] * 4))


@pytest.fixture(scope="module")
def noisy_jpeg():
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    return encode(noise, "JPEG", quality=80)


NOISE = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)  # whole units of 16 x 16
IMAGES = {
    "noisy": NOISE,
    "plain": RGB,
    "gray": NOISE[:, :, 0],
    "cmyk": Image.fromarray(NOISE).convert("CMYK"),
}


@pytest.mark.parametrize("tenth", range(1, 10))
def test_cut_jpeg_is_refused(noisy_jpeg, tenth):
    with pytest.raises(ImageError, match=r"damaged|not a readable image"):
        pixels(noisy_jpeg[: len(noisy_jpeg) * tenth // 10])


@pytest.mark.parametrize("tenth", range(1, 10))
def test_cut_jpeg_is_refused_though_its_thumbnail_is_whole(noisy_jpeg, tenth, monkeypatch):
    thumbnail = encode(RGB[:8, :8], "JPEG")
    assert thumbnail.endswith(b"\xff\xd9")
    payload = b"Exif\0\0" + bytes(exif(1).tobytes())[6:] + thumbnail
    data = noisy_jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + noisy_jpeg[2:]
    assert pixels(data).shape == (120, 160, 3)
    # As older OpenCV releases answer, whose libjpeg fills up what is missing.
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: np.full((120, 160, 3), 128, np.uint8))
    with pytest.raises(ImageError, match=r"damaged|not a readable image"):
        pixels(data[: len(data) * tenth // 10])


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@pytest.mark.parametrize("kind", ["noisy", "plain", "gray", "cmyk"])
@pytest.mark.parametrize(
    "tail", [b"", b"\0", b"\0" * 500, b"\xff"], ids=["nothing", "a zero", "zeros", "half a marker"]
)
def test_whole_jpeg_without_its_end_marker_is_read(kind, progressive, tail):
    data = encode(IMAGES[kind], "JPEG", quality=85, progressive=progressive)
    assert data.endswith(b"\xff\xd9")
    assert_close(pixels(data[:-2] + tail), pixels(data), 0)


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@pytest.mark.parametrize("zeros", [0, 5000])
@pytest.mark.parametrize("missing", [3, 4, 5, 8, 20, 100, 1000])
def test_jpeg_that_lacks_more_than_its_end_marker_is_refused(progressive, missing, zeros):
    data = encode(IMAGES["noisy"], "JPEG", quality=85, progressive=progressive)
    with pytest.raises(ImageError, match="JPEG image is damaged: image file is truncated"):
        pixels(data[:-missing] + bytes(zeros))


def test_progressive_jpeg_cut_between_two_scans_is_refused():
    data = encode(IMAGES["noisy"], "JPEG", quality=85, progressive=True)
    last_scan = data.rindex(b"\xff\xc4")  # its Huffman table stands before it
    with pytest.raises(ImageError, match="truncated"):
        pixels(data[:last_scan])


def test_jpeg_with_bytes_behind_its_end_is_read(noisy_jpeg):
    assert pixels(noisy_jpeg + b"trailing bytes").shape == (120, 160, 3)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_cut_file_is_refused(kind, part):
    noise = np.random.default_rng(1).integers(0, 255, (40, 50, 3), np.uint8)
    data = encode(noise, kind)
    with pytest.raises(ImageError):
        pixels(data[: int(len(data) * part)])


def test_jpeg_that_opencv_cannot_decode_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    with pytest.raises(ImageError, match="no pixels could be decoded"):
        pixels(encode(RGB, "JPEG"))


def test_what_a_decoder_stumbles_over_is_named_on_one_line(monkeypatch):
    def stumble(self):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(ImageFile.ImageFile, "load", stumble)
    with pytest.raises(ImageError, match=r"the BMP image is damaged: first line$"):
        pixels(encode(RGB, "BMP"))


def test_an_error_without_a_text_is_named_by_its_type(monkeypatch):
    def stumble(self):
        raise ZeroDivisionError

    monkeypatch.setattr(ImageFile.ImageFile, "load", stumble)
    with pytest.raises(ImageError, match="damaged: ZeroDivisionError"):
        pixels(encode(RGB, "BMP"))


def test_decoding_warns_of_nothing(recwarn):
    pixels(encode(RGB, "PNG", exif=b"broken"))
    pixels(encode(np.full((2, 2), np.inf, np.float32), "TIFF"))
    assert not recwarn.list


def survives(data):
    try:
        found = decode_image(data, ImageLimits(max_bytes=1 << 20, max_pixels=1 << 20))
    except ImageError:
        return
    assert found.pixels.ndim == 3
    assert found.pixels.shape[2] == 3
    assert found.pixels.size
    assert found.pixels.dtype == np.uint8
    assert 1 <= found.frames <= decode.MAX_FRAMES


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"BM", b"GIF89a", b"RIFF\x20\0\0\0WEBP"]
    ),
    st.binary(max_size=200),
)
def test_random_bytes_give_an_image_or_an_image_error(start, rest):
    survives(start + rest)


VALID = {
    "jpeg": encode(RGB, "JPEG", exif=exif(6)),
    "cmyk": encode(Image.fromarray(RGB).convert("CMYK"), "JPEG"),
    "progressive": encode(RGB, "JPEG", progressive=True),
    "png": encode(np.dstack([RGB, QUADRANTS]), "PNG", exif=exif(3)),
    "webp": encode(RGB, "WEBP"),
    "tiff": encode(RGB, "TIFF"),
    "lzw": encode(QUADRANTS, "TIFF", compression="tiff_lzw"),
    "float": encode(QUADRANTS.astype(np.float32), "TIFF"),
    "bmp": encode(RGB, "BMP"),
    "gif": encode(Image.fromarray(RGB), "GIF", save_all=True, append_images=[Image.fromarray(255 - RGB)]),
}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(VALID)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8)
)
def test_mutated_files_give_an_image_or_an_image_error(name, changes):
    data = bytearray(VALID[name])
    for place, value in changes:
        data[int(place**3 * (len(data) - 1))] = value  # headers lie in front, so most changes do
    survives(bytes(data))


@pytest.mark.parametrize("kind", ["noisy", "gray"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"optimize": True}], ids=str)
def test_every_decoder_of_jpeg_makes_the_same_pixels(kind, options, monkeypatch):
    """The client has neither simplejpeg nor OpenCV."""
    data = encode(IMAGES[kind], "JPEG", exif=exif(6), **options)
    with monkeypatch.context() as patch:
        patch.setattr(cv2, "imdecode", lambda *_: pytest.fail("simplejpeg is asked first"))
        expected = pixels(data)
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    assert np.array_equal(pixels(data), expected)
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert np.array_equal(pixels(data), expected)


def test_a_jpeg_that_simplejpeg_has_a_warning_for_is_left_to_opencv(noisy_jpeg):
    """Bits that mean nothing make gray blocks, and no error: what is before and behind them can be read."""
    scan = noisy_jpeg.index(b"\xff\xda") + 600
    broken = noisy_jpeg[:scan] + bytes(40) + noisy_jpeg[scan + 40 :]
    with pytest.raises(ValueError, match=r"(?i)corrupt|premature|extraneous"):
        simplejpeg.decode_jpeg(broken)
    whole = cv2.imdecode(np.frombuffer(broken, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(pixels(broken), whole)

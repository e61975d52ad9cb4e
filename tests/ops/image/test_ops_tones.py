"""Pictures whose pixels hold more, or less, than their file's kind says."""

import struct

import numpy as np
import pytest
from encoded_pictures import RGB, encode, png, tiff, with_text
from PIL import Image

from ocdrnet_ops.image import tones
from ocdrnet_ops.image.decode import ImageLimits, decode_image

LIMITS = ImageLimits()
WORD = with_text(0, 255)
SIZE = WORD.shape[1], WORD.shape[0]


def pixels(data):
    return decode_image(data, LIMITS).pixels


def assert_word(found, tolerance=2):
    """Black on white, with all the grays between."""
    assert found.shape == (*WORD.shape, 3)
    assert np.abs(found.astype(int) - WORD[:, :, None].astype(int)).max() <= tolerance


def rows_of(values):
    return [row.astype(">u2").tobytes() for row in values]


RANGES = {
    "8 bits": (0, 255),
    "10 bits": (0, 1023),
    "12 bits": (0, 4095),
    "13 bits": (0, 8191),
    "narrow": (51_000, 53_500),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("case", RANGES)
def test_16_bit_gray_of_few_values_is_stretched(case, kind):
    assert_word(pixels(encode(with_text(*RANGES[case], dtype=np.uint16), kind)))


@pytest.mark.parametrize("case", RANGES)
def test_16_bit_gray_of_few_values_with_alpha_is_stretched(case):
    gray = with_text(*RANGES[case], dtype=np.uint16)
    both = np.dstack([gray, np.full_like(gray, 0xFFFF)])
    assert_word(pixels(png(*SIZE, 16, 4, rows_of(both.reshape(len(gray), -1)))))


@pytest.mark.parametrize(("gray", "alpha"), [(0, 0), (0x1234, 0), (0x1234, 0xFFFF), (0, 0x0100)])
@pytest.mark.parametrize("colour", [0, 4, 6], ids=["no", "gray", "colour"])
def test_16_bits_of_one_value_are_read(gray, alpha, colour):
    """Nothing to stretch, and nothing to see."""
    values = [gray] * (3 if colour == 6 else 1) + ([alpha] if colour else [])
    assert np.ptp(pixels(png(5, 4, 16, colour, rows_of(np.tile(values, (4, 5)))))) == 0


@pytest.mark.parametrize("case", RANGES)
@pytest.mark.parametrize("alpha", [None, 0xFFFF, 0], ids=["no alpha", "opaque", "alpha 0"])
def test_16_bit_colour_of_few_values_is_stretched(case, alpha):
    gray = with_text(*RANGES[case], dtype=np.uint16)
    channels = [gray] * 3 + ([] if alpha is None else [np.full_like(gray, alpha)])
    rows = rows_of(np.dstack(channels).reshape(len(gray), -1))
    assert_word(pixels(png(*SIZE, 16, 2 if alpha is None else 6, rows)))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("case", RANGES)
def test_16_bit_colour_tiff_of_few_values_is_stretched(case, order):
    gray = with_text(*RANGES[case], dtype=np.uint16)
    assert_word(pixels(rgb_tiff(np.dstack([gray] * 3), 1, order)))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("case", ["12 bits", "13 bits", "narrow"])
def test_16_bit_planes_of_few_values_are_stretched_by_their_upper_bytes(case, order):
    gray = with_text(*RANGES[case], dtype=np.uint16)
    assert_word(pixels(rgb_tiff(np.dstack([gray] * 3), 2, order)), tolerance=30)


def rgb_tiff(values, planes, order="<"):
    """uint16 [H, W, 3], not compressed: its channels one after another for each pixel, or in planes."""
    height, width = values.shape[:2]
    stored = values if planes == 1 else values.transpose(2, 0, 1)
    size = width * height * 2
    offsets = [8] if planes == 1 else [8, 8 + size, 8 + 2 * size]
    sizes = [3 * size] if planes == 1 else [size] * 3
    entries = [(256, 3, [width]), (257, 3, [height]), (258, 3, [16] * 3), (259, 3, [1]), (262, 3, [2])]
    entries += [(273, 4, offsets), (277, 3, [3]), (278, 3, [height]), (279, 4, sizes), (284, 3, [planes])]
    return tiff(entries, np.ascontiguousarray(stored, f"{order}u2").tobytes(), order)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planes", [1, 2], ids=["pixels", "planes"])
def test_16_bit_colour_tiff_keeps_its_upper_bytes(planes, order):
    values = (RGB.astype(np.uint16) << 8) + 77
    assert np.array_equal(pixels(rgb_tiff(values, planes, order)), RGB[:, :, ::-1])


def test_16_bit_gray_of_many_values_keeps_its_upper_byte():
    values = with_text(20_000, 20_000 + tones.NARROW, dtype=np.uint16)
    assert np.array_equal(pixels(encode(values, "PNG"))[:, :, 0], values >> 8)


def test_16_bit_gray_of_one_value_keeps_its_upper_byte():
    assert (pixels(encode(np.full((5, 5), 0x7F12, np.uint16), "PNG")) == 0x7F).all()


def test_hot_and_dead_pixels_do_not_keep_16_bits_from_being_stretched():
    values = with_text(3000, 3900, (800, 400), np.uint16)
    values[3, 3], values[300, 700] = 0, 65_535
    found = pixels(encode(values, "PNG"))[:, :, 0]
    assert np.percentile(found, 50) == 255
    assert found.min() == 0
    assert (found[3, 3], found[300, 700]) == (0, 255)


@pytest.mark.parametrize("alpha", [0, 1, 9])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_that_shows_next_to_nothing_of_an_image_is_ignored(kind, alpha):
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    assert_word(pixels(encode(np.dstack([WORD] * 3 + [np.full_like(WORD, alpha)]), kind, **options)))


def test_alpha_of_gray_that_shows_nothing_is_ignored():
    assert_word(pixels(encode(Image.fromarray(np.dstack([WORD, np.zeros_like(WORD)])), "PNG")))


@pytest.mark.parametrize("header", [108, 124])
def test_bmp_with_an_alpha_mask_and_no_alpha_is_read(header):
    rows = np.dstack([WORD] * 3 + [np.zeros_like(WORD)])[::-1].tobytes()
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", header, *SIZE, 1, 32, 3, len(rows), 0, 0, 0, 0) + masks
    data = info.ljust(header, b"\0") + rows
    assert_word(pixels(b"BM" + struct.pack("<IHHI", 14 + len(data), 0, 0, 14 + header) + data))


def test_a_speck_of_alpha_does_not_hide_an_image():
    rgba = np.dstack([WORD] * 3 + [np.zeros_like(WORD)])
    rgba[0, :3, 3] = 255
    assert_word(pixels(encode(rgba, "PNG")))


def test_a_word_on_a_large_transparent_sheet_stays_on_its_own():
    """It is less than a thousandth of the sheet, but nothing is hidden."""
    rgba = np.zeros((800, 1600, 4), np.uint8)
    rgba[400:460, 800:960, 3] = 255 - WORD
    found = pixels(encode(rgba, "PNG", compress_level=1))
    assert (found[:300] == 255).all()
    assert_word(found[400:460, 800:960])


def test_what_half_an_alpha_hides_stays_hidden():
    rgba = np.dstack([WORD] * 3 + [np.zeros_like(WORD)])
    rgba[:, :20, 3] = 255
    assert np.ptp(pixels(encode(rgba, "PNG"))[:, 20:]) == 0


def loose_tiff(colours, extra, kind=0):
    """Colours and another channel, of which the file says `kind`: 0 is unspecified."""
    stored = np.dstack([colours, extra])
    count = stored.shape[2]
    entries = [(256, 3, [SIZE[0]]), (257, 3, [SIZE[1]]), (258, 3, [8] * count), (259, 3, [1])]
    entries += [(262, 3, [2 if count == 4 else 1]), (273, 4, [8]), (277, 3, [count]), (278, 3, [SIZE[1]])]
    entries += [(279, 4, [stored.size]), (338, 3, [kind])]
    return tiff(entries, stored.astype(np.uint8).tobytes())


@pytest.mark.parametrize("channels", [1, 3], ids=["gray", "colour"])
def test_unspecified_channel_is_alpha_if_it_alone_holds_the_image(channels):
    assert_word(pixels(loose_tiff(np.zeros((*WORD.shape, channels), np.uint8), 255 - WORD)))


@pytest.mark.parametrize("channels", [1, 3], ids=["gray", "colour"])
@pytest.mark.parametrize("extra", [np.zeros_like(WORD), np.full_like(WORD, 255), WORD.T.reshape(WORD.shape)])
def test_unspecified_channel_is_ignored_beside_an_image(channels, extra):
    assert_word(pixels(loose_tiff(np.dstack([WORD] * channels), extra)))


def test_every_strip_is_converted(monkeypatch):
    monkeypatch.setattr(tones, "STRIP_PIXELS", 500)
    rgba = np.dstack([RGB, RGB[:, :, 0]])
    for picture in (RGB, RGB[:, :, 0], rgba, RGB[:, :, 0].astype(np.uint16), RGB[:, :, 0].astype(np.float32)):
        data = encode(picture, "TIFF")
        few = pixels(data)
        with monkeypatch.context() as patch:
            patch.setattr(tones, "STRIP_PIXELS", 1 << 20)
            assert np.array_equal(pixels(data), few)

import io

import numpy as np
import pytest
from PIL import Image

from ocdrnet_client import InvalidRequestError
from ocdrnet_client.images import array_to_pil, encoded_image, image_name

# Every pixel and every channel differs, so that no mix-up of axes goes unseen.
RGB = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
GRAY = np.arange(35, dtype=np.uint8).reshape(5, 7)


def pixels(data):
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture)


def test_arrays_become_lossless_images():
    assert np.array_equal(pixels(encoded_image(RGB)), RGB)
    assert np.array_equal(pixels(encoded_image(RGB, "BGR")), RGB[..., ::-1])
    for gray in (GRAY, GRAY[..., None]):
        for order in ("RGB", "BGR"):
            assert np.array_equal(pixels(encoded_image(gray, order)), GRAY)


def test_views_of_arrays_are_fine():
    big = np.dstack([RGB, RGB])[:, ::-1]
    assert np.array_equal(pixels(encoded_image(big[..., 1:4])), big[..., 1:4])
    read_only = RGB.copy()
    read_only.setflags(write=False)
    assert np.array_equal(pixels(encoded_image(read_only)), RGB)


def test_the_smallest_arrays_are_images():
    assert pixels(encoded_image(RGB[:1, :1])).tolist() == [[[0, 1, 2]]]
    assert pixels(encoded_image(GRAY[:1, :1])).tolist() == [[0]]


@pytest.mark.parametrize(
    "array",
    [
        RGB.astype(np.float32),
        RGB.astype(np.int16),
        GRAY > 3,
        np.dstack([RGB, GRAY]),
        RGB[..., :2],
        RGB[None],
        RGB.ravel(),
        np.zeros((), np.uint8),
        np.zeros((0, 7), np.uint8),
        np.zeros((5, 0, 3), np.uint8),
    ],
    ids=lambda array: f"{array.dtype}{list(array.shape)}",
)
def test_other_arrays_are_refused_with_what_they_are(array):
    with pytest.raises(InvalidRequestError) as raised:
        encoded_image(array)
    assert f"the array is {array.dtype} of shape {list(array.shape)}; it must be uint8" in str(raised.value)


def test_an_unknown_order_is_refused():
    with pytest.raises(InvalidRequestError, match="channel_order is 'RGBA'; it must be 'RGB' or 'BGR'"):
        array_to_pil(RGB, "RGBA")


def test_files_and_bytes_are_taken_as_they_are(tmp_path):
    file = tmp_path / "no image at all.txt"
    file.write_bytes(b"\x00\xffabc")
    assert [encoded_image(image) for image in (file, str(file), b"\x00\xffabc")] == 3 * [b"\x00\xffabc"]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path, reason in ((tmp_path / "missing.jpg", "No such file"), (tmp_path, "directory")):
        with pytest.raises(InvalidRequestError) as raised:
            encoded_image(path)
        assert str(path) in str(raised.value)
        assert reason in str(raised.value)


@pytest.mark.parametrize("name", ["a\0b.jpg", "\ud800.jpg"])
def test_what_can_be_no_name_of_a_file_is_refused(name):
    with pytest.raises(InvalidRequestError, match="cannot read"):
        encoded_image(name)


def test_nothing_is_no_image(tmp_path):
    file = tmp_path / "empty.jpg"
    file.touch()
    for image in (file, b""):
        with pytest.raises(InvalidRequestError, match=r"the image is empty \(0 bytes\)"):
            encoded_image(image)


@pytest.mark.parametrize("image", [None, 7, ["a.jpg"], object()])
def test_anything_else_is_named(image):
    with pytest.raises(InvalidRequestError, match=f"a {type(image).__name__} is no image; give a path, bytes, an open"):
        encoded_image(image)


def test_bytes_come_in_several_forms(tmp_path):
    data = b"\x00\xffabcd"
    for image in (bytearray(data), memoryview(data), memoryview(b"." + data)[1:], memoryview(data[::-1])[::-1]):
        assert encoded_image(image) == data
    file = tmp_path / "some.png"
    file.write_bytes(b"before" + data)
    with file.open("rb") as opened:
        opened.seek(6)
        assert encoded_image(opened) == data
        assert image_name(opened) == "some.png"
    assert encoded_image(io.BytesIO(data)) == data
    assert image_name(io.BytesIO(data)) is None


def test_an_open_file_that_cannot_be_read_is_named(tmp_path):
    file = tmp_path / "some.png"
    file.write_bytes(b"abc")
    with file.open("rb") as closed:
        pass
    with pytest.raises(InvalidRequestError, match=r"cannot read the open file some\.png: .*closed file"):
        encoded_image(closed)
    with file.open() as text, pytest.raises(InvalidRequestError, match="gives str, not bytes; open it with 'rb'"):
        encoded_image(text)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16", "RGBX"])
def test_a_pillow_image_of_every_mode_is_sent_as_it_looks(mode):
    picture = Image.fromarray(RGB).convert("L").convert("I") if mode == "I;16" else Image.fromarray(RGB)
    picture = picture.convert(mode)
    with Image.open(io.BytesIO(encoded_image(picture))) as sent:
        assert sent.size == (7, 5)
        same = sent.mode if mode in ("HSV", "RGBX") else mode
        assert sent.mode == same
        assert np.array_equal(np.asarray(sent.convert("RGB")), np.asarray(picture.convert("RGB")))


def test_a_pillow_image_is_sent_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    file = tmp_path / "turned.png"
    Image.fromarray(RGB).save(file, exif=exif)
    with Image.open(file) as opened:
        assert np.array_equal(pixels(encoded_image(opened)), np.rot90(RGB, -1))


def test_a_damaged_pillow_image_is_refused(tmp_path):
    file = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:2000])
    with Image.open(file) as opened, pytest.raises(InvalidRequestError, match="the Pillow image cannot be read"):
        encoded_image(opened)


def test_the_client_leaves_pillows_own_limit_alone():
    assert Image.MAX_IMAGE_PIXELS == 89_478_485


def test_only_files_have_a_name(tmp_path):
    assert [image_name(image) for image in (tmp_path / "a" / "b.jpg", "a/b.jpg")] == ["b.jpg", "b.jpg"]
    assert image_name(b"a/b.jpg") is None
    assert image_name(RGB) is None

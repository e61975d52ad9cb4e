"""The returned image shows the pixels that were read, whatever their kind, and its cost is bounded."""

import io
import subprocess
import sys

import numpy as np
import pytest
from gateway_reader import PAGE
from PIL import Image, ImageDraw, ImageFont

from ocdrnet_client import Page, draw_overlay
from ocdrnet_client.results import Line
from ocdrnet_gateway.api.hosted.rendering import Renderer, drawing_bytes
from ocdrnet_gateway.core.reading import ImageSize, check_image
from ocdrnet_gateway.http_errors import UnprocessableError
from ocdrnet_ops.image.decode import ImageLimits, decode_image

EMPTY = Page(160, 48)


def encoded(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def word(ink, paper, mode="L"):
    picture = Image.new(mode, (160, 48), paper)
    ImageDraw.Draw(picture).text((12, 8), "word", font=ImageFont.load_default(28), fill=ink)
    return picture


def gray16(low, high):
    ink = np.asarray(word(0, 255)).astype(np.float64) / 255
    return Image.fromarray((low + ink * (high - low)).astype(np.uint16))


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(word(0, 255).rotate(90, expand=True), "JPEG", exif=exif)


def on_nothing(ink):
    """Text alone, as logos have it: everything around it is transparent."""
    picture = Image.new("RGBA", (160, 48), (ink, ink, ink, 0))
    letters = Image.new("L", (160, 48), 0)
    ImageDraw.Draw(letters).text((12, 8), "word", font=ImageFont.load_default(28), fill=255)
    picture.putalpha(letters)
    return picture


IMAGES = {
    "16 bits": lambda: encoded(gray16(0, 65_535)),
    "16 bits in TIFF": lambda: encoded(gray16(0, 65_535), "TIFF"),
    "floats": lambda: encoded(Image.fromarray(np.asarray(word(0, 255)).astype(np.float32) / 255), "TIFF"),
    "32 bits": lambda: encoded(Image.fromarray(np.asarray(word(0, 255)).astype(np.int32) * 1000), "TIFF"),
    "white on nothing": lambda: encoded(on_nothing(255)),
    "black on nothing": lambda: encoded(on_nothing(0)),
    "palette": lambda: encoded(word(0, 255).convert("P"), "GIF"),
    "CMYK": lambda: encoded(word(0, 255).convert("CMYK"), "JPEG"),
    "turned": turned,
    "gray and alpha": lambda: encoded(on_nothing(255).convert("LA")),
    "bits": lambda: encoded(word(0, 255).convert("1"), "TIFF", compression="group4"),
    "BMP": lambda: encoded(word(0, 255), "BMP"),
    "WebP": lambda: encoded(word(0, 255).convert("RGB"), "WEBP", lossless=True),
}


@pytest.fixture(scope="module")
def renderer():
    return Renderer()


def opened(drawn):
    picture = Image.open(io.BytesIO(drawn))
    assert picture.format == "JPEG"
    return picture.convert("RGB")


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("labels", [False, True])
def test_it_shows_what_was_read(renderer, name, labels):
    data = IMAGES[name]()
    read = decode_image(data, ImageLimits()).pixels[:, :, ::-1].astype(int)
    assert read.max() - read.min() > 150, "there is something to see"
    drawn = opened(renderer.render(data, EMPTY, labels))
    if labels:
        left = drawn.crop((0, 0, drawn.width // 2, drawn.height))
        drawn = left.resize((read.shape[1], read.shape[0]), Image.Resampling.BOX)
    assert drawn.size == (read.shape[1], read.shape[0])
    assert abs(np.asarray(drawn).astype(int) - read).mean() < 6


@pytest.mark.parametrize("size", [(66_000, 20), (20, 66_000)])
def test_what_is_wider_or_higher_than_a_jpeg_is_made_smaller(renderer, size):
    width, height = size
    box = ((width - 40.0, 2.0), (width - 20.0, 2.0), (width - 20.0, 12.0), (width - 40.0, 12.0))
    page = Page(width, height, (Line("end", 1.0, box, 1.0),)) if width > height else Page(width, height)
    data = encoded(Image.new("L", size, 255))
    for labels in (False, True):
        drawn = opened(renderer.render(data, page, labels))
        assert max(drawn.size) <= 65_500
        shape = drawn.width / drawn.height / (2 if labels else 1)
        assert shape == pytest.approx(width / height, rel=0.1)
    if width > height:
        # The box is where the text is, in the smaller image.
        plain = np.asarray(opened(renderer.render(data, page, False))).astype(int)
        found = np.nonzero((plain[:, :, 0] - plain[:, :, 1]) > 60)[1]
        share = plain.shape[1] / width
        assert abs(found.min() - (width - 40) * share) < 150
        assert found.max() > (width - 40) * share


@pytest.mark.full
def test_a_huge_image_with_labels_is_made_smaller_and_keeps_its_boxes():
    box = ((4000.0, 3500.0), (7000.0, 3500.0), (7000.0, 3800.0), (4000.0, 3800.0))
    page = Page(8000, 7000, (Line("text", 1.0, box, 1.0),))
    drawn = draw_overlay(Image.new("RGB", (8000, 7000), "white"), page)
    assert 79_000_000 < drawn.width * drawn.height <= 80_200_000
    colours = np.asarray(drawn.crop((0, 0, drawn.width // 2, drawn.height)))
    rows, columns = np.nonzero(colours.min(axis=2) < 120)
    scale = drawn.width / 2 / 8000
    assert (columns.min(), rows.min()) == pytest.approx((4000 * scale, 3500 * scale), abs=12)
    assert (columns.max(), rows.max()) == pytest.approx((7000 * scale, 3800 * scale), abs=12)


def test_a_damaged_image_is_the_callers_fault(renderer):
    data = encoded(word(0, 255))
    with pytest.raises(UnprocessableError, match="damaged"):
        renderer.render(data[: len(data) // 2], PAGE, False)


def test_the_cost_goes_by_pixels_and_their_kind():
    pictures = (encoded(Image.new(mode, (1000, 1000)), kind) for mode, kind in (("L", "PNG"), ("F", "TIFF")))
    plain, wide = (check_image(picture, 10**9) for picture in pictures)
    page = Page(1000, 1000)
    assert drawing_bytes(plain, page, False) < drawing_bytes(wide, page, False)
    assert drawing_bytes(plain, page, False) < drawing_bytes(plain, page, True)


def test_the_cost_goes_by_the_enlargement_that_small_text_needs():
    size = ImageSize(640, 480, 12 * 640 * 480)
    box = ((10.0, 10.0), (60.0, 10.0), (60.0, 12.0), (10.0, 12.0))
    tiny = Page(640, 480, (Line("tiny", 1.0, box, 1.0),))
    plain, enlarged = (drawing_bytes(size, page, True) for page in (Page(640, 480), tiny))
    assert enlarged > plain + 100_000_000


_MEASURE = """
import io, re, sys
from PIL import Image
from ocdrnet_client import Page
from ocdrnet_gateway.api.hosted.rendering import Renderer
mode, kind, labels = sys.argv[1:4]
buffer = io.BytesIO()
Image.new("RGB", (64, 64)).save(buffer, "PNG")
renderer = Renderer()
renderer.render(buffer.getvalue(), Page(64, 64), True)
data = sys.stdin.buffer.read()
status = lambda name: int(re.search(name + r":\\s+(\\d+) kB", open("/proc/self/status").read())[1])
# proc_pid_clear_refs(5): 5 sets the peak to what is in use now. (getrusage tells that of the parent, too.)
open("/proc/self/clear_refs", "w").write("5")
before = status("VmRSS")
renderer.render(data, Page(4000, 4000), labels == "1")
print(1024 * (status("VmHWM") - before))
"""


@pytest.mark.full
@pytest.mark.parametrize(
    ("mode", "kind", "labels"),
    [("L", "PNG", "1"), ("L", "PNG", "0"), ("RGB", "PNG", "0"), ("RGBA", "WEBP", "0"), ("F", "TIFF", "0")],
)
def test_no_drawing_takes_more_memory_than_is_reserved_for_it(mode, kind, labels):
    data = encoded(Image.new(mode, (4000, 4000)), kind)
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE, mode, kind, labels], input=data, capture_output=True, check=True
    )
    taken, reserved = int(measured.stdout), drawing_bytes(check_image(data, 10**9), Page(4000, 4000), labels == "1")
    print(f"{mode} {kind} labels={labels}: {taken / 16e6:.1f} bytes a pixel, {reserved / 16e6:.1f} reserved")
    assert 3 * 16e6 < taken <= reserved

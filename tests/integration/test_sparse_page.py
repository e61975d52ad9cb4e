"""One line on a large empty page: what a detector that sees the whole page overlooks."""

import io

import pytest
from PIL import Image, ImageDraw, ImageFont


def line_on_page(size, at, height, text, paper="white", ink="black"):
    page = Image.new("RGB", size, paper)
    box = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=height)
    box.text(at, text, fill=ink, font=font)
    return page, box.textbbox(at, text, font=font)


def png(page):
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("size", [(1920, 1080), (2048, 1440), pytest.param((2480, 3508), marks=pytest.mark.full)])
@pytest.mark.parametrize("height", [18, 40])
@pytest.mark.parametrize(("paper", "ink"), [("white", "black"), ("black", "white")])
def test_a_single_line_is_read_where_it_stands(client, size, height, paper, ink):
    for share in ((0.02, 0.9), (0.4, 0.5), (0.8, 0.03)):
        at = (int(share[0] * size[0]), int(share[1] * size[1]))
        page, (left, top, right, bottom) = line_on_page(size, at, height, "Total 42.50", paper, ink)
        (line,) = client.read(png(page)).lines
        assert line.text.replace(" ", "") == "Total42.50", share
        xs, ys = zip(*line.box, strict=True)
        assert (min(xs), min(ys), max(xs), max(ys)) == pytest.approx((left, top, right, bottom), abs=0.6 * height)


def test_a_line_on_a_page_that_lies_on_its_side(client):
    page, _ = line_on_page((2480, 3508), (300, 2000), 40, "Turn the page around")
    (line,) = client.read(png(page.transpose(Image.Transpose.ROTATE_90))).lines
    assert line.text.replace(" ", "") == "Turnthepagearound"

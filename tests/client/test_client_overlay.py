import io
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from client_answers import box
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image, ImageDraw

from ocdrnet_client import (
    Character,
    FontBook,
    InvalidRequestError,
    Line,
    MissingGlyphsWarning,
    Page,
    Word,
    draw_overlay,
)
from ocdrnet_client.fonts import system_fonts
from ocdrnet_ops.image.decode import ImageLimits, decode_image

GRAY = (200, 200, 200)


def page_of(size, *lines):
    return Page(*size, tuple(Line(text, 0.9, where, 0.9) for text, where in lines))


def blank(size):
    return Image.new("RGB", size, GRAY)


def halves(overlay):
    pixels = np.asarray(overlay)
    middle = pixels.shape[1] // 2
    return pixels[:, :middle], pixels[:, middle:]


def extent(mask):
    """x0, y0, x1, y1 of what is set."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1], rows[-1]


def test_the_left_half_is_the_image_with_boxes_the_right_one_the_text():
    where = box(100, 200, 400, 60)
    overlay = draw_overlay(blank((800, 700)), page_of((800, 700), ("Hello world", where)), fonts=no_fonts())
    assert (overlay.size, overlay.mode) == ((1600, 700), "RGB")
    left, right = halves(overlay)
    drawn = np.any(left != GRAY, axis=2)
    assert np.allclose(extent(drawn), (100, 200, 500, 260), atol=2)
    assert not drawn[205:255, 105:495].any()
    written = np.any(right != 255, axis=2)
    assert np.allclose(extent(written), (100, 200, 500, 260), atol=2)
    text = right[205:255, 105:495]
    assert 0.02 < np.any(text != 255, axis=2).mean() < 0.6
    height = np.ptp(np.flatnonzero(np.any(text != 255, axis=2).any(1)))
    assert 25 < height < 60


def test_characters_have_faint_boxes_in_their_line():
    where, halves_of = box(100, 200, 400, 60), (box(100, 200, 150, 60), box(250, 200, 250, 60))
    word = Word("ab", 0.9, where, tuple(Character(text, 0.9, part) for text, part in zip("ab", halves_of, strict=True)))
    drawn = []
    for words in ((), (word,)):
        page = Page(800, 700, (Line("ab", 0.9, where, 0.9, words),))
        left, _ = halves(draw_overlay(blank((800, 700)), page, fonts=no_fonts()))
        drawn.append(np.any(left[205:255, 105:495] != GRAY, axis=2))
    plain, told = drawn
    assert not plain.any()
    assert set(np.flatnonzero(told.all(axis=0)) + 105) == {250}
    assert not told[:, :140].any()


def test_neighbouring_lines_have_different_colours():
    lines = [("a", box(100, 100 * row, 300, 40)) for row in range(1, 6)]
    left, _ = halves(draw_overlay(blank((700, 700)), page_of((700, 700), *lines)))
    colours = [tuple(left[100 * row, 200]) for row in range(1, 6)]
    assert len({*colours, GRAY}) == 6


def test_slanted_text_stays_in_its_slanted_box():
    corners = ((100.0, 400.0), (400.0, 100.0), (440.0, 140.0), (140.0, 440.0))
    _, right = halves(draw_overlay(blank((700, 700)), page_of((700, 700), ("Hello world", corners))))
    inside = Image.new("L", (700, 700))
    ImageDraw.Draw(inside).polygon(corners, fill=255, outline=255, width=5)
    written = np.any(right != 255, axis=2)
    assert not (written & (np.asarray(inside) == 0)).any()
    assert written[260:280, 260:280].any()


@pytest.mark.parametrize("size", [(20, 20), (1, 1), (3, 2000), (2000, 3)])
def test_small_images_are_enlarged_to_be_read(size):
    page = page_of(size, ("a", box(0, 0, size[0], size[1])))
    overlay = draw_overlay(blank(size), page)
    assert 640 <= max(overlay.width / 2, overlay.height) <= 4096
    assert overlay.width % 2 == 0
    assert overlay.width / 2 / overlay.height == pytest.approx(size[0] / size[1], rel=0.05)


def test_small_text_enlarges_the_image():
    page = page_of((700, 700), ("small", box(10, 10, 30, 8)))
    assert draw_overlay(blank((700, 700)), page).size == (2800, 1400)


def test_large_images_keep_their_size():
    page = page_of((6000, 4000), ("small", box(10, 10, 30, 8)), ("Hello", box(5000, 3000, 800, 200)))
    assert draw_overlay(blank((6000, 4000)), page).size == (12000, 4000)


def test_an_empty_page_leaves_the_image_as_it_is():
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (640, 700, 3), np.uint8))
    left, right = halves(draw_overlay(picture, Page(700, 640)))
    assert np.array_equal(left, np.asarray(picture))
    assert (right == 255).all()


def test_the_callers_image_is_not_drawn_over():
    picture = blank((700, 700))
    draw_overlay(picture, page_of((700, 700), ("Hello", box(100, 100, 300, 50))))
    assert picture.getextrema() == ((200, 200),) * 3


@pytest.mark.parametrize(
    "where",
    [
        box(-500, -500, 100, 30),
        box(5000, 5000, 100, 30),
        box(-50, -50, 900, 900),
        box(50, 50, 0, 0),
        box(50, 50, 300, 0),
        box(-1e5, -1e5, 2e5, 2e5),
        box(0, 0, 1e7, 1e5),
        ((0.0, 0.0), (0.0, 0.0), (9.0, 9.0), (9.0, 9.0)),
    ],
)
@pytest.mark.parametrize("text", ["Hello world", "", "   ", "a\nb\t\0", "\ud800", "e" * 2000])
def test_no_box_and_no_text_is_too_odd(where, text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingGlyphsWarning)
        overlay = draw_overlay(blank((80, 60)), page_of((80, 60), (text, where)), fonts=no_fonts())
    assert overlay.width <= 2 * 4096


def no_fonts():
    return FontBook(search=lambda text: [])


# EXIF 2.32, section 4.6.4: the stored image is the upright one turned so.
TURNS = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


@pytest.mark.parametrize("orientation", sorted(TURNS))
def test_an_image_is_turned_upright_by_its_exif(orientation, tmp_path):
    upright = blank((700, 650))
    upright.paste((0, 0, 255), (0, 0, 200, 100))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = tmp_path / "turned.png"
    upright.transpose(TURNS[orientation]).save(file, exif=exif)
    left, _ = halves(draw_overlay(file, Page(700, 650)))
    assert np.array_equal(left, np.asarray(upright))


def test_every_form_of_an_image_is_drawn_over(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 255, (650, 640, 3), np.uint8)
    file = tmp_path / "picture.png"
    Image.fromarray(rgb).save(file)
    page = Page(640, 650)
    forms = [
        (rgb, {}),
        (rgb[..., ::-1], {"channel_order": "BGR"}),
        (file, {}),
        (str(file), {}),
        (file.read_bytes(), {}),
        (bytearray(file.read_bytes()), {}),
        (io.BytesIO(file.read_bytes()), {}),
        (Image.open(file), {}),
    ]
    for image, options in forms:
        assert np.array_equal(halves(draw_overlay(image, page, **options))[0], rgb)
    gray, _ = halves(draw_overlay(rgb[..., 0], page))
    assert np.array_equal(gray, np.repeat(rgb[..., :1], 3, axis=2))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "CMYK"])
def test_every_mode_is_drawn_over(mode):
    overlay = draw_overlay(Image.new(mode, (640, 640)), Page(640, 640))
    assert overlay.mode == "RGB"
    if mode in ("RGBA", "LA"):
        assert overlay.getpixel((5, 5)) == (255, 255, 255)


def test_what_is_no_image_is_named(tmp_path):
    file = tmp_path / "bad.jpg"
    file.write_text("no picture")
    with pytest.raises(InvalidRequestError, match=r"cannot draw over bad\.jpg"):
        draw_overlay(file, Page(1, 1))
    with pytest.raises(InvalidRequestError, match="cannot draw over the image"):
        draw_overlay(b"no picture", Page(1, 1))
    with pytest.raises(InvalidRequestError, match="cannot read"):
        draw_overlay(tmp_path / "missing.jpg", Page(1, 1))


def white_text_on_nothing(size):
    rgba = np.zeros((*size[::-1], 4), np.uint8)
    rgba[100:200, 100:200] = 255
    return rgba


def low_16_bits(size):
    values = np.full(size[::-1], 900, np.uint16)
    values[100:200, 100:200] = 30
    return values


def floats(size):
    return low_16_bits(size).astype(np.float32) / 900


@pytest.mark.parametrize("opencv", [True, False])
@pytest.mark.parametrize(("make", "kind"), [(white_text_on_nothing, "PNG"), (low_16_bits, "PNG"), (floats, "TIFF")])
def test_the_overlay_shows_the_pixels_that_a_server_reads(make, kind, opencv, monkeypatch):
    if not opencv:
        monkeypatch.setitem(sys.modules, "cv2", None)
    buffer = io.BytesIO()
    Image.fromarray(make((700, 650))).save(buffer, kind)
    left, _ = halves(draw_overlay(buffer.getvalue(), Page(700, 650)))
    expected = decode_image(buffer.getvalue(), ImageLimits()).pixels[:, :, ::-1]
    assert np.array_equal(left, expected)
    assert {tuple(left[0, 0]), tuple(left[150, 150])} == {(0, 0, 0), (255, 255, 255)}


def test_a_file_damaged_behind_its_header_is_named():
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8)).save(data, "PNG")
    good = data.getvalue()
    broken_chunk = good[:33] + b"\0\0\0\4\xb2\x88\x7f\xd2" + good[41:]
    for damaged in (good[: len(good) // 2], broken_chunk):
        with pytest.raises(InvalidRequestError, match="cannot draw over"):
            draw_overlay(damaged, Page(60, 60))


def test_without_a_font_code_points_are_written_and_a_warning_tells():
    page = page_of((700, 700), ("你好 a", box(100, 100, 500, 60)))
    with pytest.warns(MissingGlyphsWarning, match=r"2 of the characters, such as U\+4F60 U\+597D; install"):
        draw_overlay(blank((700, 700)), page, fonts=no_fonts())
    book = no_fonts()
    assert [text for text, _ in book.runs("你a")] == ["U+4F60 a"]
    assert book.missing == {"你"}


def test_english_needs_no_font_of_the_system():
    asked = []
    book = FontBook(search=lambda text: asked.append(text) or [])
    assert [text for text, _ in book.runs("Total: 12.5 $")] == ["Total: 12.5 $"]
    assert (asked, book.missing) == ([], frozenset())


def font_with(characters, path):
    """A font in which each of the characters is a black square, and every other one a stroke at the foot."""
    glyphs = [".notdef", *(f"uni{ord(char):04X}" for char in characters)]
    square, blank = TTGlyphPen(None), TTGlyphPen(None)
    for pen, low, high in ((square, 100, 900), (blank, 0, 10)):
        pen.moveTo((low, low))
        for corner in ((low, high), (high, high), (high, low)):
            pen.lineTo(corner)
        pen.closePath()
    made = FontBuilder(1000, isTTF=True)
    made.setupGlyphOrder(glyphs)
    made.setupCharacterMap({ord(char): glyph for char, glyph in zip(characters, glyphs[1:], strict=True)})
    made.setupGlyf({glyph: (square if glyph != ".notdef" else blank).glyph() for glyph in glyphs})
    made.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
    made.setupHorizontalHeader(ascent=900, descent=-100)
    made.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    made.setupOS2()
    made.setupPost()
    made.save(path)
    return path


@pytest.fixture
def cjk_font(tmp_path):
    return font_with("你好", tmp_path / "squares.ttf")


def test_with_a_font_other_scripts_are_written(cjk_font):
    page = page_of((700, 700), ("你好", box(100, 100, 120, 60)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, right = halves(draw_overlay(blank((700, 700)), page, fonts=FontBook(search=lambda text: [cjk_font])))
    assert np.any(right[110:150, 110:210] != 255, axis=2).mean() > 0.1


@pytest.fixture
def two_scripts(tmp_path):
    """Fonts that have one script each, and neither Latin letters."""
    return [font_with("你好", tmp_path / "squares.ttf"), font_with("дЖ", tmp_path / "cyrillic.ttf")]


def test_a_line_of_scripts_that_no_font_has_together_is_drawn_by_several(two_scripts):
    book = FontBook(search=lambda text: two_scripts)
    runs = book.runs("a 你好 дЖ!")
    assert [text for text, _ in runs] == ["a ", "你好 ", "дЖ", "!"]
    assert len({font.path if isinstance(font.path, str) else "bundled" for _, font in runs}) == 3
    assert runs[0][1] is runs[3][1]
    assert not book.missing
    page = page_of((700, 700), ("你дa", box(100, 100, 180, 60)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, right = halves(draw_overlay(blank((700, 700)), page, fonts=book))
    written = np.any(right[105:155, 105:275] != 255, axis=2)
    squares = np.flatnonzero(written.mean(axis=0) > 0.5)
    assert len(squares) > 70  # two squares side by side, each about 40 wide
    assert written[:, squares[-1] + 2 :].any()  # and the letter behind them
    tops = np.argmax(written[:, [squares[5], squares[-5]]], axis=0)
    assert tops[0] == pytest.approx(tops[1], abs=1)  # on one base line


def test_what_no_font_has_is_named_between_what_others_have(two_scripts):
    book = FontBook(search=lambda text: two_scripts)
    assert "".join(text for text, _ in book.runs("你 ק д")) == "你 U+05E7 д"
    assert book.missing == {"ק"}


def test_a_font_is_taken_only_if_it_has_the_characters(tmp_path):
    """A search may offer what cannot be opened, and fonts that lack the character after all."""
    no_font = tmp_path / "bad.ttf"
    no_font.write_bytes(b"no font")
    latin_only = font_with("abc", tmp_path / "latin.ttf")
    book = FontBook(search=lambda text: [no_font, latin_only])
    book.font_for("你")
    assert book.missing == {"你"}


def test_folders_are_searched_without_fontconfig(monkeypatch, tmp_path):
    fonts = tmp_path / ".fonts" / "deep"
    fonts.mkdir(parents=True)
    for name in ("B.ttf", "ASans-Bold.TTF", "ASans-Regular.otf", "readme.txt"):
        (fonts / name).touch()
    monkeypatch.setattr("ocdrnet_client.fonts.shutil.which", lambda name: None)
    monkeypatch.setattr("ocdrnet_client.fonts._UNIX_FOLDERS", (str(tmp_path / ".fonts"), str(tmp_path / "none")))
    monkeypatch.setattr("ocdrnet_client.fonts.sys.platform", "linux")
    assert [path.name for path in system_fonts("a")] == ["ASans-Regular.otf", "ASans-Bold.TTF", "B.ttf"]


def test_fontconfig_is_asked_for_all_the_characters(monkeypatch, tmp_path):
    asked = tmp_path / "asked"
    program = tmp_path / "fc-list"
    program.write_text(
        f'#!/bin/sh\necho "$1" > {asked}\nprintf "/x/A.ttf\\n/x/BSans.ttc\\n/x/A.ttf\\n/x/c.pcf.gz\\n"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert list(system_fonts("你a")) == [Path("/x/BSans.ttc"), Path("/x/A.ttf")]
    assert asked.read_text().strip() == ":charset=4f60 61"

"""Drawn lines that are hard to find or to read: bowed, upside down, turned, in unknown scripts, in long captures."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from samples.drawing.fonts import Face, load

pytestmark = pytest.mark.full

PROSE = (
    "It was the best of times, it was the worst of times, it was the age",
    "of wisdom, it was the age of foolishness, it was the epoch of belief",
    "it was the epoch of incredulity, it was the season of Light, it was",
)
UNKNOWN = {
    "hebrew": ("אני גר בירושלים כבר שנים", "החנות פתוחה כל היום", "לא לעשן בבקשה", "רכבת ישראל תחנה מרכזית"),
    "georgian": ("კეთილი იყოს თქვენი მობრძანება", "მუზეუმი ღიაა ყოველდღე", "შესვლა უფასოა", "გმადლობთ"),
    "armenian": ("Բարի գալուստ թանգարան", "Մուտքն ազատ է երեխաների համար", "Շնորհակալություն"),
    "cyrillic": ("Добро пожаловать в музей", "Часы работы по будням", "Вход для детей свободный"),
    "greek": ("Καλώς ήρθατε στο μουσείο", "Ώρες λειτουργίας", "Η είσοδος είναι ελεύθερη"),
}


def page(*lines, size=(800, 420), face=Face.SERIF):
    """Lines of text, x, y, size and degrees counterclockwise, on white."""
    canvas = Image.new("RGB", size, "white")
    for text, x, y, height, degrees in lines:
        font = load(face, height)
        tile = Image.new("RGB", (round(font.getlength(text)) + 6, height * 3 // 2), "white")
        ImageDraw.Draw(tile).text((3, 2), text, "black", font)
        canvas.paste(tile.rotate(degrees, expand=True), (x, y))
    return np.asarray(canvas)


def bowed(lines, bow, waves=1.0):
    """Lines whose middle lies `bow` pixels higher than their ends."""
    drawn = page(*((text, 30, 60 + 50 * i, 27, 0) for i, text in enumerate(lines)), size=(960, 140 + 50 * len(lines)))
    x, y = np.meshgrid(np.arange(960, dtype=np.float32), np.arange(len(drawn), dtype=np.float32))
    shift = bow * np.sin(np.pi * waves * x / 960)
    return cv2.remap(drawn, x, y + shift.astype(np.float32), cv2.INTER_CUBIC, borderValue=(255, 255, 255))


def texts(client, pixels, **options):
    return [line.text for line in client.read(np.ascontiguousarray(pixels), **options).lines]


@pytest.mark.parametrize(("bow", "waves"), [(0, 1), (20, 1), (30, 1), (-25, 1), (14, 2)])
def test_bowed_lines_are_read_and_answered_as_quads(client, bow, waves):
    """By default; the crop follows the line."""
    read = client.read(bowed(PROSE, bow, waves))
    assert [line.text for line in read.lines] == list(PROSE)
    assert not any(line.polygon for line in read.lines)
    for line in read.lines:
        (left, top), (right, bottom) = np.min(line.box, axis=0), np.max(line.box, axis=0)
        assert 600 < right - left < 960
        assert bottom - top < 40 + 2 * abs(bow) + 15


@pytest.mark.parametrize("upside_down", [{0}, {2}, {0, 1, 2}])
def test_a_line_upside_down_is_read_whatever_lies_around_it(client, upside_down):
    lines = ("Opening hours 10-17", "Free entry for children", "Please do not touch")
    drawn = page(*((text, 60, 40 + 110 * i, 40, 180 * (i in upside_down)) for i, text in enumerate(lines)))
    assert sorted(texts(client, drawn)) == sorted(lines)


@pytest.mark.parametrize("lines", [("北京大学图书馆", "今天天气很好", "请勿在此停车"), ("安全第一", "出口在左边的门")])
def test_a_chinese_line_upside_down_is_read(client, lines):
    try:
        load(Face.HAN, 40)
    except OSError:
        pytest.skip("no Chinese font: Debian's package fonts-wqy-microhei")
    last = len(lines) - 1
    drawn = page(*((text, 60, 40 + 90 * i, 44, 180 * (i == last)) for i, text in enumerate(lines)), face=Face.HAN)
    assert sorted(texts(client, drawn)) == sorted(lines)


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("degrees", [0, 180])
def test_nothing_is_answered_of_a_page_in_an_unknown_script(client, name, degrees):
    lines = [(text, 60, 40 + 80 * i, 38, 0) for i, text in enumerate(UNKNOWN[name])]
    read = client.read(np.ascontiguousarray(np.rot90(page(*lines, face=Face.TABLE), degrees // 90)))
    assert read.text == ""
    assert read.unreadable > 0
    assert "a script that the server's recognizer does not know" in read.warnings[0]


def test_one_narrow_character_turns_no_page(client):
    assert texts(client, page(("Gate", 100, 100, 40, 0), ("1", 400, 80, 120, 0), face=Face.SANS)) == ["Gate", "1"]
    assert texts(client, page(("1", 300, 160, 90, 0), face=Face.SANS)) == ["1"]


def test_one_long_turned_line_turns_no_page(client):
    lines = [("Fig. 3", 300, 60), ("1987", 300, 160), ("Rain", 300, 260)]
    note = ("Measured at the northern station", 40, 10, 24, 90)
    drawn = page(note, *((text, x, y, 28, 0) for text, x, y in lines), size=(500, 420), face=Face.SANS)
    assert sorted(texts(client, drawn)) == sorted([note[0], *(text for text, *_ in lines)])


@pytest.mark.parametrize("degrees", [90, 270])
def test_a_page_of_several_turned_lines_is_turned(client, degrees):
    lines = ("Opening hours of the house", "Monday to Friday 9-17", "Saturday closed", "Free entry for children")
    drawn = page(*((text, 40, 40 + 80 * i, 34, 0) for i, text in enumerate(lines)), size=(640, 400))
    assert texts(client, np.rot90(drawn, degrees // 90)) == list(lines)


def test_heads_that_are_turned_leave_the_figures_below_them_upright(client):
    heads, rows = ("Sunday", "Monday", "Tuesday", "Wednesday"), ((17, 24, 35, 46), (57, 63, 72, 85), (19, 28, 31, 40))
    drawn = [(text, 150 + 110 * i, 20, 26, 90) for i, text in enumerate(heads)]
    drawn += [(str(n), 150 + 110 * i, 200 + 60 * j, 26, 0) for j, row in enumerate(rows) for i, n in enumerate(row)]
    expected = [*heads, *(str(figure) for row in rows for figure in row)]
    assert sorted(texts(client, page(*drawn, face=Face.SANS))) == sorted(expected)


@pytest.mark.parametrize(("height", "seed"), [(5200, 1), (7600, 2)])
def test_a_long_white_capture_is_read(client, height, seed):
    """The detector finds text in the padding beside so narrow an overview."""
    rng = np.random.default_rng(seed)
    words = " ".join(PROSE).replace(",", "").split()
    tops = np.sort(rng.choice(height // 200, 16, replace=False)) * 200 + 60
    lines = [(" ".join(rng.choice(words, 3)), int(rng.integers(20, 120)), int(top), 30, 0) for top in tops]
    drawn = page(*lines, size=(640, height), face=Face.SANS)
    assert texts(client, drawn) == [text for text, *_ in lines]

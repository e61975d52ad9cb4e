import numpy as np
import pytest

from ocdrnet_ops.recognition.decoding import DecodedLine
from ocdrnet_ops.recognition.superscripts import join_superscripts
from ocdrnet_ops.recognition.words import split_words

PITCH = 20


def box(x, y, width, height):
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], np.float32)


def line(text, score=1.0):
    places = np.arange(len(text), dtype=np.float32)
    return DecodedLine(text, score, tuple(text), np.full(len(text), score, np.float32), places, places + 1)


def joined(text, small, at, y=0.0, height=20.0, degrees=0.0, width=None, score=0.9):
    """What becomes of a line 40 high of characters 20 wide, and of a small box at a place along it, in characters."""
    quads = np.stack([box(0, 0, PITCH * len(text), 40), box(PITCH * at, y, width or 0.8 * PITCH * len(small), height)])
    angle = np.deg2rad(degrees)
    quads = (quads @ np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])).astype(np.float32)
    steps = np.array([len(text), len(small)], np.float64)
    found = join_superscripts([line(text), line(small, score)], steps, np.zeros((2, 2), np.float32), quads)
    return [None if each is None else each.text for each in found]


@pytest.mark.parametrize("degrees", [0, 30, 180])
@pytest.mark.parametrize("text", ["E = mc2", "E = mc²", "E = mc'"])
def test_a_raised_digit_that_was_read_in_its_line_is_read_once(text, degrees):
    assert joined(text, "2", 6.1, y=-6, degrees=degrees) == ["E = mc²", None]


def test_a_raised_digit_that_the_line_lacks_is_put_in():
    assert joined("12 m", "3", 3.7, y=-4, height=16, width=14) == ["12 m³", None]
    assert joined("m and", "2", 0.95, y=-4, height=16) == ["m² and", None]
    assert joined("f(x) y", "10", 3.95, y=-4, height=16, width=16) == ["f(x)¹⁰ y", None]


def test_a_lowered_digit_is_a_lowered_one():
    assert joined("H2O", "2", 1.1, y=26) == ["H₂O", None]


def test_a_box_over_the_letter_too_takes_the_digits_place_alone():
    assert joined("35 m2 a", "2", 3.2, y=-4, width=36) == ["35 m² a", None]


@pytest.mark.parametrize(
    ("text", "small", "at", "y", "height"),
    [
        ("E = mc2", "2", 6.1, 10, 20),  # at the line's middle
        ("E = mc2", "2", 6.1, -6, 32),  # as large as the line
        ("E = mc2", "2", 6.1, -18, 20),  # above the line
        ("E = mc2", "x", 6.1, -6, 20),  # no digit
        ("E = mc2", "222", 6.1, -6, 20),  # a number
        ("E = mc8", "2", 6.1, -6, 20),  # something else stands there
        ("19", "99", 1.8, -6, 20),  # cents of a price, which the line lacks
        ("19.99", "99", 3.0, -2, 22),  # cents, which the line has
        ("words", "2", 2.1, -6, 20),  # a letter stands there
    ],
)
def test_other_small_boxes_stay_lines_of_their_own(text, small, at, y, height):
    assert joined(text, small, at, y, height) == [text, small]


def test_a_digit_that_is_no_sure_one_changes_no_line():
    assert joined("E = mc2", "2", 6.1, y=-6, score=0.8) == ["E = mc2", "2"]


def test_places_and_scores_stay_in_step():
    quads = np.stack([box(0, 0, 100, 40), box(26, -4, 16, 20)])
    joined, none = join_superscripts(
        [line("m and"), line("2", 0.9)], np.array([5.0, 1.0]), np.zeros((2, 2), np.float32), quads
    )
    assert none is None
    assert joined.characters == ("m", "²", " ", "a", "n", "d")
    np.testing.assert_allclose(joined.scores, [1, 0.9, 1, 1, 1, 1])
    assert len(joined.starts) == len(joined.ends) == 6
    assert [span.text for span in split_words(joined, 5.0)] == ["m²", "and"]


def test_places_count_from_the_line_not_from_its_crops_margin():
    """Seven characters in a crop of nine steps, of which the first and the last are margin."""
    places = np.arange(1, 8, dtype=np.float32)
    text = "E = m2c"
    read = DecodedLine(text, 1.0, tuple(text), np.ones(7, np.float32), places, places + 1)
    quads = np.stack([box(0, 0, 140, 40), box(101, -6, 17, 20)])
    found = join_superscripts([read, line("2")], np.array([9.0, 1.0]), np.float32([[1 / 9, 1 / 9], [0, 0]]), quads)
    assert found[0].text == "E = m²c"


def test_an_image_without_small_boxes_is_left_alone():
    lines = [line("abc"), line("12")]
    quads = np.stack([box(0, 0, 60, 40), box(0, 100, 40, 40)])
    assert join_superscripts(lines, np.array([3.0, 2.0]), np.zeros((2, 2), np.float32), quads) == lines
    assert join_superscripts([], np.zeros(0), np.zeros((0, 2), np.float32), np.zeros((0, 4, 2), np.float32)) == []

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from ocdrnet_ops.geometry.text_outline import points_at, quad_outlines
from ocdrnet_ops.recognition.decoding import STEP_LAG, DecodedLine, decode_ctc
from ocdrnet_ops.recognition.words import WordSpan, quad_parts, split_words, word_quads

CHARACTERS = ("a", "b", " ", "\u3000")
LINE = np.array([(10, 20), (210, 20), (210, 60), (10, 60)], np.float32)


def spans(ids, steps=None, probabilities=None):
    probabilities = np.ones(len(ids)) if probabilities is None else probabilities
    line = decode_ctc(np.array(ids, np.int32), np.array(probabilities, np.float32), CHARACTERS)
    return split_words(line, float(steps or len(ids)))


@pytest.mark.parametrize(
    ("ids", "texts"),
    [
        ([1, 2, 3, 2, 1], ["ab", "ba"]),
        ([1, 3, 0, 3, 0, 3, 2], ["a", "b"]),
        ([3, 1, 2, 3], ["ab"]),
        ([3, 0, 3], []),
        ([0, 0], []),
        ([1], ["a"]),
        ([1, 4, 2], ["a", "b"]),
        ([1, 3, 2, 3, 1], ["a", "b", "a"]),
    ],
)
def test_words_stand_between_spaces(ids, texts):
    assert [span.text for span in spans(ids)] == texts


def test_a_single_word_covers_the_line():
    (span,) = spans([0, 0, 1, 2, 0, 0, 0])
    assert (span.start, span.end) == (0, 1)


def test_the_gap_is_shared_around_the_space():
    """Characters of pitch 2 at 0.5 and 2.5, a wide gap, 10.5 and 12.5: each word ends half a pitch behind its last."""
    first, second = spans([1, 0, 2, 0, 0, 3, 0, 0, 0, 0, 2, 0, 1, 0], 14)
    assert (first.start, second.end) == (0, 1)
    assert first.end == pytest.approx((3.5 - STEP_LAG) / 14)
    assert second.start == pytest.approx((9.5 - STEP_LAG) / 14)


def test_a_gap_narrower_than_a_character_is_halved():
    """Pitch 4, but the words' characters are 3 apart: 4.5 + 2 lies right of 7.5 - 2, so both edges go to 6."""
    first, second = spans([1, 0, 0, 0, 2, 0, 3, 1, 0, 0, 0, 2], 12)
    assert first.end == second.start == pytest.approx((6 - STEP_LAG) / 12)


def test_places_count_from_the_line_not_from_the_margin_that_its_crop_shows():
    """The line of the test before last with 3 steps of margin at both ends."""
    ids = [0, 0, 0, 1, 0, 2, 0, 0, 3, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0]
    line = decode_ctc(np.array(ids, np.int32), np.ones(20, np.float32), CHARACTERS)
    first, second = split_words(line, 20.0, (3 / 20, 3 / 20))
    assert (first.start, second.end) == (0, 1)
    assert first.end == pytest.approx((3.5 - STEP_LAG) / 14)
    assert second.start == pytest.approx((9.5 - STEP_LAG) / 14)


def test_a_word_read_in_the_margin_stands_at_the_lines_end():
    """ "b" is read at 9.2, behind the 8 steps of the line; its word begins half a pitch before the line's end."""
    line = decode_ctc(np.array([0, 1, 0, 1, 0, 3, 0, 0, 0, 2], np.int32), np.ones(10, np.float32), CHARACTERS)
    first, second = split_words(line, 10.0, (0.1, 0.1))
    assert (first.start, second.end) == (0, 1)
    assert second.start == pytest.approx(1 - 1 / 8)
    assert first.end < second.start


def test_pitch_of_lone_characters_is_the_lines():
    """No neighbours inside words: three characters on 12 steps are 4 wide each."""
    first, second = spans([0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 2, 0], 12)
    assert first.end == pytest.approx((1.5 + 2 - STEP_LAG) / 12)
    assert second.start == pytest.approx((10.5 - 2 - STEP_LAG) / 12)


def test_score_is_the_mean_of_the_words_own_characters():
    first, second = spans([1, 2, 3, 2], probabilities=[0.5, 1.0, 0.1, 0.25])
    assert first.score == 0.75
    assert second.score == 0.25


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.floats(0.01, 1))
def test_spans_are_ordered_and_lie_in_the_line(ids, part):
    """A crop's width ends within its last time step, so `steps` is up to one less than their count."""
    found = spans(ids, len(ids) - 1 + part)
    edges = [edge for span in found for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= 1 for edge in edges)
    assert all(span.start < span.end for span in found)
    assert " ".join(span.text for span in found).split() == [span.text for span in found]


def test_quads_of_words_on_an_upright_line():
    quads = word_quads(LINE, [WordSpan("a", 1, 0, 0.25), WordSpan("b", 1, 0.5, 1)])
    np.testing.assert_allclose(
        quads, [[(10, 20), (60, 20), (60, 60), (10, 60)], [(110, 20), (210, 20), (210, 60), (110, 60)]]
    )
    assert quads.dtype == np.float32


@pytest.mark.parametrize("degrees", [30, 90, 180, -75])
def test_quads_of_words_lie_inside_a_turned_line_and_in_its_order(degrees):
    line = np.roll(cv2.boxPoints(((100, 100), (120, 30), degrees)), -1, axis=0)
    quads = word_quads(line, [WordSpan("a", 1, 0, 0.3), WordSpan("b", 1, 0.4, 0.6), WordSpan("c", 1, 0.6, 1)])
    around = Polygon(line).buffer(0.01)
    assert all(around.contains(Polygon(quad)) for quad in quads)
    np.testing.assert_allclose([Polygon(quad).area for quad in quads], [1080, 720, 1440], rtol=1e-4)
    along = (quads.mean(axis=1) - line[0]) @ (line[1] - line[0])
    assert (np.diff(along) > 0).all()
    np.testing.assert_allclose(quads[0, 0], line[0], atol=1e-4)
    np.testing.assert_allclose(quads[2, 2], line[2], atol=1e-4)


def test_whole_span_is_the_line():
    np.testing.assert_array_equal(word_quads(LINE, [WordSpan("a", 1, 0, 1)])[0], LINE)


def test_no_words_have_no_quads():
    assert word_quads(LINE, []).shape == (0, 4, 2)


def decoded(text):
    """A line whose characters are one time step wide each."""
    places = np.arange(len(text), dtype=np.float32)
    return DecodedLine(text, 1.0, tuple(text), np.ones(len(text), np.float32), places, places + 1)


def words(text):
    return [span.text for span in split_words(decoded(text), float(len(text)))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("价格Price100元", ["价格", "Price100", "元"]),
        ("第3章 はじめに", ["第", "3", "章", "はじめに"]),
        ("カタカナéa", ["カタカナ", "éa"]),
        ("ＡＢ12ｶﾅ", ["ＡＢ", "12", "ｶﾅ"]),
        ("你好，World。", ["你好，", "World", "。"]),
        ("𠀀x", ["𠀀", "x"]),
        ("한국어Korean 2024년", ["한국어Korean", "2024년"]),
        ("中文：中文", ["中文：中文"]),
        ("100%的", ["100%的"]),  # what stands between is neither
        ("don't well-known a_b", ["don't", "well-known", "a_b"]),
    ],
)
def test_chinese_and_japanese_are_words_beside_latin(text, expected):
    assert words(text) == expected


def test_words_that_touch_share_an_edge_between_them():
    first, second = split_words(decoded("元ab"), 3.0)
    assert 0 < first.end == second.start < 1


CJK = "".join(map(chr, [*range(0x3001, 0x3130), *range(0x4E00, 0x4E20), *range(0xFF01, 0xFFA0)]))


@given(st.text(st.sampled_from("ab1é .-한яλ\u3000'"), max_size=30))
def test_words_without_cjk_are_the_lines_text(text):
    assert " ".join(words(text)) == " ".join(text.split())


@given(st.text(st.sampled_from("ab1 .-" + CJK), max_size=30))
def test_no_character_is_lost_or_moved(text):
    found = words(text)
    assert "".join(found) == "".join(text.split())
    assert all(word for word in found)
    assert "".join(" ".join(found).split()) == "".join(text.split())


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8))
def test_quads_of_words_on_an_outline_of_a_quad_are_the_quads(edges):
    edges = sorted(edges)
    found = [WordSpan("a", 1, a, b) for a, b in pairwise(edges)]
    line = np.array([(10, 20), (210, 60), (200, 90), (5, 50)], np.float32)
    np.testing.assert_allclose(word_quads(quad_outlines(line[None])[0], found), word_quads(line, found), atol=1e-3)


def test_quads_of_words_follow_an_arc():
    angles = np.deg2rad(np.linspace(180, 360, 12))
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    arc = np.concatenate([200 + 120 * circle, 200 + 80 * circle[::-1]]).astype(np.float32)
    first, second, third = word_quads(
        arc, [WordSpan("a", 1, 0, 0.25), WordSpan("b", 1, 0.25, 0.75), WordSpan("c", 1, 0.75, 1)]
    )
    np.testing.assert_allclose(first[[0, 3]], [(80, 200), (120, 200)], atol=1e-3)
    np.testing.assert_allclose(third[[1, 2]], [(320, 200), (280, 200)], atol=1e-3)
    np.testing.assert_array_equal(first[1], second[0])
    np.testing.assert_array_equal(second[2], third[3])
    corner = 200 + np.array([(-120, -120), (-80, -80)]) / np.sqrt(2)
    np.testing.assert_allclose(second[[0, 3]], corner, atol=2)


def test_words_of_many_lines_at_once_are_those_of_each_line():
    rng = np.random.default_rng(0)
    lines = rng.uniform(0, 900, (12, 4, 2)).astype(np.float32)
    places = np.sort(rng.random((12, 2)), axis=1).astype(np.float32)
    for line, own, found in zip(lines, places, quad_parts(lines, places), strict=True):
        top, bottom = points_at(line, own)
        np.testing.assert_array_equal(found, [*top, *bottom[::-1]])


def test_a_line_of_one_word_reaches_from_end_to_end():
    line = decoded(" ab-c ")
    assert split_words(line, 6.0, (0.1, 0.2)) == [WordSpan("ab-c", 1.0, 0.0, 1.0)]

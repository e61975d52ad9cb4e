import numpy as np
import pytest

from ocdrnet_ops.recognition.decoding import DecodedLine
from ocdrnet_ops.recognition.words import WordSpan, split_segments


def line(text):
    none = np.zeros(len(text), np.float32)
    return DecodedLine(text, 0.75, tuple(text), none, none, none)


def spans(*places):
    return [WordSpan(text, score, start, end) for text, score, start, end in places]


def test_a_gap_wider_than_the_line_is_high_parts_it():
    words = spans(("Total", 0.5, 0.0, 0.3), ("amount", 1.0, 0.35, 0.6), ("9.50", 0.8, 0.8, 1.0))
    segments = split_segments(line("Total amount  9.50"), words, aspect=6)
    assert [(segment.text, segment.whole) for segment in segments] == [("Total amount", False), ("9.50", False)]
    assert [segment.score for segment in segments] == pytest.approx([(0.5 * 5 + 1.0 * 6) / 11, 0.8])
    assert [segment.words for segment in segments] == [tuple(words[:2]), tuple(words[2:])]


def test_a_narrower_gap_does_not():
    words = spans(("a", 1.0, 0.0, 0.3), ("b", 1.0, 0.5, 1.0))
    (segment,) = split_segments(line(" a b"), words, aspect=4.9)
    assert (segment.text, segment.score, segment.words, segment.whole) == ("a b", 0.75, tuple(words), True)
    assert len(split_segments(line("a b"), words, aspect=5.1)) == 2


def test_repeated_words_and_words_without_spaces_keep_their_text():
    words = spans(("价", 1.0, 0.0, 0.1), ("a", 1.0, 0.1, 0.2), ("a", 1.0, 0.7, 0.8), ("a", 1.0, 0.9, 1.0))
    assert [segment.text for segment in split_segments(line("价a a a"), words, aspect=3)] == ["价a", "a a"]


def test_a_line_without_words_is_one_cell():
    assert [segment.words for segment in split_segments(line("x"), [], aspect=3)] == [()]

import dataclasses

import numpy as np
import pytest

from ocdrnet_ops.answer.lines import Lines
from ocdrnet_ops.answer.merge import merge_lines


def quad(x, y, width, height=10):
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def lines(turn=0.0):
    """Two paragraphs: two lines of two and one words, and one line of one word; the page may be turned."""
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    boxes = np.array([quad(0, 0, 80), quad(5, 12, 40), quad(0, 60, 30)]) @ matrix
    words = np.array([quad(0, 0, 30), quad(40, 0, 40), quad(5, 12, 40), quad(0, 60, 30)]) @ matrix
    return Lines(
        boxes.astype(np.float32),
        boxes.astype(np.float32),
        np.array([0.5, 0.7, 0.9], np.float32),
        ["one two", "three", "four"],
        np.array([1.0, 0.5, 0.25], np.float32),
        np.array([0, 0, 1], np.int32),
        words.astype(np.float32),
        ["one", "two", "three", "four"],
        np.array([1.0, 0.9, 0.5, 0.25], np.float32),
        np.array([0, 0, 1, 2], np.int32),
    )


def test_lines_are_as_they_are():
    given = lines()
    assert merge_lines(given, "line", "polygon") is given


def test_a_quad_s_polygon_is_its_box():
    bent = dataclasses.replace(lines(), polygons=np.ones((3, 24, 2), np.float32))
    assert merge_lines(bent, "line", "quad").polygons is bent.boxes
    assert merge_lines(bent, "line", "polygon").polygons.shape == (3, 24, 2)


def test_words_are_lines_of_their_own():
    given = lines()
    words = merge_lines(given, "word", "quad")
    assert words.texts == words.word_texts == given.word_texts
    np.testing.assert_array_equal(words.boxes, given.word_boxes)
    np.testing.assert_array_equal(words.polygons, given.word_boxes)
    np.testing.assert_allclose(words.box_scores, [0.5, 0.5, 0.7, 0.9])
    np.testing.assert_allclose(words.scores, given.word_scores)
    assert words.paragraphs.tolist() == [0, 0, 0, 1]
    assert words.word_lines.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("turn", [0.0, 0.3, 2.0, -3.0])
def test_paragraphs_hold_their_lines(turn):
    given = lines(turn)
    merged = merge_lines(given, "paragraph", "quad")
    assert merged.texts == ["one two three", "four"]
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    np.testing.assert_allclose(merged.boxes[0], np.array(quad(0, 0, 80, 22)) @ matrix, atol=1e-4)
    np.testing.assert_allclose(merged.boxes[1], given.boxes[2])
    np.testing.assert_allclose(merged.box_scores, [0.6, 0.9])
    np.testing.assert_allclose(merged.scores, [0.75, 0.25])
    assert merged.paragraphs.tolist() == [0, 1]
    assert merged.word_texts == given.word_texts
    assert merged.word_lines.tolist() == [0, 0, 0, 1]
    assert merged.boxes.dtype == merged.scores.dtype == np.float32


@pytest.mark.parametrize("level", ["line", "word", "paragraph"])
def test_nothing_merges_to_nothing(level):
    given = lines()
    fields = ("boxes", "polygons", "box_scores", "scores", "paragraphs", "word_boxes", "word_scores", "word_lines")
    nothing = Lines(**{name: getattr(given, name)[:0] for name in fields}, texts=[], word_texts=[])
    assert merge_lines(nothing, level, "quad").texts == []

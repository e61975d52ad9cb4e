import numpy as np
import pytest

from ocdrnet_ops.cards import CardError
from ocdrnet_ops.lines import decode_lines, time_steps

NO_BOXES = np.zeros((0, 4, 2), np.float32)


def box(index):
    y = 100.0 * index
    return [(0, y), (80, y), (80, y + 40), (0, y + 40)]


def decode(card, rows, boxes=None, scores=None, least=0.5, width=80, size=(1000, 1000)):
    """Rows of ids of 10 steps; one score a row for all of its steps."""
    ids = np.array([row + [0] * (10 - len(row)) for row in rows], np.int32)
    probabilities = np.repeat(np.array(scores or [1.0] * len(rows), np.float32)[:, None], 10, axis=1)
    boxes = np.array([box(i) for i in range(len(rows))], np.float32) if boxes is None else boxes
    return decode_lines(ids, probabilities, np.full(len(rows), width, np.int32), boxes, size, card, least)


def test_lines_and_words_of_an_image(recognizer_card):
    lines = decode(recognizer_card(), [[1, 4, 2], [3]], scores=[0.75, 1.0])
    assert lines.texts == ["a b", "c"]
    assert lines.kept.tolist() == [0, 1]
    assert lines.scores.tolist() == [0.75, 1.0]
    assert lines.word_texts == ["a", "b", "c"]
    assert lines.word_lines.tolist() == [0, 0, 1]
    assert lines.word_scores.tolist() == [0.75, 0.75, 1.0]
    assert lines.word_boxes.shape == (3, 4, 2)
    np.testing.assert_allclose(lines.word_boxes[2], box(1))


def test_answer_is_clipped_to_the_image(recognizer_card):
    """The crop was taken from the whole box, so words keep their share of it."""
    outside = np.array([box(0)], np.float32) - 20
    lines = decode(recognizer_card(), [[0, 0, 0, 1, 0, 4, 0, 2]], boxes=outside, size=(50, 15))
    np.testing.assert_allclose(lines.boxes[0], [(0, 0), (50, 0), (50, 15), (0, 15)])
    assert lines.word_boxes.min() == 0
    assert lines.word_boxes[..., 0].max() == 50
    assert lines.word_boxes[..., 1].max() == 15
    assert 0 < lines.word_boxes[0, 1, 0] < lines.word_boxes[1, 0, 0] < 50


def test_dropped_lines_shift_no_text_against_its_box(recognizer_card):
    rows = [[0], [1], [4], [2, 4, 3], [3]]
    lines = decode(recognizer_card(), rows, scores=[1, 0.4, 1, 0.9, 0.6])
    assert lines.kept.tolist() == [3, 4]
    np.testing.assert_allclose(lines.boxes, [box(3), box(4)])
    assert lines.texts == ["b c", "c"]
    np.testing.assert_allclose(lines.scores, [0.9, 0.6])
    assert lines.word_lines.tolist() == [0, 0, 1]
    assert (lines.word_boxes[:2, :, 1] >= 300).all()
    assert (lines.word_boxes[:2, :, 1] <= 340).all()
    assert (lines.word_boxes[2, :, 1] >= 400).all()


def test_blank_crop_of_an_image_without_boxes_is_dropped(recognizer_card):
    """Even where the recognizer reads something in it."""
    lines = decode(recognizer_card(), [[1, 2, 3]], boxes=NO_BOXES)
    assert lines.texts == lines.word_texts == []
    shapes = [lines.kept, lines.boxes, lines.scores, lines.word_boxes, lines.word_scores, lines.word_lines]
    assert [array.shape for array in shapes] == [(0,), (0, 4, 2), (0,), (0, 4, 2), (0,), (0,)]
    assert [str(array.dtype) for array in shapes] == ["int64", "float32", "float32", "float32", "float32", "int32"]


@pytest.mark.parametrize(("score", "count"), [(0.5, 1), (0.499, 0)])
def test_least_score_is_inclusive(recognizer_card, score, count):
    assert len(decode(recognizer_card(), [[1]], scores=[score]).texts) == count


def test_line_of_nothing_is_left_out_at_any_score(recognizer_card):
    assert decode(recognizer_card(), [[0], [4]], least=0.0).texts == []


def test_text_has_no_space_around_it(recognizer_card):
    assert decode(recognizer_card(), [[4, 1, 4, 2, 4]]).texts == ["a b"]


def test_words_are_placed_by_the_crops_own_width(recognizer_card):
    """Steps of 8 pixels: on 40 of 80 pixels the same characters fill the whole line."""
    narrow = decode(recognizer_card(), [[1, 0, 4, 0, 2]], width=40)
    wide = decode(recognizer_card(), [[1, 0, 4, 0, 2]], width=80)
    assert narrow.word_boxes[1, :, 0].min() > 2 * wide.word_boxes[1, :, 0].min() * 0.8
    np.testing.assert_allclose(narrow.word_boxes[1, 1], (80, 0))


def test_time_steps(recognizer_card):
    assert time_steps(100, 26, recognizer_card()) == 12.5
    assert time_steps(100, 26, recognizer_card(width=100)) == 26.0


def test_attention_lines(recognizer_card):
    """Id 2 is the first character, 1 ends the text, and words share the line by their characters."""
    card = recognizer_card(decoder="attention", width=100)
    lines = decode(card, [[2, 3, 5, 4, 1, 2], [1], [0, 4]], scores=[0.75, 1.0, 1.0])
    assert lines.texts == ["ab c", "c"]
    assert lines.kept.tolist() == [0, 2]
    assert lines.word_texts == ["ab", "c", "c"]
    np.testing.assert_allclose(lines.word_boxes[0], [(0, 0), (40, 0), (40, 40), (0, 40)])
    np.testing.assert_allclose(lines.word_boxes[1, 0], (60, 0))


def test_same_ids_mean_other_texts_to_the_other_decoder(recognizer_card):
    rows = [[2, 3, 3, 1, 2]]
    assert decode(recognizer_card(width=100), rows).texts == ["bcab"]
    assert decode(recognizer_card(width=100, decoder="attention"), rows).texts == ["abb"]


@pytest.mark.parametrize(("decoder", "last"), [("ctc", 4), ("attention", 5)])
def test_id_beyond_the_characters_is_the_cards_mistake(recognizer_card, decoder, last):
    card = recognizer_card(decoder=decoder, width=100)
    assert decode(card, [[last]]).texts == []  # a space
    with pytest.raises(CardError, match=f"r answered id {last + 1}; its card's 4 characters end at id {last}"):
        decode(card, [[2], [last + 1]])


def test_what_is_read_in_the_padding_is_not_answered(recognizer_card):
    """On 36 of 80 pixels a crop has 5 steps of its own, the last of them in part."""
    assert decode(recognizer_card(), [[1, 0, 4, 0, 2, 3, 1]], width=36).texts == ["a b"]
    assert decode(recognizer_card(), [[1, 0, 4, 0, 2, 3, 1]], width=80).texts == ["a bca"]

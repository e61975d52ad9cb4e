import dataclasses

import numpy as np
import pytest

from ocdrnet_ops.answer.lines import Candidates, FlippedReading, RecognizerOutput, decode_lines
from ocdrnet_ops.answer.merge import merge_lines
from ocdrnet_ops.cards import CardError
from ocdrnet_ops.geometry.text_outline import outline_quads, quad_outlines
from ocdrnet_ops.recognition.decoding import STEP_LAG
from ocdrnet_ops.recognition.line_flip import time_steps

NO_BOXES = np.zeros((0, 4, 2), np.float32)


def box(index):
    y = 100.0 * index
    return [(0, y), (80, y), (80, y + 40), (0, y + 40)]


def reading_of(rows, scores):
    ids = np.array([row + [0] * (10 - len(row)) for row in rows], np.int32).reshape(-1, 10)
    return ids, np.repeat(np.array(scores, np.float32)[:, None], 10, axis=1)


def decode(
    card,
    rows,
    boxes=None,
    scores=None,
    least=0.5,
    width=80,
    size=(1000, 1000),
    turned=(),
    again=([0],),
    second=(1.0,),
    any_character=True,
    characters=False,
):
    """Rows of ids of 10 steps; one score a row for all of its steps; likewise of the rows read again."""
    boxes = np.array([box(i) for i in range(len(rows))], np.float32) if boxes is None else boxes
    box_scores = np.arange(len(boxes), dtype=np.float32) / 100
    candidates = Candidates(boxes, box_scores, np.full(len(rows), width, np.int32))
    first = RecognizerOutput(*reading_of(rows, scores or [1.0] * len(rows)))
    later = FlippedReading(*reading_of(again, second), np.array(turned, np.int32))
    return decode_lines(candidates, first, later, size, card, least, any_character, characters)


def kept(lines):
    """Which candidates were answered, by their box scores."""
    return [round(float(score) * 100) for score in lines.box_scores]


def test_lines_and_words_of_an_image(recognizer_card):
    lines = decode(recognizer_card(), [[1, 4, 2], [3]], scores=[0.75, 1.0])
    assert lines.texts == ["a b", "c"]
    assert kept(lines) == [0, 1]
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
    rows = [[0], [1, 2], [4], [2, 4, 3], [3, 1]]
    lines = decode(recognizer_card(), rows, scores=[1, 0.4, 1, 0.9, 0.6])
    assert kept(lines) == [3, 4]
    np.testing.assert_allclose(lines.boxes, [box(3), box(4)])
    assert lines.texts == ["b c", "ca"]
    np.testing.assert_allclose(lines.scores, [0.9, 0.6])
    assert lines.word_lines.tolist() == [0, 0, 1]
    assert (lines.word_boxes[:2, :, 1] >= 300).all()
    assert (lines.word_boxes[:2, :, 1] <= 340).all()
    assert (lines.word_boxes[2, :, 1] >= 400).all()


def test_blank_crop_of_an_image_without_boxes_is_dropped(recognizer_card):
    """Even where the recognizer reads something in it."""
    lines = decode(recognizer_card(), [[1, 2, 3]], boxes=NO_BOXES)
    assert lines.texts == lines.word_texts == []
    floats = [lines.boxes, lines.polygons, lines.box_scores, lines.scores, lines.word_boxes, lines.word_scores]
    assert [array.shape for array in floats] == [(0, 4, 2), (0, 4, 2), (0,), (0,), (0, 4, 2), (0,)]
    assert {str(array.dtype) for array in floats} == {"float32"}
    numbers = [lines.paragraphs, lines.word_lines]
    assert [(array.shape, str(array.dtype)) for array in numbers] == [((0,), "int32")] * 2


@pytest.mark.parametrize(("score", "count"), [(0.5, 1), (0.499, 0)])
def test_least_score_is_inclusive(recognizer_card, score, count):
    assert len(decode(recognizer_card(), [[1, 2, 3, 1, 2, 3, 1, 2, 3, 1]], scores=[score]).texts) == count


@pytest.mark.parametrize(("length", "needed"), [(1, 0.951), (2, 0.903), (5, 0.775), (9, 0.632), (10, 0.601)])
def test_a_short_line_counts_as_ten_characters_in_a_row(recognizer_card, length, needed):
    row = [1, 2, 3, 1, 2, 3, 1, 2, 3, 1][:length]
    assert len(decode(recognizer_card(), [row], scores=[needed], least=0.6).texts) == 1
    assert len(decode(recognizer_card(), [row], scores=[needed - 0.002], least=0.6).texts) == 0


@pytest.mark.parametrize(("score", "least", "count"), [(0.96, 0.6, 1), (0.94, 0.6, 0), (0.1, 0.0, 1), (1.0, 1.0, 1)])
def test_a_lone_character_must_be_surer_than_a_line(recognizer_card, score, least, count):
    assert len(decode(recognizer_card(), [[1]], scores=[score], least=least).texts) == count


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
    widths = np.array([100, 36], np.int32)
    assert time_steps(widths, 26, recognizer_card()).tolist() == [12.5, 4.5]
    assert time_steps(widths, 26, recognizer_card(width=100)).tolist() == [26.0, 26.0]
    assert time_steps(widths, 26, recognizer_card(width=100, keep_aspect=True)).tolist() == [26.0, 9.36]


def test_attention_lines(recognizer_card):
    """Id 2 is the first character, 1 ends the text, and words share the line by their characters."""
    card = recognizer_card(decoder="attention", width=100)
    lines = decode(card, [[2, 3, 5, 4, 1, 2], [1], [0, 4]], scores=[0.75, 1.0, 1.0])
    assert lines.texts == ["ab c", "c"]
    assert kept(lines) == [0, 2]
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
    high = np.array([[(0, 0), (80, 0), (80, 80), (0, 80)]], np.float32)
    assert decode(recognizer_card(), [[1, 0, 4, 0, 2, 3, 1]], high, width=36).texts == ["a b"]
    assert decode(recognizer_card(), [[1, 0, 4, 0, 2, 3, 1]], high, width=80).texts == ["a bca"]


def test_a_line_that_reads_better_turned_starts_at_its_other_end(recognizer_card):
    rows, again = [[1, 2, 0, 3], [1, 2, 1, 2, 1]], [[3, 0, 2, 0, 1]]
    lines = decode(recognizer_card(), rows, scores=[0.6, 1.0], turned=[0], again=again, second=[0.99])
    assert lines.texts == ["cba", "ababa"]
    assert lines.scores.tolist() == pytest.approx([0.99, 1.0])
    np.testing.assert_allclose(lines.boxes[0], np.roll(box(0), 2, axis=0))
    np.testing.assert_allclose(lines.word_boxes[0], np.roll(box(0), 2, axis=0))


def test_a_turned_line_keeps_its_first_reading_where_that_is_better(recognizer_card):
    lines = decode(recognizer_card(), [[1, 2]], scores=[0.8], turned=[0], again=[[3]], second=[0.7], least=0.3)
    assert lines.texts == ["ab"]
    np.testing.assert_allclose(lines.boxes[0], box(0))


def test_the_better_readings_score_counts(recognizer_card):
    """Too low as it lies, and good enough turned."""
    lines = decode(recognizer_card(), [[1, 2, 3]], scores=[0.2], turned=[0], again=[[3, 1]], second=[0.95])
    assert lines.texts == ["ca"]


def test_lines_come_in_reading_order_with_all_that_is_theirs(recognizer_card):
    boxes = np.array([box(2), box(0), box(1)], np.float32)
    lines = decode(recognizer_card(), [[3, 1], [1, 4, 2], [2, 1]], boxes=boxes, scores=[0.7, 0.8, 0.9])
    assert lines.texts == ["a b", "ba", "ca"]
    assert kept(lines) == [1, 2, 0]
    np.testing.assert_allclose(lines.scores, [0.8, 0.9, 0.7])
    assert lines.word_texts == ["a", "b", "ba", "ca"]
    assert lines.word_lines.tolist() == [0, 0, 1, 2]
    np.testing.assert_allclose(lines.word_boxes[3].min(axis=0), [0, 200])


def test_what_stands_far_apart_is_answered_apart(recognizer_card):
    """On a line of 10 steps, three times as wide as high, the gap of 5 steps is wider than the line is high."""
    wide = np.array([[(0, 0), (120, 0), (120, 40), (0, 40)]], np.float32)
    lines = decode(recognizer_card(), [[1, 2, 4, 0, 0, 0, 0, 0, 2, 3]], boxes=wide)
    assert lines.texts == ["ab", "bc"]
    assert kept(lines) == [0, 0]
    assert lines.word_lines.tolist() == [0, 1]
    np.testing.assert_allclose(lines.boxes, lines.word_boxes)
    assert lines.boxes[0, 1, 0] < 40
    assert lines.boxes[1, 0, 0] > 80
    np.testing.assert_allclose(lines.boxes[1, 1:3, 0], 120)


def test_a_narrow_character_has_a_square_box(recognizer_card):
    narrow = np.array([[(100, 0), (130, 0), (130, 40), (100, 40)]], np.float32)
    lines = decode(recognizer_card(), [[1]], boxes=narrow)
    np.testing.assert_allclose(lines.boxes[0], [(95, 0), (135, 0), (135, 40), (95, 40)])
    assert decode(recognizer_card(), [[1, 2]], boxes=narrow).boxes[0, 0, 0] == 100


def test_outlines_are_answered_as_polygons_and_boxes(recognizer_card):
    top = [(0, 20), (40, 0), (80, 20)]
    outline = np.array([[*top, *((x, y + 30) for x, y in reversed(top))]], np.float32)
    lines = decode(recognizer_card(), [[1, 0, 0, 4, 0, 0, 2]], boxes=outline)
    np.testing.assert_allclose(lines.polygons, outline)
    assert lines.boxes.shape == (1, 4, 2)
    assert lines.boxes[0].min(axis=0).tolist() == [0, 0]
    assert lines.word_texts == ["a", "b"]


def test_an_outline_read_turned_starts_at_its_other_end(recognizer_card):
    outline = np.array([[(0, 0), (40, 0), (80, 0), (80, 30), (40, 30), (0, 30)]], np.float32)
    lines = decode(
        recognizer_card(), [[1, 2]], boxes=outline, scores=[0.5], turned=[0], again=[[3, 2, 1]], second=[0.99]
    )
    np.testing.assert_allclose(lines.polygons[0], np.roll(outline[0], 3, axis=0))


def test_a_line_that_reads_as_too_little_is_left_out(recognizer_card):
    """A Korean line of 9.4 heights that reads as one or three certain characters; of four it could be."""
    assert decode(recognizer_card(), [[1], [1, 2, 3], [1, 2, 3, 1]], width=450).texts == ["abca"]


def test_of_an_image_in_an_unknown_script_nothing_is_answered(recognizer_card):
    rows = [[1, 2, 3, 1, 2, 3]] * 3
    assert decode(recognizer_card(), rows, scores=[0.7, 0.8, 0.85], width=192).texts == []
    assert len(decode(recognizer_card(), rows, scores=[0.7, 0.8, 0.96], width=192).texts) == 3
    assert len(decode(recognizer_card(), rows, scores=[0.7, 0.8, 0.85], width=96).texts) == 3  # short lines


def test_straight_lines_beside_bent_ones_are_answered_as_alone(recognizer_card):
    """Outlines of 24 points where a line of the image is bent: a parted line and a narrow character."""
    quads = np.array([[(0, 0), (120, 0), (120, 40), (0, 40)], [(200, 0), (230, 0), (230, 40), (200, 40)]], np.float32)
    rows = [[1, 2, 4, 0, 0, 0, 0, 0, 2, 3], [1]]
    alone, beside = (decode(recognizer_card(), rows, boxes=boxes) for boxes in (quads, quad_outlines(quads)))
    assert alone.texts == beside.texts == ["ab", "bc", "a"]
    np.testing.assert_allclose(alone.boxes, beside.boxes, atol=1e-3)
    np.testing.assert_allclose(outline_quads(beside.polygons), beside.boxes, atol=1e-3)
    assert beside.polygons.shape == (3, 24, 2)


def test_parts_of_a_bent_line_are_outlines_along_it(recognizer_card):
    """A quarter ring from (100, 0) to (0, 100): its first part lies right, its last one below."""
    angle = np.linspace(0, np.pi / 2, 12)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    outline = np.concatenate([ring * 100, ring[::-1] * 80]).astype(np.float32)[None]
    lines = decode(recognizer_card(), [[1, 2, 4, 0, 0, 0, 0, 0, 2, 3]], boxes=outline)
    assert sorted(lines.texts) == ["ab", "bc"]
    first, last = (lines.polygons[lines.texts.index(text)] for text in ("ab", "bc"))
    radii = np.linalg.norm(lines.polygons, axis=-1)
    assert ((radii > 79) & (radii < 101)).all()
    assert first[:, 0].min() > 80 * np.cos(np.pi / 6)
    assert last[:, 1].min() > 80 * np.cos(np.pi / 6)
    np.testing.assert_allclose([first[0], last[11]], [(100, 0), (0, 100)], atol=1e-3)


def test_what_is_read_worse_than_what_it_crosses_is_left_out(recognizer_card):
    turned = np.array([(80, 0), (80, 80), (0, 80), (0, 0)], np.float32)
    boxes = np.array([box(0), turned, box(5)], np.float32)
    assert decode(recognizer_card(), [[1, 2], [3, 1], [2]], boxes=boxes, scores=[0.99, 0.7, 1]).texts == ["ab", "b"]
    assert decode(recognizer_card(), [[1, 2], [3, 1], [2]], boxes=boxes, scores=[0.7, 0.99, 1]).texts == ["ca", "b"]


def test_column_heads_do_not_turn_the_figures_below_them(recognizer_card):
    """A head that reads downwards in its box, and upwards in truth, says nothing of the lines along the rows."""
    head = np.roll(np.array([(300, 0), (340, 0), (340, 200), (300, 200)], np.float32), -1, axis=0)
    boxes = np.array([box(1), box(2), head], np.float32)
    rows, again = [[1], [2], [1, 2, 1, 2, 1, 2, 1, 2]], [[3], [3], [2, 3, 2, 3, 2, 3, 2, 3]]
    lines = decode(
        recognizer_card(),
        rows,
        boxes=boxes,
        scores=[1.0, 1.0, 0.6],
        turned=[0, 1, 2],
        again=again,
        second=(0.99, 0.99, 1.0),
    )
    assert sorted(lines.texts) == ["a", "b", "bcbcbcbc"]


def test_short_lines_of_a_restricted_request_need_no_more_than_long_ones(recognizer_card):
    short, lone = [1, 2, 3], [1]
    assert decode(recognizer_card(), [short], scores=[0.7], any_character=False).texts == ["abc"]
    assert decode(recognizer_card(), [short], scores=[0.7]).texts == []
    assert decode(recognizer_card(), [lone], scores=[0.7], any_character=False).texts == []


def test_few_characters_for_a_width_are_no_doubt_where_the_request_restricts_them(recognizer_card):
    """Three long lines of which digits alone may be read."""
    rows = [[1], [1, 2, 3], [1, 2, 3, 1]]
    assert decode(recognizer_card(), rows, width=450, any_character=False).texts == ["a", "abc", "abca"]


def test_a_lone_character_is_the_square_around_it_and_no_part_of_a_line_that_it_does_not_reach(recognizer_card):
    narrow = [(124, 0), (147, 0), (147, 45), (124, 45)]
    boxes = np.array([[(0, 0), (120, 0), (120, 45), (0, 45)], narrow], np.float32)
    lines = decode(recognizer_card(), [[1, 2, 3, 1], [2]], boxes=boxes)
    assert lines.texts == ["abca", "b"]
    np.testing.assert_allclose(np.ptp(lines.boxes[1], axis=0), (45, 45), atol=1e-3)


def in_a_row(*lefts, y=0):
    """Boxes of characters, 40 high."""
    return np.array([[(x, y), (x + 40, y), (x + 40, y + 40), (x, y + 40)] for x in lefts], np.float32)


def test_a_doubtful_lone_character_is_answered_beside_a_sure_one_of_its_size(recognizer_card):
    doubtful, sure = 0.8, 1.0
    row = in_a_row(0, 100)
    assert decode(recognizer_card(), [[1], [2]], boxes=row, scores=[doubtful, sure], least=0.6).texts == ["a", "b"]
    assert decode(recognizer_card(), [[1], [2]], boxes=row, scores=[doubtful, doubtful], least=0.6).texts == []
    assert decode(recognizer_card(), [[1], [2]], boxes=row, scores=[0.55, sure], least=0.6).texts == ["b"]
    apart = np.concatenate([row[:1], in_a_row(900, y=600)])
    assert decode(recognizer_card(), [[1], [2]], boxes=apart, scores=[doubtful, sure], least=0.6).texts == ["b"]


def test_whatever_its_score_a_line_is_answered_with_it_at_a_least_score_of_0(recognizer_card):
    lines = decode(recognizer_card(), [[1], [2, 1]], scores=[0.125, 0.25], least=0)
    assert lines.texts == ["a", "ba"]
    assert lines.scores.tolist() == [0.125, 0.25]


def test_a_character_that_was_cut_off_is_a_part_of_its_line_and_of_its_last_word(recognizer_card):
    line = [(0, 0), (120, 0), (120, 40), (0, 40)]
    boxes = np.array([line, in_a_row(108)[0]], np.float32)
    lines = decode(recognizer_card(), [[0, 0, 1, 0, 4, 0, 0, 2], [3]], boxes=boxes, width=80)
    assert (lines.texts, lines.word_texts) == (["a bc"], ["a", "bc"])
    np.testing.assert_allclose(lines.boxes[0], [(0, 0), (148, 0), (148, 40), (0, 40)], atol=1e-4)
    np.testing.assert_allclose(lines.word_boxes[1, 1:3], [(148, 0), (148, 40)], atol=1e-4)
    assert lines.word_boxes[0, 1, 0] < 120


LOOK_ALIKES = ("A", "B", "0", "m", "2", "O", "²")


@pytest.mark.parametrize(("any_character", "expected"), [(True, ["A", "B", "O"]), (False, ["A", "B", "0"])])
def test_look_alikes_are_settled_unless_the_request_restricts_characters(recognizer_card, any_character, expected):
    card = recognizer_card(characters=LOOK_ALIKES)
    lines = decode(card, [[1], [2], [3]], boxes=in_a_row(0, 100, 200), any_character=any_character)
    assert lines.texts == expected
    assert lines.word_texts == expected


@pytest.mark.parametrize(("any_character", "expected"), [(True, ["m²"]), (False, ["m", "2"])])
def test_raised_digits_join_their_line_unless_the_request_restricts_characters(
    recognizer_card, any_character, expected
):
    boxes = np.array([[(0, 0), (80, 0), (80, 40), (0, 40)], [(70, -4), (84, -4), (84, 14), (70, 14)]], np.float32)
    rows = [[0, 0, 4, 0, 0, 0, 0, 0, 0, 0], [5]]
    lines = decode(recognizer_card(characters=LOOK_ALIKES), rows, boxes=boxes, any_character=any_character)
    assert sorted(lines.texts, reverse=True) == sorted(expected, reverse=True)


HEBREW = ("א", "ב", "ג", " ", "(", ")", "1", "2")


def test_line_from_right_to_left_is_answered_in_the_order_of_reading(recognizer_card):
    """Ids from left to right: a recognizer answers what it sees."""
    lines = decode(recognizer_card(characters=HEBREW), [[3, 2, 4, 7, 8, 4, 2, 1]])
    assert lines.texts == ["אב 12 בג"]
    assert lines.word_texts == ["אב", "12", "בג"]
    lefts = lines.word_boxes[:, 0, 0].tolist()
    assert lefts == sorted(lefts, reverse=True), "the first word stands at the right"
    assert (lines.word_boxes[:, 1, 0] > lines.word_boxes[:, 0, 0]).all()


def test_page_from_right_to_left_is_read_by_its_right_column_first(recognizer_card):
    def column(x, rows):
        return [[(x, y), (x + 300, y), (x + 300, y + 40), (x, y + 40)] for y in range(0, 60 * rows, 60)]

    boxes = np.array(column(0, 4) + column(500, 4), np.float32)
    rows = [[1, 1, 2, 0, 1]] * 4 + [[2, 2, 1, 0, 2]] * 4
    left, right = "אבא", "באב"
    assert decode(recognizer_card(characters=HEBREW), rows, boxes).texts == [right] * 4 + [left] * 4
    latin = decode(recognizer_card(characters=("a", "b", "c", " ")), rows, boxes)
    assert latin.texts == ["aba"] * 4 + ["bab"] * 4


WIDE = 400  # pixels of a crop 48 high: over 8 heights


@pytest.fixture
def sure_boxes():
    """Rows of one height, 10 times as wide, and how sure the detector is of each."""
    return np.array([[(0, y), (400, y), (400, y + 40), (0, y + 40)] for y in (0, 100, 200, 300)], np.float32)


def unreadable(card, rows, boxes, box_scores, scores=None, **more):
    candidates = Candidates(boxes, np.array(box_scores, np.float32), np.full(len(rows), WIDE, np.int32))
    ids, probabilities = reading_of(rows, scores or [1.0] * len(rows))
    steps = WIDE // 8
    first = RecognizerOutput(
        np.pad(ids, ((0, 0), (0, steps - 10))), np.pad(probabilities, ((0, 0), (0, steps - 10)), constant_values=1)
    )
    none = FlippedReading(np.zeros((1, 4), np.int32), np.ones((1, 4), np.float32), np.zeros(0, np.int32))
    return decode_lines(candidates, first, none, (1000, 1000), card, 0.6, **more)


LONG_ROW = [1, 0, 2, 0, 3, 0, 1, 0, 2, 0]


def test_regions_of_an_unknown_script_are_counted(recognizer_card, sure_boxes):
    """Two wide lines read as one character and none; a third is one that the detector is not sure of."""
    rows = [LONG_ROW, [1], [0], [0]]
    lines = unreadable(recognizer_card(), rows, sure_boxes, [0.95, 0.95, 0.91, 0.89])
    assert (lines.texts, lines.unreadable) == (["abcab"], 2)
    assert unreadable(recognizer_card(), rows, sure_boxes, [0.95] * 4, any_character=False).unreadable == 0
    assert unreadable(recognizer_card(), [LONG_ROW] * 4, sure_boxes, [0.95] * 4).unreadable == 0


def test_long_lines_of_a_page_that_nobody_reads_are_counted(recognizer_card, sure_boxes):
    lines = unreadable(recognizer_card(), [LONG_ROW] * 4, sure_boxes, [0.95, 0.95, 0.95, 0.5], [0.8, 0.7, 0.9, 0.7])
    assert (lines.texts, lines.unreadable) == ([], 3)
    lines = unreadable(recognizer_card(), [LONG_ROW] * 4, sure_boxes, [0.95] * 4, [0.8, 0.99, 0.99, 0.5])
    assert (len(lines.texts), lines.unreadable) == (3, 0), "a line of a low score among clear ones is not told of"


def middles(lines):
    """Each character's text and the middle of its part of its word's box; texts are those of the words, in order."""
    ends, found = [0] * len(lines.word_texts), []
    for word, start, end, score, length in lines.characters.tolist():
        index, own = int(word), int(length)
        assert 0 <= start <= end <= 1
        assert 0 <= score <= 1
        left, right = (lines.word_boxes[index][[a, b]].mean(axis=0) for a, b in ((0, 3), (1, 2)))
        text = lines.word_texts[index][ends[index] : ends[index] + own]
        ends[index] += own
        found.append((text, left + (start + end) / 2 * (right - left)))
    assert ends == [len(text) for text in lines.word_texts]
    assert lines.characters[:, 0].tolist() == sorted(lines.characters[:, 0].tolist())
    return found


LINE = [(0, 0), (120, 0), (120, 40), (0, 40)]
# For each change of a text after its decoding: the characters, the call, and the texts of the characters answered.
CHANGES = {
    "nothing": ("abc ", {"rows": [[1, 4, 2], [3]]}, "abc"),
    "a far word": ("abc ", {"rows": [[1, 2, 4, 0, 0, 0, 0, 0, 2, 3]], "boxes": np.float32([LINE])}, "abbc"),
    "a cut-off character": (
        "abc ",
        {"rows": [[0, 0, 1, 0, 4, 0, 0, 2], [3]], "boxes": np.float32([LINE, *in_a_row(108)])},
        "abc",
    ),
    "look-alikes": (LOOK_ALIKES, {"rows": [[1], [2], [3]], "boxes": in_a_row(0, 100, 200)}, "ABO"),
    "a raised digit": (
        LOOK_ALIKES,
        {
            "rows": [[0, 0, 4, 0, 0, 0, 0, 0, 0, 0], [5]],
            "boxes": np.float32([[(0, 0), (80, 0), (80, 40), (0, 40)], [(70, -4), (84, -4), (84, 14), (70, 14)]]),
        },
        "m²",
    ),
    "upside down": (
        "abc ",
        {"rows": [[1, 2, 0, 3]], "scores": [0.6], "turned": [0], "again": [[3, 0, 2, 0, 1]], "second": [0.99]},
        "cba",
    ),
    "right to left": (HEBREW, {"rows": [[3, 2, 4, 7, 8, 4, 2, 1]]}, "אב12בג"),
    "attention": ("abc ", {"rows": [[2, 3, 5, 4, 1, 2]]}, "abc"),
    "none": ("abc ", {"rows": [[1, 2, 3]], "boxes": NO_BOXES}, ""),
}


@pytest.mark.parametrize("name", CHANGES)
def test_characters_are_those_of_the_words_whatever_became_of_them(recognizer_card, name):
    alphabet, given, expected = CHANGES[name]
    attention = {"decoder": "attention", "width": 100} if name == "attention" else {}
    card = recognizer_card(characters=tuple(alphabet), **attention)
    plain, told = (decode(card, **given, characters=asked) for asked in (False, True))
    assert plain.characters.shape == (0, 5)
    assert [text for text, _ in middles(told)] == list(expected)
    for answer in dataclasses.fields(plain):
        if answer.name != "characters":
            np.testing.assert_array_equal(getattr(told, answer.name), getattr(plain, answer.name))
    for level in ("word", "paragraph"):
        merged = merge_lines(told, level, "quad")
        assert [text for text, _ in middles(merged)] == list(expected)


def test_characters_stand_where_they_were_read(recognizer_card):
    """Steps of 8 pixels: "a" at 4, "b" at 44 and "c" at 60 of 80."""
    lines = decode(recognizer_card(), [[1, 0, 0, 0, 0, 2, 0, 3]], characters=True)
    edges = np.array([0, 24 - 8 * STEP_LAG, 52 - 8 * STEP_LAG, 80])
    np.testing.assert_allclose([x for _, (x, _) in middles(lines)], (edges[1:] + edges[:-1]) / 2, atol=1e-4)


def test_characters_of_text_upside_down_run_the_other_way(recognizer_card):
    _, given, _ = CHANGES["upside down"]
    places = [x for _, (x, _) in middles(decode(recognizer_card(), **given, characters=True))]
    assert places == sorted(places, reverse=True)


def test_characters_of_a_box_cut_at_the_border_stay_where_they_are(recognizer_card):
    inside = np.array([box(0)], np.float32)
    row = [[1, 0, 0, 2, 0, 0, 3, 0, 0, 1]]
    whole, cut = (
        middles(decode(recognizer_card(), row, boxes=inside - np.float32([shift, 0]), characters=True))
        for shift in (0, 20)
    )
    np.testing.assert_allclose([x for _, (x, _) in cut[2:]], [x - 20 for _, (x, _) in whole[2:]], atol=1e-4)
    assert cut[0][1][0] >= 0


def test_characters_along_a_bent_line_stand_in_their_words(recognizer_card):
    angle = np.linspace(0, np.pi / 2, 12)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    outline = np.concatenate([ring * 100, ring[::-1] * 80]).astype(np.float32)[None]
    lines = decode(recognizer_card(), [[1, 4, 2, 4, 3, 4, 1, 4, 2]], boxes=outline, characters=True)
    radii = [float(np.linalg.norm(place)) for _, place in middles(lines)]
    assert len(radii) == 5
    assert all(85 < radius < 95 for radius in radii)


def test_the_pieces_of_a_torn_row_keep_their_characters(recognizer_card):
    """A row of justified text that the detector tore, among whole rows."""
    rows = [[(0, 40 * row), (500, 40 * row), (500, 40 * row + 24), (0, 40 * row + 24)] for row in range(5)]
    torn = [[(0, 80), (200, 80), (200, 104), (0, 104)], [(250, 80), (500, 80), (500, 104), (250, 104)]]
    boxes = np.array([*rows[:2], *torn, *rows[3:]], np.float32)
    ids = [[1, 2, 4, 1, 2, 4, 1, 2, 4, 3]] * 2 + [[1, 2, 4, 1], [3, 4, 2, 4, 3]] + [[1, 2, 4, 1, 2, 4, 1, 2, 4, 3]] * 2
    lines = decode(recognizer_card(), ids, boxes=boxes, characters=True)
    assert len(lines.texts) == 5, "the pieces are one line"
    assert "".join(text for text, _ in middles(lines)) == "".join(lines.word_texts)

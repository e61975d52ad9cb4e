import numpy as np
import pytest

from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.recognition.line_flip import (
    ReadingScores,
    is_readable,
    lines_to_turn,
    score_readings,
    turn_crops,
    turned_lines,
)

WIDTHS = np.array([32, 32, 20], np.int32)  # 4, 4 and 2.5 steps


def readings(scores, lengths=None, aspects=None):
    count = len(scores)
    return ReadingScores(
        np.array(scores, np.float32), np.array(lengths or [5] * count), np.array(aspects or [0] * count)
    )


def to_turn(scores, choice, lengths=None, widths=None, down=None):
    first, down = readings(scores, lengths), np.array(down or [False] * len(scores), bool)
    return lines_to_turn(first, np.array(widths or [40] * len(scores), np.int32), down, choice)


def test_scores_of_a_ctc_reading_are_those_of_its_characters(recognizer_card):
    ids = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [2, 0, 3, 3]], np.int32)
    probabilities = np.array([[0.5, 0.1, 0.1, 1.0], [1, 1, 1, 1], [0.25, 0, 0.75, 0]], np.float32)
    rated = score_readings(ids, probabilities, WIDTHS, recognizer_card())
    assert rated.lengths.tolist() == [2, 0, 2]
    assert rated.scores.tolist() == [0.75, 0.0, 0.5]
    assert rated.scores.dtype == np.float32


def test_what_lies_behind_a_crop_does_not_count(recognizer_card):
    ids = np.array([[1, 0, 2, 3]], np.int32)
    rated = score_readings(ids, np.ones((1, 4), np.float32), np.array([16]), recognizer_card())
    assert rated.lengths.tolist() == [1]


def test_scores_of_an_attention_reading_end_with_the_text(recognizer_card):
    card = recognizer_card(decoder="attention", width=100)
    ids = np.array([[0, 2, 3, 1, 4], [1, 2, 2, 2, 2], [2, 2, 2, 2, 2]], np.int32)
    probabilities = np.array([[0, 0.5, 1.0, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]], np.float32)
    rated = score_readings(ids, probabilities, np.full(3, 100), card)
    assert rated.lengths.tolist() == [2, 0, 5]
    assert rated.scores.tolist() == [0.75, 0.0, 1.0]


def test_auto_reads_the_doubtful_lines_again():
    assert to_turn([0.95, 0.6, 0.99, 0.84], "auto").tolist() == [1, 3]
    assert to_turn([0.95, 0.86], "auto").tolist() == []


def test_auto_does_not_read_noise_again():
    sure = [0.99] * 3
    assert to_turn([*sure, 0.29, 0.31, 0.6], "auto", [9, 9, 9, 5, 5, 1]).tolist() == [4]


def test_auto_reads_everything_again_where_most_of_the_text_is_doubtful():
    assert to_turn([0.95, 0.6, 0.7], "auto").tolist() == [0, 1, 2]
    assert to_turn([0.95, 0.6, 0.7], "auto", [30, 5, 5]).tolist() == [1, 2]


@pytest.mark.parametrize(("choice", "lines"), [("off", []), ("on", [0, 1])])
def test_off_and_on(choice, lines):
    found = to_turn([0.99, 0.1], choice)
    assert found.tolist() == lines
    assert found.dtype == np.int32


@pytest.mark.parametrize("choice", ["off", "auto", "on"])
def test_the_blank_crop_of_an_image_without_text_is_never_turned(choice):
    assert to_turn([0.0], choice, [0], widths=[0]).tolist() == []


def test_spaces_are_no_reading(recognizer_card):
    """Id 4 is the space: a line that reads as spaces alone, however surely, must not win over doubtful characters."""
    ids, probabilities = np.array([[4, 0, 4], [4, 1, 1]], np.int32), np.array([[1, 1, 1], [1, 0.5, 0.5]], np.float32)
    rated = score_readings(ids, probabilities, np.full(2, 24), recognizer_card())
    assert rated.lengths.tolist() == [0, 1]
    assert rated.scores.tolist() == [0.0, 0.5]


@pytest.mark.parametrize("choice", ["off", "auto", "on"])
def test_no_lines_at_all(choice):
    assert to_turn([], choice).shape == (0,)
    none = np.zeros(0, np.int32)
    assert turned_lines(readings([]), none, readings([])).shape == (0,)


def turned(first, again, second, lengths=None):
    return turned_lines(readings(first, lengths), np.array(again, np.int32), readings(second)).tolist()


def test_a_line_of_an_upright_image_is_turned_only_without_doubt():
    upright = [0.99, 0.99, 0.99]
    assert turned([*upright, 0.6], [3], [0.95]) == [False, False, False, True]
    assert turned([*upright, 0.6], [3], [0.85]) == [False] * 4  # not certain
    assert turned([*upright, 0.84], [3], [0.95]) == [False] * 4  # no lead


def test_lines_of_an_upside_down_image_are_turned_but_for_the_certain_ones():
    first, second = [0.7, 0.65, 0.95, 0.7, 0.92], [0.97, 0.98, 0.6, 0.68, 0.9]
    assert turned(first, range(5), second) == [True, True, False, True, True]


def test_long_lines_have_more_to_say():
    first, second = [0.7, 0.88], [0.9, 0.8]
    assert turned(first, [0, 1], second, [20, 2]) == [True, True]
    assert turned(first, [0, 1], second, [2, 20]) == [False, False]


def test_a_line_that_was_not_read_again_is_not_turned():
    assert turned([0.5, 0.86], [0], [0.99], [50, 2]) == [True, False]


def test_a_reading_of_few_characters_for_its_width_is_none(recognizer_card):
    """120 pixels of 40 high are 3 heights: as much as one character may have."""
    ids = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]], np.int32)
    widths = np.array([120, 121, 121, 121], np.int32)
    card = recognizer_card(height=40, stride=30)
    rated = score_readings(ids, np.ones((4, 4), np.float32), widths, card)
    assert rated.sparse.tolist() == [False, True, False, True]
    assert rated.trusted.tolist() == [1, 0, 1, 0]
    margins = score_readings(ids, np.ones((4, 4), np.float32), widths, recognizer_card(height=50, crop_margin=0.125))
    np.testing.assert_allclose(margins.aspects, widths / 40)
    stretched = score_readings(ids, np.ones((4, 4), np.float32), widths, recognizer_card(width=100))
    assert not stretched.sparse.any()


def test_a_sparse_reading_is_tried_turned_however_sure_or_empty():
    first = readings([0.99, 0.99, 0.0, 0.0], [7, 1, 0, 0], [6, 8, 8, 2])
    assert lines_to_turn(first, np.full(4, 300, np.int32), np.zeros(4, bool), "auto").tolist() == [1, 2]


def test_a_line_that_runs_down_the_image_is_doubtful_unless_it_is_certain():
    assert to_turn([0.99] * 3 + [0.96, 0.96, 0.98], "auto", down=[False] * 4 + [True] * 2).tolist() == [4]


def test_a_sure_reading_of_one_character_gives_way_to_the_line_upside_down():
    first = readings([1.0, 1.0, 0.99], [7, 7, 1], [6, 6, 8.4])
    again = np.array([2], np.int32)
    assert turned_lines(first, again, readings([0.99], [9], [8.4])).tolist() == [False, False, True]
    assert turned_lines(first, again, readings([0.99], [2], [8.4])).tolist() == [False] * 3  # as sparse


def test_an_image_is_turned_only_where_it_reads_well_turned():
    """What a Hebrew page reads as, and a blurred photo."""
    first, again = readings([0.41, 0.59, 0.67, 0.0, 0.45], [4, 16, 14, 0, 6]), np.arange(5, dtype=np.int32)
    assert not turned_lines(first, again, readings([0.67, 0.8, 0.83, 0.45, 0.76], [15, 15, 14, 14, 12])).any()
    assert turned_lines(first, again, readings([0.9, 0.85, 0.88, 0.6, 0.92], [9, 9, 9, 2, 9])).all()


@pytest.mark.parametrize(
    ("scores", "aspects", "answer"),
    [
        ([0.7, 0.8, 0.85], [8, 8, 8], False),
        ([0.7, 0.8, 0.96], [8, 8, 8], True),
        ([0.7, 0.8, 0.94], [8, 8, 8], False),
        ([0.7, 0.8, 0.85, 0.99], [80, 80, 8, 8], False),  # one short line of a page
        ([0.7, 0.8, 0.99], [8, 8, 2], True),  # too few long lines to say
        ([0.7, 0.8], [20, 20], True),
        ([], [], True),
    ],
)
def test_an_image_of_which_no_long_line_is_clear_is_not_readable(scores, aspects, answer):
    assert is_readable(readings(scores, [20] * len(scores), aspects)) is answer


def test_crops_turn_within_their_own_width():
    crops = np.arange(2 * 2 * 4 * 3, dtype=np.uint8).reshape(2, 2, 4, 3)
    found = turn_crops(crops, np.array([4, 3], np.int32))
    np.testing.assert_array_equal(found[0], crops[0, ::-1, ::-1])
    np.testing.assert_array_equal(found[1, :, :3], crops[1, ::-1, 2::-1])
    np.testing.assert_array_equal(found[1, :, 3], found[1, :, 2])


def test_many_crops_turn_as_their_arrays_do():
    rng = np.random.default_rng(0)
    crops, widths = rng.integers(0, 255, (9, 48, 96, 3), np.uint8), np.arange(8, 97, 11, dtype=np.int32)
    for crop, found, width in zip(crops, turn_crops(crops, widths), widths.tolist(), strict=True):
        np.testing.assert_array_equal(found[:, :width], crop[::-1, width - 1 :: -1])
        assert (found[:, width:] == found[:, width - 1 : width]).all()


def test_runs_of_one_character_and_spaces_count_once_and_not_at_all():
    """As the decoder collapses them; `np.isin` and `np.diff` are the plain form of what is done here."""
    card = RecognizerCard("r", "s", "l", "0", height=48, decoder="ctc", characters=("a", " ", "b", "\u3000"))
    rng = np.random.default_rng(1)
    ids, probabilities = rng.integers(0, 5, (20, 40)).astype(np.int32), rng.random((20, 40)).astype(np.float32)
    widths = rng.integers(8, 320, 20).astype(np.int32)
    found = score_readings(ids, probabilities, widths, card)
    kept = (np.diff(ids, axis=1, prepend=-1) != 0) & (ids != 0) & ~np.isin(ids, [2, 4])
    kept &= np.arange(40) < np.ceil(widths / 8)[:, None]
    assert found.lengths.tolist() == kept.sum(axis=1).tolist()
    means = np.where(kept, probabilities, 0).sum(axis=1) / np.maximum(1, kept.sum(axis=1))
    np.testing.assert_allclose(found.scores, means, rtol=1e-6)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.recognition.long_lines import add_spaces, piece_edges

CARD = RecognizerCard("r", "s", "l", "0", height=48, decoder="ctc", characters=("\u3000", " "), max_width=320)


def printed(width, gaps):
    """A crop of black strokes on white, with empty gaps at some columns."""
    crop = np.full((48, width, 3), 255, np.uint8)
    crop[10:38] = np.where(np.arange(width) % 8 < 4, 0, 255)[None, :, None]
    for first, last in gaps:
        crop[:, first:last] = 255
    return crop


def test_a_line_that_the_recognizer_takes_is_one_piece():
    assert piece_edges(printed(352, []), 320, CARD) == [0, 320]


def test_a_long_line_is_cut_at_its_latest_wide_gap_in_whole_steps():
    edges = piece_edges(printed(700, [(200, 220), (270, 290), (530, 550)]), 700, CARD)
    assert (edges[0], edges[-1], len(edges)) == (0, 700, 4)
    assert 270 <= edges[1] <= 290
    assert 530 <= edges[2] <= 550
    assert all(edge % CARD.stride == 0 for edge in edges[:-1])


@given(st.integers(1, 3000), st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_no_piece_is_empty_or_longer_than_the_recognizer_takes(width, contrast, seed):
    crop = np.random.default_rng(seed).integers(0, contrast + 1, (8, width, 3)).astype(np.uint8)
    edges = piece_edges(crop, width, CARD)
    assert (edges[0], edges[-1]) == (0, width)
    assert all(0 < length <= CARD.max_width for length in np.diff(edges))


@pytest.mark.parametrize(("gap", "spaces"), [((152, 168), 1), ((158, 162), 0), (None, 0)])
def test_a_cut_between_words_is_a_space_and_one_between_letters_is_none(gap, spaces):
    ids = add_spaces(np.zeros(40, np.int32), printed(320, [gap] if gap else []), [0, 160, 320], CARD)
    assert (ids == 2).sum() == spaces
    assert not spaces or ids[20] == 2


def test_a_space_that_was_read_is_not_doubled_and_no_letter_is_lost():
    crop, ids = printed(320, [(152, 168)]), np.zeros(40, np.int32)
    ids[19] = 2
    assert (add_spaces(ids, crop, [0, 160, 320], CARD) == ids).all()
    ids[19], ids[20] = 0, 1
    assert (add_spaces(ids, crop, [0, 160, 320], CARD) == ids).all()
    ids[20] = 0
    assert (add_spaces(ids, crop, [0, 320], CARD) == ids).all()

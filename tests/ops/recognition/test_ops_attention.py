import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocdrnet_ops.recognition.decoding import decode_attention

CHARACTERS = ("a", "b", "c")


def decode(ids, probabilities=None):
    probabilities = np.ones(len(ids)) if probabilities is None else probabilities
    return decode_attention(np.array(ids, np.int32), np.array(probabilities, np.float32), CHARACTERS)


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ([2, 3, 4, 1, 1, 1], "abc"),
        ([2, 1, 3, 1, 4], "a"),
        ([2, 2, 3, 3, 1], "aabb"),
        ([1, 2, 3], ""),
        ([1], ""),
        ([2, 3, 4], "abc"),
        ([0, 2, 0, 3, 1], "ab"),
        ([0, 0, 1], ""),
        ([0, 0], ""),
    ],
    ids=[
        "plain",
        "stops at the first end",
        "repeats are kept",
        "empty",
        "only the end",
        "no end",
        "start inside",
        "starts alone",
        "starts and no end",
    ],
)
def test_text(ids, text):
    line = decode(ids)
    assert line.text == text
    assert "".join(line.characters) == text


def test_score_is_the_mean_over_the_kept_steps():
    """Neither [GO] nor [s] nor what comes after counts."""
    line = decode([0, 2, 3, 1, 4], [0.1, 0.5, 1.0, 0.2, 0.3])
    assert line.scores.tolist() == [0.5, 1.0]
    assert line.score == 0.75


def test_empty_text_scores_nothing():
    line = decode([1, 2], [0.9, 0.9])
    assert line.score == 0.0
    assert line.characters == ()
    assert line.scores.shape == line.starts.shape == line.ends.shape == (0,)


def test_characters_share_the_steps_equally():
    line = decode([2, 3, 4, 2, 1, 1, 1, 1])
    assert line.starts.tolist() == [0, 2, 4, 6]
    assert line.ends.tolist() == [2, 4, 6, 8]
    assert line.lag == 0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_any_ids_are_decoded_as_the_definition_says(ids):
    text = ""
    for i in ids:
        if i == 1:
            break
        text += CHARACTERS[i - 2] if i else ""
    line = decode(ids)
    assert line.text == text
    assert len(line.characters) == len(line.scores) == len(line.starts) == len(line.ends)
    assert (line.starts < line.ends).all()

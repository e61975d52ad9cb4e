import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocdrnet_ops.recognition.decoding import decode_ctc, decode_ctc_lines

CHARACTERS = ("a", "b", "c", " ")


def decode(ids, probabilities=None):
    probabilities = np.ones(len(ids)) if probabilities is None else probabilities
    return decode_ctc(np.array(ids, np.int32), np.array(probabilities, np.float32), CHARACTERS)


@pytest.mark.parametrize(
    ("ids", "text", "starts", "ends"),
    [
        ([1, 2, 3], "abc", [0, 1, 2], [1, 2, 3]),
        ([1, 1, 1, 2, 2], "ab", [0, 3], [3, 5]),
        ([1, 0, 1], "aa", [0, 2], [1, 3]),
        ([0, 0, 0], "", [], []),
        ([0, 1, 1, 0, 0], "a", [1], [3]),
        ([1, 0, 0, 2], "ab", [0, 3], [1, 4]),
        ([3], "c", [0], [1]),
        ([0], "", [], []),
        ([1, 4, 2], "a b", [0, 1, 2], [1, 2, 3]),
        ([4, 4, 1], " a", [0, 2], [2, 3]),
        ([2, 1, 2, 2, 0, 2, 0], "babb", [0, 1, 2, 5], [1, 2, 4, 6]),
    ],
)
def test_best_path(ids, text, starts, ends):
    line = decode(ids)
    assert line.text == text
    assert "".join(line.characters) == text
    assert line.starts.tolist() == starts
    assert line.ends.tolist() == ends


def test_score_is_the_mean_over_the_kept_steps():
    """The first step of each run is kept; blanks and repeats do not count."""
    line = decode([1, 1, 0, 2], [0.5, 0.1, 0.9, 1.0])
    assert line.scores.tolist() == [0.5, 1.0]
    assert line.score == 0.75


def test_empty_text_scores_nothing():
    line = decode([0, 0], [0.9, 0.9])
    assert line.score == 0.0
    assert line.characters == ()
    assert line.scores.shape == (0,)


def naive(ids):
    text, previous = [], None
    for i in ids:
        if i not in (previous, 0):
            text.append(CHARACTERS[i - 1])
        previous = i
    return "".join(text)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_any_path_is_decoded_as_the_definition_says(ids):
    line = decode(ids)
    assert line.text == naive(ids)
    assert len(line.characters) == len(line.scores) == len(line.starts) == len(line.ends)
    assert (line.starts < line.ends).all()
    for character, start, end in zip(line.characters, line.starts, line.ends, strict=True):
        assert {CHARACTERS[ids[i] - 1] for i in range(int(start), int(end))} == {character}


@given(st.lists(st.lists(st.integers(0, 4), min_size=6, max_size=6), min_size=1, max_size=8), st.data())
def test_many_lines_are_decoded_as_each_alone_up_to_its_end(paths, data):
    ids = np.array(paths, np.int32)
    probabilities = np.random.default_rng(0).random(ids.shape).astype(np.float32)
    ends = np.array([data.draw(st.integers(0, 8)) for _ in paths])  # a crop may be cut off by a fixed width
    lines = decode_ctc_lines(ids, probabilities, ends, [0.25] * len(ids), CHARACTERS)
    for line, own, scores, end in zip(lines, ids, probabilities, ends, strict=True):
        alone = decode_ctc(own[:end], scores[:end], CHARACTERS)
        assert (line.text, line.characters, line.score, line.lag) == (alone.text, alone.characters, 0.25, alone.lag)
        assert line.text == naive(own[:end].tolist())
        for name in ("scores", "starts", "ends"):
            np.testing.assert_array_equal(getattr(line, name), getattr(alone, name), strict=True)

from dataclasses import replace
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocdrnet_ops.recognition.character_spans import (
    NARROW_WIDTH,
    WIDE_WIDTH,
    CharacterSpan,
    character_rows,
    character_spans,
    in_order,
    with_character_beside,
)
from ocdrnet_ops.recognition.decoding import STEP_LAG, DecodedLine, decode_attention, decode_ctc
from ocdrnet_ops.recognition.right_to_left import logical_order, to_logical
from ocdrnet_ops.recognition.superscripts import join_superscripts
from ocdrnet_ops.recognition.words import LineSegment, WordSpan, renamed, split_words, with_character

# A ligature and a letter with its mark are one character of a recognizer each, of several code points.
CHARACTERS = ("a", "b", " ", "\u3000", "ffi", "e\u0301", " c ", "元", "i", "W")


def places(spans):
    return [(span.start, span.end) for span in spans]


def check(word):
    """Lengths add up, and places lie within the word, in its order, without gaps."""
    spans = word.characters
    assert sum(span.length for span in spans) == len(word.text)
    assert all(span.length > 0 for span in spans)
    assert [edge for span in spans for edge in (span.start, span.end)] == sorted(
        edge for place in places(spans) for edge in place
    )
    assert (spans[0].start, spans[-1].end) == (0, 1)
    assert all(before.end == after.start for before, after in pairwise(spans))


@given(
    st.lists(st.integers(0, len(CHARACTERS)), min_size=1, max_size=40),
    st.floats(0.01, 1),
    st.floats(0, 0.45),
    st.floats(0, 0.45),
)
def test_characters_of_words_are_the_words(ids, part, before, behind):
    """Also of those that were read in the margins, and whatever the widths."""
    probabilities = np.linspace(0.5, 1, len(ids), dtype=np.float32)
    line = decode_ctc(np.array(ids, np.int32), probabilities, CHARACTERS)
    steps, margins = len(ids) - 1 + part, (before, behind)
    found = split_words(line, steps, margins, characters=True)
    assert [replace(word, characters=()) for word in found] == split_words(line, steps, margins)
    for word in found:
        check(word)
        assert word.score == pytest.approx(np.mean([span.score for span in word.characters]), abs=1e-6)


def test_nothing_is_told_unasked():
    assert [word.characters for word in split_words(decoded("ab c"), 4.0)] == [(), ()]


def decoded(text, lag=0.0):
    """A line whose characters are one time step wide each."""
    edges = np.arange(len(text) + 1, dtype=np.float32)
    return DecodedLine(text, 1.0, tuple(text), np.ones(len(text), np.float32), edges[:-1], edges[1:], lag)


def test_neighbours_share_the_gap_between_their_steps():
    """Read at 0.5, 3.5 and 9.5 of ten steps, a lag right of the characters' middles."""
    (word,) = split_words(
        decode_ctc(np.int32([1, 0, 0, 2, 0, 0, 0, 0, 0, 1]), np.ones(10), CHARACTERS), 10.0, (0, 0), True
    )
    edges = [0, 0.2 - STEP_LAG / 10, 0.65 - STEP_LAG / 10, 1]
    np.testing.assert_allclose(places(word.characters), list(pairwise(edges)), atol=1e-6)


def test_places_count_from_the_word_not_from_the_line_or_its_margin():
    """Ten steps with two of margin; the second word begins at 4.5 of the line's 6, a half before its first middle."""
    ids = np.int32([0, 0, 1, 2, 3, 0, 1, 2, 0, 0])
    _, word = split_words(decode_ctc(ids, np.ones(10), CHARACTERS), 10.0, (0.2, 0.2), True)
    begin = 4 - STEP_LAG
    assert word.start == pytest.approx(begin / 6)
    edge = (5 - STEP_LAG - begin) / (6 - begin)
    np.testing.assert_allclose(places(word.characters), [(0, edge), (edge, 1)], atol=1e-6)


def test_wide_letters_have_more_of_the_gap_to_narrow_ones():
    spans = character_spans("aiWWa", [1.0] * 5, [1, 3, 5, 7, 9], 0, 10)
    edges = [
        0,
        1 + 2 / (1 + NARROW_WIDTH),
        3 + 2 * NARROW_WIDTH / (NARROW_WIDTH + WIDE_WIDTH),
        6,
        9 - 2 / (1 + WIDE_WIDTH),
        10,
    ]
    np.testing.assert_allclose(places(spans), list(pairwise(np.array(edges) / 10)), atol=1e-6)
    assert NARROW_WIDTH < 1 < WIDE_WIDTH


def test_characters_without_steps_of_their_own_have_equal_shares():
    line = decode_attention(np.int32([2, 3, 5, 4, 2, 3, 1]), np.ones(7, np.float32), ("a", "b", "c", " "))
    first, second = split_words(line, 7.0, (0, 0), True)
    np.testing.assert_allclose(places(first.characters), [(0, 0.5), (0.5, 1)], atol=1e-6)
    np.testing.assert_allclose(places(second.characters), [(i / 3, (i + 1) / 3) for i in range(3)], atol=1e-6)


def test_what_was_read_at_one_step_shares_its_place():
    """The second and third were read as one, and stand between 1.5 and 4.5 of 6."""
    spans = character_spans("abcd", [1.0] * 4, [1, 2, 2, 7], 0, 6)
    np.testing.assert_allclose(places(spans), list(pairwise([0, 1.5 / 6, 2.75 / 6, 4 / 6, 1])), atol=1e-6)
    assert places(character_spans("ab", [1.0] * 2, [5, 5], 5, 5)) == [(0, 0.5), (0.5, 1)], "a word without a width"


@given(st.lists(st.integers(1, 3), min_size=1, max_size=5), st.booleans(), st.integers(1, 2))
def test_an_added_character_takes_an_equal_share(lengths, behind, length):
    edges = np.linspace(0, 1, len(lengths) + 1).tolist()
    spans = [CharacterSpan(*edge, 0.5, own) for edge, own in zip(pairwise(edges), lengths, strict=True)]
    grown = with_character_beside(spans, 0.75, length, behind)
    count = len(spans) + 1
    np.testing.assert_allclose(places(grown), [(i / count, (i + 1) / count) for i in range(count)], atol=1e-6)
    expected = [*lengths, length] if behind else [length, *lengths]
    assert [span.length for span in grown] == expected
    assert grown[-1 if behind else 0].score == 0.75


@pytest.mark.parametrize("behind", [True, False])
def test_a_segment_with_one_more_character_still_adds_up(behind):
    words = tuple(split_words(decoded("ab cd"), 5.0, (0, 0), True))
    grown = with_character(LineSegment("ab cd", 1.0, words, True), "x", 0.5, behind)
    for word in grown.words:
        check(word)
    changed, kept = (1, 0) if behind else (0, 1)
    assert grown.words[changed].text == ("cdx" if behind else "xab")
    assert grown.words[kept] == words[kept]
    assert [span.score for span in grown.words[changed].characters] == ([1, 1, 0.5] if behind else [0.5, 1, 1])
    plain = LineSegment("ab cd", 1.0, tuple(split_words(decoded("ab cd"), 5.0)), True)
    assert all(word.characters == () for word in with_character(plain, "x", 0.5, behind).words)


def test_a_look_alike_that_is_settled_keeps_its_place():
    words = tuple(split_words(decoded("0"), 1.0, (0, 0), True))
    (word,) = renamed(LineSegment("0", 1.0, words, True), "O").words
    assert word.text == "O"
    check(word)


@pytest.mark.parametrize(("text", "small", "at"), [("m and", "2", 26), ("E = mc2 x", "2", 122), ("f(x) y", "10", 79)])
def test_raised_digits_stand_where_they_were_read_or_beside_their_letter(text, small, at):
    quads = np.float32(
        [
            [(0, 0), (20 * len(text), 0), (20 * len(text), 40), (0, 40)],
            [(at, -4), (at + 16, -4), (at + 16, 16), (at, 16)],
        ]
    )
    steps = np.array([len(text), len(small)], np.float64)
    joined, none = join_superscripts([decoded(text), decoded(small)], steps, np.zeros((2, 2), np.float32), quads)
    assert none is None
    found = split_words(joined, float(len(text)), (0, 0), True)
    assert "".join(word.text for word in found) != text.replace(" ", "")
    for word in found:
        check(word)
        assert all(span.end > span.start for span in word.characters)


# From left to right, as a recognizer answers them: words from the right, numbers, islands, brackets, marks.
VISUAL = [
    "םלוע םולש",
    "دلوي عيمج 12",
    "12/03/2024 يف 12345 مقر",
    "مكب )ابحرم(",
    "The word םולש means",
    "A B ב 25 םלוע םולש C D",
    "ُعيِمَج ُدَلوُي",
    "no such letters",
]


@pytest.mark.parametrize("visual", VISUAL)
def test_characters_of_text_from_right_to_left_stand_in_its_order_and_where_they_were_seen(visual):
    words = tuple(split_words(decoded(visual), float(len(visual)), (0, 0), True))
    found, _ = to_logical(LineSegment(visual, 1.0, words, True))
    order = [place for place in logical_order(visual) if not visual[place].isspace()]
    assert sum(span.length for word in found.words for span in word.characters) == len(order)
    read = iter(order)
    for word in found.words:
        assert sum(span.length for span in word.characters) == len(word.text)
        for span in word.characters:
            middle = word.start + (span.start + span.end) / 2 * (word.end - word.start)
            # An outer character of a word reaches to the word's edge, of the line's to the line's.
            assert middle == pytest.approx((next(read) + 0.5) / len(visual), abs=0.3 / len(visual))


def test_characters_of_several_code_points_stay_whole_where_they_are_read_in_a_run():
    spans = (CharacterSpan(0, 0.25, 1, 2), CharacterSpan(0.25, 0.5, 1, 1), CharacterSpan(0.5, 1, 0.5, 3))
    turned = in_order(spans, [5, 4, 3, 2, 1, 0])
    assert turned == (spans[2], spans[1], spans[0])
    parted = in_order(spans, [0, 2, 1, 3, 4, 5])
    assert [(span.start, span.length) for span in parted] == [(0, 1), (0.25, 1), (0, 1), (0.5, 3)]


@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=6).flatmap(
        lambda lengths: st.tuples(st.just(lengths), st.permutations(range(sum(lengths))))
    )
)
def test_any_order_has_every_code_point_once(lengths_and_order):
    lengths, order = lengths_and_order
    spans = [CharacterSpan(i / 10, (i + 1) / 10, 1.0, length) for i, length in enumerate(lengths)]
    found = in_order(spans, order)
    assert sum(span.length for span in found) == sum(lengths)
    owners = [round(span.start * 10) for span in found for _ in range(span.length)]
    starts = list(accumulate(lengths, initial=0))
    assert all(starts[owner] <= place < starts[owner + 1] for owner, place in zip(owners, order, strict=True))


BOX = np.float32([[(0, 0), (100, 0), (100, 20), (0, 20)]])
HALVES = (CharacterSpan(0, 0.5, 0.75), CharacterSpan(0.5, 1, 0.25, 2))


def test_rows_name_their_word():
    quads = np.concatenate([BOX, BOX + 40])
    rows = character_rows([HALVES, HALVES[:1]], quads, quads)
    assert rows.tolist() == [[0, 0, 0.5, 0.75, 1], [0, 0.5, 1, 0.25, 2], [1, 0, 0.5, 0.75, 1]]
    assert rows.dtype == np.float32
    for words, boxes in (([(), ()], quads), ([], quads[:0])):
        empty = character_rows(words, boxes, boxes)
        assert (empty.shape, empty.dtype) == ((0, 5), np.float32)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (np.clip(BOX, 0, (75, 20)), [(0, 2 / 3), (2 / 3, 1)]),  # the right quarter lies outside of the image
        (np.clip(BOX, (60, 0), (100, 20)), [(0, 0), (0, 1)]),  # of the first character nothing is left
        (np.clip(BOX, 0, (0, 0)), [(0, 0), (0, 0)]),  # of the word nothing is left
    ],
)
def test_places_in_a_box_that_is_cut_at_the_images_border_stay_where_they_are(seen, expected):
    quads = np.concatenate([BOX, BOX])
    rows = character_rows([HALVES, HALVES], quads, np.concatenate([BOX, seen]))
    np.testing.assert_allclose(rows[:2, 1:3], places(HALVES))
    np.testing.assert_allclose(rows[2:, 1:3], expected, atol=1e-6)


def test_a_word_span_has_no_characters_of_its_own_accord():
    assert WordSpan("a", 1.0, 0.0, 1.0).characters == ()

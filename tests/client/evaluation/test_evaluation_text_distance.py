"""Equality of texts, and edits between them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocdrnet_evaluation.text_distance import edits, folded, normalized, words


def table_edits(first, second):
    """Levenshtein's distance by Wagner and Fischer's table, cell by cell."""
    row = list(range(len(second) + 1))
    for count, character in enumerate(first, 1):
        diagonal, row[0] = row[0], count
        for index, other in enumerate(second, 1):
            diagonal, row[index] = row[index], min(row[index] + 1, row[index - 1] + 1, diagonal + (character != other))
    return row[-1]


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0), ("ab", "ba", 2), ("Über", "uber", 1)],
)
def test_edits(first, second, count):
    assert edits(first, second) == edits(second, first) == count


@given(st.text("abc ", max_size=12), st.text("abc ", max_size=12))
def test_edits_are_those_of_the_plain_table(first, second):
    assert edits(first, second) == table_edits(first, second)


def test_long_texts_are_no_trouble():
    assert edits("abcdefghij" * 400, "abcdefghij" * 399) == 10


def test_normalized_keeps_letters_and_digits():
    assert normalized("Café-Bar №7!") == "cafbar7"
    assert normalized("你好") == ""


def test_words_are_runs_of_letters_and_digits():
    assert words("Mr. O'Neil, 7:30") == ["mr", "o", "neil", "7", "30"]


def test_folded_has_single_spaces():
    assert folded(" a\n\tb  c ") == "a b c"

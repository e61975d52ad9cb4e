"""Reading with a list of words."""

import pytest

from ocdrnet_evaluation.text_distance import Lexicon


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("Harbour", "HARBOUR"),
        ("harb0ur", "HARBOUR"),
        ("HOTE", "Hotel"),
        ("7:31", "7:30"),
        ("far from any", "HARBOUR"),
    ],
)
def test_the_closest_entry_is_taken(text, entry):
    assert Lexicon(["HARBOUR", "Hotel", "7:30", "restaurant"]).closest(text) == entry


def test_an_equal_entry_beats_all():
    assert Lexicon(["on", "in", "an"]).closest("AN.") == "an"


def test_of_entries_equally_far_that_of_the_nearest_length_then_the_first():
    assert Lexicon(["cats", "cut", "cot"]).closest("cat") == "cut"


def test_nothing_to_compare_leaves_the_text():
    assert Lexicon(["a"]).closest("—") == "—"
    assert Lexicon([]).closest("word") == "word"


def test_entries_that_are_the_same_count_once():
    lexicon = Lexicon(["Bar", "BAR", "b-a-r", "!", ""])
    assert len(lexicon) == 1
    assert lexicon.closest("bar") == "Bar"


def test_the_search_that_stops_early_finds_what_a_full_one_does():
    from ocdrnet_evaluation.text_distance import edits

    entries = [f"{first}{second}{'x' * count}" for first in "abc" for second in "de" for count in range(6)]
    lexicon = Lexicon(entries)
    for text in ("a", "dx", "bexxxxxxxx", "xdxx", "zzzz", "cexx1"):
        assert edits(lexicon.closest(text), text) == min(edits(entry, text) for entry in entries)

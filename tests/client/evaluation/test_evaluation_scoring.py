"""The score of one image."""

import pytest
from evaluation_regions import page_of, upright

from ocdrnet_client import Line, Page, Word
from ocdrnet_evaluation.datasets import read_regions
from ocdrnet_evaluation.scoring import Mistake, Tally, score_page, score_regions, score_words
from ocdrnet_evaluation.text_distance import NONE, Lexicon

TRUTH = [
    upright("Hotel", 0, 0, 50, 10),
    upright("OPEN", 0, 20, 50, 10),
    upright("24", 0, 40, 50, 10),
    upright("###", 0, 60, 50, 10),
]
READ = [
    upright("HOTEL!", 0, 0, 50, 10),
    upright("0PEN", 0, 20, 50, 10),
    upright("blur", 0, 60, 50, 10),
    upright("ghost", 100, 0, 50, 10),
]


def test_an_image_with_every_kind_of_region():
    score = score_regions(TRUTH, READ)
    assert score.detection == Tally(truth=3, read=3, right=2)
    assert score.end_to_end == {NONE: Tally(3, 3, 1)}
    assert score.words == Tally(3, 3, 1)
    assert score.ignored == (2,)
    assert [(mistake.kind, mistake.truth, mistake.read) for mistake in score.mistakes] == [
        ("wrong", "OPEN", "0PEN"),
        ("missed", "24", ""),
        ("false", "", "ghost"),
    ]


def test_characters_are_those_of_matched_texts_case_ignored():
    score = score_regions(TRUTH, READ)
    assert (score.edits, score.characters) == (2, 9)


def test_a_lexicon_mends_what_is_close():
    score = score_regions(TRUTH, READ, {"strong": Lexicon(["Hotel", "OPEN", "24"])})
    assert score.end_to_end["strong"] == Tally(3, 3, 2)
    assert score.end_to_end[NONE] == Tally(3, 3, 1)


def test_a_blank_image_read_as_blank_is_perfect_and_adds_nothing():
    score = score_regions([], [])
    assert (score.detection, score.mark, score.mistakes) == (Tally(), 1.0, ())


def test_a_blank_image_with_a_reading_is_not():
    assert score_regions([], [upright("ghost", 0, 0, 9, 9)]).mark == 0.0


def test_nothing_read_misses_all():
    score = score_regions(TRUTH, [])
    assert score.detection == Tally(3, 0, 0)
    assert [mistake.kind for mistake in score.mistakes] == ["missed"] * 3


def test_words_count_as_often_as_they_occur():
    assert score_words(["to be or", "not to be"], ["to to to be"]) == Tally(6, 4, 3)


def test_a_page_folds_white_space_and_keeps_case():
    lines = [upright("One  two", 0, 0, 9, 9), upright("Three.", 0, 10, 9, 9)]
    score = score_page("one\ntwo three.\n", lines)
    assert (score.edits, score.characters, score.detection) == (2, 14, None)
    assert score.mark == pytest.approx(12 / 14)
    assert score.mistakes == ()


def test_a_pages_mistakes_are_its_words():
    score = score_page("one two", [upright("one tw0", 0, 0, 9, 9)])
    assert score.mistakes == (Mistake("missed", "two", ""), Mistake("false", "", "tw0"))


def test_the_rates_of_a_tally():
    tally = Tally(truth=4, read=2, right=1)
    assert (tally.precision, tally.recall) == (0.5, 0.25)
    assert tally.hmean == pytest.approx(1 / 3)
    assert (Tally().precision, Tally().recall, Tally().hmean) == (0, 0, 0)


def test_regions_are_words_or_lines():
    box = upright("", 0, 0, 9.04, 9).points
    line = Line("a b", 1.0, box, 1.0, (Word("a", 1.0, box), Word("b", 1.0, box)))
    page = Page(20, 20, (line, Line("c", 1.0, box, 1.0)))
    assert [region.text for region in read_regions(page, "word")] == ["a", "b", "c"]
    assert [region.text for region in read_regions(page, "line")] == ["a b", "c"]
    assert read_regions(page, "line")[0].points[1] == (9.0, 0.0)
    assert read_regions(page_of(), "word") == ()

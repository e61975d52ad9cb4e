import dataclasses

import numpy as np
import pytest

from ocdrnet_ops.cards import CardError, card_json, read_recognizer_card
from ocdrnet_ops.recognition.charset import Charsets
from ocdrnet_ops.recognition.line_flip import ReadingScores
from ocdrnet_ops.recognition.several import (
    Readings,
    belongs_to_others,
    doubtful_lines,
    join_cards,
    keep_better,
    leaves_nothing,
    part_cards,
    part_charset,
    shared_ids,
)


def rated(scores, lengths=None, aspects=None):
    count = len(scores)
    return ReadingScores(
        np.array(scores, np.float32), np.array(lengths or [5] * count), np.array(aspects or [1] * count, float)
    )


@pytest.fixture
def cards(recognizer_card):
    """One of Latin, one of Cyrillic with a space, one of Greek."""
    texts = (("a", "b", " "), ("б", "в", "a", " "), ("α", "β"))
    return [
        dataclasses.replace(recognizer_card(), name=name, characters=text, license=terms)
        for name, text, terms in zip(("first", "second", "third"), texts, ("MIT", "MIT", "Apache-2.0"), strict=True)
    ]


def test_card_of_one_is_its_own(cards):
    assert join_cards(cards[:1]) is cards[0]
    assert part_cards(cards[0]) == (cards[0],)


def test_shared_card_holds_all_characters_in_order(cards, tmp_path):
    joined = join_cards(cards)
    assert joined.characters == ("a", "b", " ", "б", "в", "a", " ", "α", "β")
    assert (joined.shares, joined.name, joined.license) == ((3, 4, 2), "first + second + third", "MIT + Apache-2.0")
    assert [card.characters for card in part_cards(joined)] == [card.characters for card in cards]
    assert not any(card.shares for card in part_cards(joined))
    (tmp_path / "card.json").write_text(card_json(joined))
    assert read_recognizer_card(tmp_path / "card.json") == joined


@pytest.mark.parametrize("change", [{"height": 32}, {"stride": 4}, {"max_width": 1600}, {"padding": "edge"}])
def test_recognizers_of_other_crops_are_refused_with_the_difference(cards, change):
    (name, value) = next(iter(change.items()))
    with pytest.raises(
        CardError, match=f"first and second cannot read the same crops: their {name} is .* and {value!r}"
    ):
        join_cards([cards[0], dataclasses.replace(cards[1], **change)])


@pytest.mark.parametrize("shares", [(3, 3), (9, 0), (-1, 10)])
def test_shares_of_other_characters_are_refused(cards, shares):
    with pytest.raises(CardError, match="are not of 9 characters"):
        dataclasses.replace(join_cards(cards), shares=shares)


def test_shares_go_with_ctc_of_a_free_width(cards):
    with pytest.raises(CardError, match="must be CTC ones of a free width"):
        dataclasses.replace(join_cards(cards), width=100)


def test_ids_are_shifted_by_the_characters_before(cards):
    joined = join_cards(cards)
    ids = np.array([[0, 1, 2]], np.int32)
    assert [shared_ids(ids, joined, part).tolist() for part in range(3)] == [[[0, 1, 2]], [[0, 4, 5]], [[0, 8, 9]]]
    assert shared_ids(ids, joined, 1).dtype == np.int32


@pytest.mark.parametrize(
    ("text", "kept"),
    [("cyrillic", ([3], [1, 2, 4], [])), ("ab", ([1, 2, 3], [3, 4], [])), ("greek", ([3], [4], None))],
)
def test_charset_falls_into_what_each_network_knows(cards, text, kept):
    joined = join_cards(cards)
    whole = Charsets(joined).find(text)
    for part, own in enumerate(kept):
        found = part_charset(whole, joined, part)
        allowed = list(range(1, len(cards[part].characters) + 1)) if found is None else found.ids.tolist()[1:]
        assert allowed == (own if own is not None else [1, 2])
        if found is not None:
            assert found.ids[0] == 0
            assert np.flatnonzero(found.allowed).tolist() == found.ids.tolist()
    assert [leaves_nothing(part_charset(whole, joined, part), cards[part]) for part in range(3)] == {
        "cyrillic": [True, False, True],
        "ab": [False, False, True],
        "greek": [True, True, False],
    }[text]


def test_no_charset_leaves_everything(cards):
    assert not leaves_nothing(None, cards[0])


def test_lines_of_a_low_score_or_few_characters_are_doubtful():
    first = rated([0.9, 0.84, 0.99, 0.86, 0.1], [5, 5, 1, 5, 0], [3, 3, 9, 14, 1])
    assert doubtful_lines(first, np.array([9] * 5, np.int32)).tolist() == [1, 2, 4]
    assert doubtful_lines(first, np.array([9, 0, 9, 9, 9], np.int32)).tolist() == [2, 4], (
        "one of no width holds nothing"
    )


def readings(scores, lengths=None, aspects=None, width=4):
    count = len(scores)
    ids = np.repeat(np.arange(1, count + 1, dtype=np.int32)[:, None], width, axis=1)
    return Readings(
        ids, np.full((count, width), 0.5, np.float32), rated(scores, lengths, aspects), np.ones(count, bool)
    )


def test_the_better_reading_is_kept():
    best = readings([0.5, 0.6, 0.7, 0.9])
    ids, probabilities = np.full((3, 2), 9, np.int32), np.full((3, 2), 0.25, np.float32)
    found = keep_better(best, np.array([0, 1, 2]), ids, probabilities, rated([0.8, 0.6, 0.9], [4, 4, 2]))
    assert found.ids.tolist() == [[9, 9, 0, 0], [2] * 4, [3] * 4, [4] * 4], "no lead, too few characters, not asked"
    assert found.probabilities[0].tolist() == [0.25, 0.25, 1, 1]
    assert found.rated.scores.tolist() == pytest.approx([0.8, 0.6, 0.7, 0.9])
    assert found.rated.lengths.tolist() == [4, 5, 5, 5]
    assert found.by_first.tolist() == [False, True, True, True]
    assert best.ids[0].tolist() == [1] * 4, "what was given stays"


def test_a_sparse_reading_gives_way_to_a_short_one():
    best = readings([0.99], [2], [9])
    found = keep_better(best, np.array([0]), best.ids[:, :2], best.probabilities[:, :2], rated([0.5], [3], [9]))
    assert not found.by_first[0]
    sparse = keep_better(best, np.array([0]), best.ids[:, :2], best.probabilities[:, :2], rated([0.99], [2], [9]))
    assert sparse.by_first[0]


def test_most_characters_decide_whose_an_image_is():
    best = readings([0.9, 0.9, 0.9], [5, 3, 3])
    assert not belongs_to_others(best)
    assert belongs_to_others(dataclasses.replace(best, by_first=np.array([True, False, False])))
    assert not belongs_to_others(dataclasses.replace(best, by_first=np.array([False, True, True])))
    assert not belongs_to_others(readings([0.0], [0]))

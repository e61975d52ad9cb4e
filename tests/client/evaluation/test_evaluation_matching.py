"""Which region that was read is which of the truth."""

from evaluation_regions import upright

from ocdrnet_evaluation.datasets import Region
from ocdrnet_evaluation.scoring import match


def test_the_same_place_matches():
    found = match([upright("a", 0, 0, 20, 10)], [upright("b", 1, 0, 20, 10)])
    assert (found.pairs, found.missed, found.false, found.ignored) == (((0, 0),), (), (), ())


def test_half_in_common_is_not_enough():
    """20 of 40 in common is an overlap of exactly 0.5; the rule is: more."""
    truth = [upright("a", 0, 0, 40, 10)]
    assert match(truth, [upright("a", 0, 0, 20, 10)]).pairs == ()
    assert match(truth, [upright("a", 0, 0, 20.1, 10)]).pairs == ((0, 0),)


def test_one_to_one_the_second_reading_of_a_word_is_false():
    found = match([upright("a", 0, 0, 20, 10)], [upright("a", 0, 0, 20, 10), upright("a", 0, 0, 20, 10)])
    assert (found.pairs, found.false) == (((0, 0),), (1,))


def test_one_to_one_the_second_truth_of_a_place_is_missed():
    found = match([upright("a", 0, 0, 20, 10), upright("b", 0, 0, 20, 10)], [upright("a", 0, 0, 20, 10)])
    assert (found.pairs, found.missed) == (((0, 0),), (1,))


def test_a_line_read_over_two_words_is_false_and_both_are_missed():
    truth = [upright("a", 0, 0, 20, 10), upright("b", 22, 0, 20, 10)]
    found = match(truth, [upright("a b", 0, 0, 42, 10)])
    assert (found.pairs, found.missed, found.false) == ((), (0, 1), (0,))


def test_dont_care_is_neither_missed_nor_false():
    found = match([upright("###", 0, 0, 20, 10)], [upright("x", 0, 0, 20, 10)])
    assert (found.pairs, found.missed, found.false, found.ignored) == ((), (), (), (0,))
    assert match([upright("###", 0, 0, 20, 10)], []).missed == ()


def test_dont_care_takes_what_lies_in_it_for_more_than_half_of_its_own_area():
    region = upright("###", 0, 0, 100, 100)
    assert match([region], [upright("x", 95, 0, 10, 10)]).ignored == ()
    assert match([region], [upright("x", 94, 0, 10, 10)]).ignored == (0,)


def test_two_halves_of_dont_care_do_not_add_up():
    halves = [upright("###", 0, 0, 10, 10), upright("###", 10, 0, 10, 10)]
    assert match(halves, [upright("x", 0, 0, 20, 10)]).false == (0,)


def test_what_is_ignored_cannot_match():
    """A word inside a don't-care region: the reading of it goes to that region."""
    found = match([upright("a", 0, 0, 20, 10), upright("###", 0, 0, 20, 10)], [upright("a", 0, 0, 20, 10)])
    assert (found.pairs, found.missed, found.ignored) == ((), (0,), (0,))


def test_nothing_at_all():
    for truth, read in ([], []), ([], [upright("a", 0, 0, 9, 9)]), ([upright("a", 0, 0, 9, 9)], []):
        found = match(truth, read)
        assert (found.pairs, len(found.missed), len(found.false)) == ((), len(truth), len(read))


def test_a_region_without_area_is_not_counted():
    flat = Region("a", ((0.0, 0.0), (9.0, 0.0), (9.0, 0.0), (0.0, 0.0)))
    assert match([upright("a", 0, 0, 9, 9)], [flat]).ignored == (0,)
    assert match([flat], []).missed == (0,)


def test_an_outline_that_crosses_itself_still_has_an_area():
    crossed = Region("a", ((0.0, 0.0), (20.0, 10.0), (20.0, 0.0), (0.0, 10.0)))
    assert match([crossed], [crossed]).pairs == ((0, 0),)


def test_slanted_quads_are_measured_as_they_are():
    """Two diamonds side by side: their bounding boxes overlap, they do not."""
    diamond = Region("a", ((10.0, 0.0), (20.0, 10.0), (10.0, 20.0), (0.0, 10.0)))
    beside = Region("a", tuple((x + 6, y + 15) for x, y in diamond.points))
    assert match([diamond], [beside]).pairs == ()

"""Named sets, masks and errors of the `charset` option."""

import numpy as np
import pytest

from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.recognition.charset import ALL, KEPT_CHARSETS, SETS, Charsets, blank_disallowed
from ocdrnet_ops.recognition.decoding import decode_attention, decode_ctc

CHARACTERS = tuple("0129AZaz-/+.é€Ωω中かア ")


@pytest.fixture
def charsets(recognizer_card):
    return Charsets(recognizer_card(characters=CHARACTERS))


def allowed(charsets, text):
    """The characters that are allowed, through ids as a CTC decoder reads them."""
    return "".join(CHARACTERS[i - 1] for i in charsets.find(text).ids if i)


@pytest.mark.parametrize(
    ("charset", "expected"),
    [
        ("digits", "0129 "),
        ("uppercase", "AZ "),
        ("lowercase", "az "),
        ("letters", "AZaz "),
        ("alphanumeric", "0129AZaz "),
        ("ascii", "0129AZaz-/+. "),
        ("latin", "0129AZaz-/+.é€ "),
        ("greek", "0129-/+.€Ωω "),
        ("chinese", "0129-/+.€中 "),
        ("japanese", "0129-/+.€中かア "),
        ("latin+greek", "0129AZaz-/+.é€Ωω "),
        ("greek + latin", "0129AZaz-/+.é€Ωω "),
        ("digits+uppercase", "0129AZ "),
        (" Digits", "0129 "),
        ("digits+-/", "0129-/ "),
        ("digits++-", "0129-+ "),
        ("digits+", "0129+ "),
        ("012", "012 "),
        ("1 2", "12 "),
        (" ", " "),
        ("a+z", "az+ "),
        ("zzz0", "0z "),
        ("e\u0301", "é "),
    ],
)
def test_what_is_allowed(charsets, charset, expected):
    assert sorted(allowed(charsets, charset)) == sorted(expected)


@pytest.mark.parametrize("charset", ["all", "ALL", "all+greek", "greek+all", "latin+greek+japanese"])
def test_everything_is_no_restriction(charsets, charset):
    assert charsets.find(charset) is None


def test_mask_and_ids_belong_to_the_characters_of_their_place(charsets):
    found = charsets.find("2Z")
    assert found.allowed.shape == (len(CHARACTERS) + 1,)
    assert found.ids.dtype == np.int32
    assert found.ids.tolist() == [0, CHARACTERS.index("2") + 1, CHARACTERS.index("Z") + 1, CHARACTERS.index(" ") + 1]
    np.testing.assert_array_equal(np.flatnonzero(found.allowed), found.ids)
    np.testing.assert_array_equal(charsets.characters("2Z"), [c in "2Z " for c in CHARACTERS])


@pytest.mark.parametrize(("decoder", "special"), [("ctc", 1), ("attention", 2)])
def test_classes_that_are_no_characters_stay_allowed(recognizer_card, decoder, special):
    card = recognizer_card(characters=tuple("ab1"), decoder=decoder, width=100)
    found = Charsets(card).find("digits")
    assert found.ids.tolist() == [*range(special), special + 2]  # this recognizer has no space
    assert found.allowed.tolist() == [True] * special + [False, False, True]


@pytest.mark.parametrize("first_and_last", ["AZ", "az", "09"])
def test_ends_of_the_ascii_sets(recognizer_card, first_and_last):
    """Their neighbours in ASCII are not in them."""
    first, last = first_and_last
    around = (chr(ord(first) - 1), first, last, chr(ord(last) + 1))
    name = {"A": "uppercase", "a": "lowercase", "0": "digits"}[first]
    assert Charsets(recognizer_card(characters=around)).characters(name).tolist() == [False, True, True, False]
    assert Charsets(recognizer_card(characters=("\x1f", " ", "~", "\x7f"))).characters("ascii").tolist() == [
        False, True, True, False,
    ]  # fmt: skip


def test_latin_has_what_print_in_latin_letters_holds(recognizer_card):
    wanted = "AZaz09ÄÖÜßçøłŒžș€£¥$°±§©®™«»„“”‘’–—…•·×÷½²‰№ẞﬁ!\"#%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    others = "ΩωЖжא中か가①→★％（"
    mask = Charsets(recognizer_card(characters=tuple(wanted + others))).characters("latin")
    assert mask.tolist() == [True] * len(wanted) + [False] * len(others)


@pytest.mark.parametrize("name", SETS)
def test_ranges_are_in_order_and_hold_letters_of_their_own(name):
    for ranges in (SETS[name].own, SETS[name].also):
        assert all(low <= high for low, high in ranges)
    own = {point for low, high in SETS[name].own for point in (low, high)}
    assert own.isdisjoint({ord(" ")}) or name == "ascii"


@pytest.mark.parametrize("charset", ["cyrillic", "Korean", "latin+cyrillic", "digits+hebrew"])
def test_set_that_the_recognizer_knows_nothing_of_is_refused_by_name(charsets, charset):
    name = charset.lower().split("+")[-1]
    with pytest.raises(OptionError, match=f"^charset is '{name}'; the recognizer r has no character of that set$"):
        charsets.find(charset)


def test_common_signs_do_not_make_a_script(recognizer_card):
    with pytest.raises(OptionError, match="no character of that set"):
        Charsets(recognizer_card(characters=tuple("0123.,€ "))).find("latin")


@pytest.mark.parametrize(
    ("charset", "missing"), [("01x☃", "'x', '☃'"), ("Q", "'Q'"), ("digits+☃", "'☃'"), ("☃☃☃", "'☃'")]
)
def test_characters_that_the_recognizer_lacks_are_named(charsets, charset, missing):
    with pytest.raises(OptionError) as caught:
        charsets.find(charset)
    assert f"charset is {charset!r}; the recognizer r does not know {missing}. " in str(caught.value)


def test_many_missing_characters_do_not_make_an_endless_message(charsets):
    with pytest.raises(OptionError) as caught:
        charsets.find("".join(map(chr, range(0x400, 0x400 + 900))))
    assert "and 880 more" in str(caught.value)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize(("charset", "meant"), [("digit", "digits"), ("latn", "latin"), ("digits+greeek", "greek")])
def test_misspelt_name_is_refused_with_the_right_one(charsets, charset, meant):
    with pytest.raises(OptionError, match=f"which is no set, but {meant} is"):
        charsets.find(charset)


def test_the_space_may_be_asked_for_where_the_recognizer_has_none(recognizer_card):
    assert Charsets(recognizer_card(characters=tuple("ab"))).find("a ").ids.tolist() == [0, 1]


def test_charsets_that_are_asked_for_again_are_the_same_object(charsets):
    found = charsets.find("digits")
    assert charsets.find("digits") is found
    for number in range(KEPT_CHARSETS):
        charsets.find("0" * (number + 1))
    assert charsets.find("digits") is not found  # the oldest went: the number of kept ones is bounded


def test_two_recognizers_do_not_share_charsets(recognizer_card):
    one, other = (Charsets(recognizer_card(characters=tuple(text))) for text in ("a1", "1a"))
    assert one.find("digits").ids.tolist() == [0, 2]
    assert other.find("digits").ids.tolist() == [0, 1]


def test_characters_of_several_code_points_belong_where_the_first_does(recognizer_card):
    charsets = Charsets(recognizer_card(characters=("e\u0323\u0301", "", "1")))
    assert charsets.characters("lowercase").tolist() == [True, False, False]


def test_disallowed_ids_become_blank():
    allowed = np.array([True, False, True, True])
    ids = np.array([[0, 1, 2, 3], [1, 1, 3, 0]], np.int32)
    found = blank_disallowed(ids, allowed)
    assert found.tolist() == [[0, 0, 2, 3], [0, 0, 3, 0]]
    assert found.dtype == np.int32
    assert ids[0, 1] == 1  # the request's own memory is left alone


def test_ids_that_are_all_allowed_are_handed_on_uncopied():
    ids = np.array([[0, 2]], np.int32)
    assert blank_disallowed(ids, np.array([True, False, True])) is ids


def test_ids_beyond_the_list_stay_for_the_decoder_to_refuse():
    ids = np.array([[3, 1, 7]], np.int32)
    assert blank_disallowed(ids, np.array([True, False, False])).tolist() == [[3, 0, 7]]


def test_both_decoders_leave_out_what_was_blanked():
    characters, ones = tuple("1O5"), np.ones(5, np.float32)
    ctc = blank_disallowed(np.array([1, 1, 2, 3, 0], np.int32), np.array([True, True, False, True]))
    assert decode_ctc(ctc, ones, characters).text == "15"
    attention = blank_disallowed(np.array([2, 3, 4, 1, 3], np.int32), np.array([True, True, True, False, True]))
    assert decode_attention(attention, ones, characters).text == "15"


def test_all_is_what_the_option_is_by_default():
    assert ALL == "all"

import json
import re
from typing import Literal, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocdrnet_ops.errors import ImageError, OcrInputError, OptionError
from ocdrnet_ops.options import (
    BOX_THRESHOLD,
    OPTIONS,
    UPSIDE_DOWN,
    ChoiceOption,
    NumberOption,
    ReadOptions,
    TextOption,
    choice,
    number,
    parse_options,
    parse_request_parameters,
)

RANGES = {
    "binarize_threshold": (float, 0.01, 0.99),
    "box_threshold": (float, 0.0, 1.0),
    "unclip_ratio": (float, 0.0, 5.0),
    "max_candidates": (int, 1, 10_000),
    "min_size": (int, 1, 1000),
    "detector_side": (int, 32, 4096),
    "min_text_score": (float, 0.0, 1.0),
}
CHOICES = {
    "tiling": ("auto", "off", "on"),
    "geometry": ("quad", "polygon"),
    "upside_down": ("auto", "off", "on"),
    "merge": ("line", "word", "paragraph"),
    "characters": ("off", "on"),
}
NAMES = sorted([*RANGES, *CHOICES, "charset"])


def test_the_options_are_these():
    numbers = [option for option in OPTIONS if isinstance(option, NumberOption)]
    assert {option.name: (option.kind, option.low, option.high) for option in numbers} == RANGES
    assert {option.name: option.choices for option in OPTIONS if isinstance(option, ChoiceOption)} == CHOICES
    assert [(option.name, option.longest) for option in OPTIONS if isinstance(option, TextOption)] == [
        ("charset", 1000)
    ]
    assert sorted(option.name for option in OPTIONS) == NAMES
    assert all(option.help.endswith(".") for option in OPTIONS)


@pytest.mark.parametrize(("name", "kind", "low", "high"), [(name, *rest) for name, rest in RANGES.items()])
def test_bounds_are_inclusive_and_named(name, kind, low, high):
    step = 1 if kind is int else 1e-6
    for value in (low, high):
        assert parse_options({name: value}) == {name: value}
        assert type(parse_options({name: value})[name]) is kind
    what = "an integer" if kind is int else "a number"
    for value in (low - step, high + step):
        message = f"{name} is {value!r}; it must be {what} from {low:g} to {high:g}"
        with pytest.raises(OptionError, match=f"^{re.escape(message)}$"):
            parse_options({name: value})


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize(
    "value",
    [True, False, None, "", "high", "nan", "inf", "-inf", float("nan"), float("inf"), -float("inf"), [1], {}, 10**400],
)
def test_what_is_no_number_is_refused(name, value):
    with pytest.raises(OptionError, match=f"^{name} is "):
        parse_options({name: value})


@pytest.mark.parametrize(
    ("value", "expected"), [(640, 640), (640.0, 640), ("640", 640), (" 640.0 ", 640), ("6.4e2", 640)]
)
def test_integers_may_be_whole_floats_and_strings(value, expected):
    found = parse_options({"detector_side": value})["detector_side"]
    assert found == expected
    assert type(found) is int


@pytest.mark.parametrize("value", [640.5, "640.5"])
def test_fractions_are_no_integers(value):
    with pytest.raises(OptionError, match="an integer from 32 to 4096"):
        parse_options({"detector_side": value})


def test_numbers_may_be_strings():
    assert parse_options({"box_threshold": "0.25"}) == {"box_threshold": 0.25}


@pytest.mark.parametrize("name", ["box_threshold", "ocdrnet-box-threshold", "Ocdrnet-Box-Threshold", "box-threshold"])
def test_header_names_are_names(name):
    assert parse_options({name: 0.5}) == {"box_threshold": 0.5}


@pytest.mark.parametrize("name", ["box", "", "ocdrnet-", "x-ocdrnet-box-threshold", "dilate", "box threshold"])
def test_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(OptionError, match="unknown parameter") as caught:
        parse_options({name: 0.5})
    assert str(caught.value) == f"unknown parameter {name!r}; known are {', '.join(NAMES)}"


def test_several_options_at_once_and_none():
    assert parse_options({"min_size": 4, "unclip_ratio": 2}) == {"min_size": 4, "unclip_ratio": 2.0}
    assert parse_options({}) == {}


def test_request_parameters_are_json():
    assert parse_request_parameters('{"ocdrnet-min-size": "7"}') == {"min_size": 7}
    assert parse_request_parameters("") == {}
    assert parse_request_parameters("{}") == {}


def test_mistakes_are_of_one_kind():
    assert issubclass(OptionError, OcrInputError)
    assert issubclass(ImageError, OcrInputError)


@given(
    st.dictionaries(
        st.sampled_from([*RANGES, "other", "ocdrnet-min-size"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text("0123456789.e-+ naif", max_size=8),
    )
)
def test_any_parameters_are_in_range_or_refused(parameters):
    try:
        found = parse_request_parameters(json.dumps(parameters))
    except OptionError:
        return
    for name, value in found.items():
        kind, low, high = RANGES[name]
        assert type(value) is kind
        assert low <= value <= high


def test_numbers_of_numpy_are_numbers():
    options = parse_options({"min_size": np.int64(7), "box_threshold": np.float32(0.5)})
    assert options == {"min_size": 7, "box_threshold": 0.5}
    assert [type(value) for value in options.values()] == [int, float]


@pytest.mark.parametrize(("name", "word"), [(name, word) for name, words in CHOICES.items() for word in words])
def test_choices_are_words_in_any_case(name, word):
    assert parse_options({name: word}) == parse_options({name: f" {word.upper()} "}) == {name: word}


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("value", ["maybe", "", 1, True, None, ["on"]])
def test_what_is_no_choice_is_refused_with_the_choices(name, value):
    message = f"{name} is {value!r}; it must be one of {', '.join(CHOICES[name])}"
    with pytest.raises(OptionError, match=f"^{re.escape(message)}$"):
        parse_options({name: value})


def test_a_text_is_taken_as_it_is_within_its_length():
    for text in ("0", " a", "x" * 1000):
        assert parse_options({"charset": text}) == {"charset": text}
    for value in ("", "x" * 1001, 7, None):
        with pytest.raises(OptionError, match=r"^charset is .*; it must be a text of 1 to 1000 characters$"):
            parse_options({"charset": value})


def test_what_is_left_out_has_its_default():
    assert choice({}, UPSIDE_DOWN) == "auto"
    assert choice({"upside_down": "off"}, UPSIDE_DOWN) == "off"
    assert number({}, BOX_THRESHOLD, 0.5) == 0.5
    assert number({"box_threshold": 0}, BOX_THRESHOLD, 0.5) == 0


def test_keywords_of_read_are_the_options():
    kinds = {NumberOption: lambda option: option.kind, ChoiceOption: lambda option: Literal[option.choices]}
    types = {option.name: kinds.get(type(option), lambda _: str)(option) for option in OPTIONS}
    assert get_type_hints(ReadOptions) == types

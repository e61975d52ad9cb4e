import dataclasses
import json

import pytest

from ocdrnet_ops.cards import CardError, card_json, read_detector_card, read_recognizer_card


@pytest.fixture
def write(tmp_path):
    def to_file(content):
        path = tmp_path / "card.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return to_file


def test_detector_card_survives_the_file(detector_card, write):
    card = detector_card(side=640, max_side=1280, unclip_ratio=1.75, dilate=True, binarize_threshold=0.25)
    assert read_detector_card(write(card_json(card))) == card


def test_recognizer_card_survives_the_file(recognizer_card, write):
    card = recognizer_card(
        characters=("é", "漢", '"', "\\", "\u2028", " "),
        width=320,
        decoder="attention",
        time_steps=26,
        interpolation="cubic",
        max_batch=3,
    )
    assert read_recognizer_card(write(card_json(card))) == card


def test_card_is_readable_text(recognizer_card):
    text = card_json(recognizer_card(characters=("漢",)))
    assert "漢" in text
    assert text.endswith("}\n")


def fields(card):
    return json.loads(card_json(card))


@pytest.mark.parametrize("name", ["name", "source", "license", "sha256", "resize"])
def test_missing_field_of_a_detector_is_named(detector_card, write, name):
    data = fields(detector_card())
    del data[name]
    with pytest.raises(CardError, match=f"card.json.*'{name}'"):
        read_detector_card(write(data))


@pytest.mark.parametrize("name", ["name", "source", "license", "sha256", "height", "decoder"])
def test_missing_field_of_a_recognizer_is_named(recognizer_card, write, name):
    data = fields(recognizer_card())
    del data[name]
    with pytest.raises(CardError, match=f"card.json.*'{name}'"):
        read_recognizer_card(write(data))


def test_missing_characters_are_an_empty_list(recognizer_card, write):
    data = fields(recognizer_card())
    del data["characters"]
    with pytest.raises(CardError, match="character list is empty"):
        read_recognizer_card(write(data))


def test_unknown_field_is_named(detector_card, recognizer_card, write):
    with pytest.raises(CardError, match="unknown field 'colour'"):
        read_detector_card(write(fields(detector_card()) | {"colour": 1}))
    with pytest.raises(CardError, match="unknown field 'colour'"):
        read_recognizer_card(write(fields(recognizer_card()) | {"colour": 1}))


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "null", '"text"'])
def test_what_is_no_json_object_is_refused(write, content):
    for read in (read_detector_card, read_recognizer_card):
        with pytest.raises(CardError, match=r"card\.json"):
            read(write(content))


@pytest.mark.parametrize(
    "change",
    [
        {"resize": "crop"},
        {"resize": "stretch"},
        {"resize": "letterbox", "height": 320},
        {"height": 320, "width": 640},
        {"resize": "stretch", "height": 320, "width": 650},
        {"resize": "stretch", "height": 330, "width": 640},
        {"height": -32},
        {"binarize_threshold": -0.1},
        {"binarize_threshold": 1.1},
        {"box_threshold": float("nan")},
        {"box_threshold": 1.01},
        {"unclip_ratio": -1},
        {"unclip_ratio": float("inf")},
        {"min_size": 0},
        {"max_candidates": 0},
        {"side": 0},
        {"max_side": 0},
        {"box_threshold": "high"},
    ],
)
def test_bad_detector_card_is_refused(detector_card, write, change):
    with pytest.raises(CardError):
        read_detector_card(write(fields(detector_card()) | change))


@pytest.mark.parametrize(
    "change",
    [
        {"decoder": "beam"},
        {"decoder": "attention"},
        {"characters": []},
        {"characters": 5},
        {"characters": ["a", 3]},
        {"height": 0},
        {"height": "48"},
        {"stride": 0},
        {"width": -1},
        {"time_steps": -1},
        {"max_batch": -1},
        {"interpolation": "nearest"},
        {"max_width": 0},
        {"min_text_score": 1.5},
        {"min_text_score": -0.5},
    ],
)
def test_bad_recognizer_card_is_refused(recognizer_card, write, change):
    with pytest.raises(CardError):
        read_recognizer_card(write(fields(recognizer_card()) | change))


def test_value_out_of_range_is_named_with_the_range(detector_card):
    with pytest.raises(CardError, match="d: box_threshold is 2; it must be from 0 to 1"):
        detector_card(box_threshold=2)


def test_fixed_sizes(detector_card):
    for policy in ("stretch", "letterbox"):
        assert detector_card(resize=policy, height=736, width=1280).height == 736


def test_cards_do_not_change(detector_card):
    with pytest.raises(dataclasses.FrozenInstanceError):
        detector_card().side = 3

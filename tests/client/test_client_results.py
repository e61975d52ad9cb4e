import dataclasses
import json

import pytest
from client_answers import CURVED, EMPTY, SPELLED, TWO_LINES, box

from ocdrnet_client import Line, Page, UnexpectedResponseError, Word

NAMED = dataclasses.replace(TWO_LINES, image="photo.jpg")


def test_the_keys_are_those_the_command_promises():
    page = NAMED.to_dict()
    assert list(page) == ["image", "width", "height", "lines", "truncated", "frames"]
    assert list(page["lines"][0]) == ["text", "score", "box", "box_score", "words", "paragraph", "script"]
    assert list(page["lines"][0]["words"][0]) == ["text", "score", "box"]
    spelled = SPELLED.to_dict()["lines"][0]["words"][0]
    assert list(spelled) == ["text", "score", "box", "characters"]
    assert spelled["characters"][1] == {
        "text": "e\u0301",
        "score": 0.75,
        "box": [[16.0, 0.0], [64.0, 0.0], [64.0, 16.0], [16.0, 16.0]],
    }


def test_every_value_stands_under_its_key():
    corners = [[10.0, 20.0], [210.0, 20.0], [210.0, 50.0], [10.0, 50.0]]
    page = NAMED.to_dict()
    assert {**page, "lines": None} == {
        "image": "photo.jpg",
        "width": 640,
        "height": 480,
        "lines": None,
        "truncated": True,
        "frames": 3,
    }
    first = page["lines"][0]
    assert {**first, "words": None} == {
        "text": "Grüße 你好",
        "score": 0.875,
        "box": corners,
        "box_score": 0.75,
        "words": None,
        "paragraph": 0,
        "script": "Latin",
    }
    assert [(word["text"], word["score"], word["box"][0]) for word in first["words"]] == [
        ("Grüße", 0.5, [10.0, 20.0]),
        ("你好", 1.0, [130.0, 20.0]),
    ]


@pytest.mark.parametrize(
    "page",
    [NAMED, TWO_LINES, CURVED, SPELLED, EMPTY],
    ids=["named", "without a name", "polygons", "characters", "empty"],
)
def test_dictionaries_and_json_lead_back(page):
    assert Page.from_dict(page.to_dict()) == page
    assert Page.from_dict(json.loads(json.dumps(page.to_dict()))) == page


def test_unreadable_regions_stand_in_a_page_that_has_some():
    page = dataclasses.replace(NAMED, unreadable=2)
    assert page.to_dict() == {**NAMED.to_dict(), "unreadable": 2}
    assert Page.from_dict(page.to_dict()) == page


def test_numbers_are_rounded():
    third = 1 / 3
    word = Word("a", third, ((third, 2 * third), (1.06, 1.04), (5, 5), (0, 1e6 + third)))
    assert word.to_dict() == {"text": "a", "score": 0.3333, "box": [[0.3, 0.7], [1.1, 1.0], [5, 5], [0, 1000000.3]]}
    line = Line("a", third, word.box, 2 * third).to_dict()
    assert (line["score"], line["box_score"], line["words"]) == (0.3333, 0.6667, [])


def test_an_outline_is_the_polygon_where_there_is_one():
    assert [line.outline for line in CURVED.lines] == [line.polygon for line in CURVED.lines]
    assert [line.outline for line in TWO_LINES.lines] == [line.box for line in TWO_LINES.lines]
    assert CURVED.to_dict()["lines"][0]["polygon"][:2] == [[0.0, 50.0], [45.0, 0.0]]


def test_paragraphs_are_runs_of_lines():
    assert TWO_LINES.paragraphs == (TWO_LINES.lines[:2], TWO_LINES.lines[2:])
    assert EMPTY.paragraphs == ()


def test_the_text_is_the_lines():
    assert TWO_LINES.text == "Grüße 你好\n\n12.5"
    assert EMPTY.text == ""


def test_warnings_tell_what_is_missing():
    assert EMPTY.warnings == ()
    (truncated,) = dataclasses.replace(EMPTY, truncated=True).warnings
    assert "raise max_candidates" in truncated
    (frames,) = dataclasses.replace(EMPTY, frames=2).warnings
    assert "the first of 2 frames" in frames
    (one,), (several,) = (dataclasses.replace(EMPTY, unreadable=count).warnings for count in (1, 3))
    assert one.startswith("1 region looks like text in a script that the server's recognizer does not know")
    assert several == one.replace("1 region looks", "3 regions look")
    assert "--recognizer" in one
    assert TWO_LINES.warnings == (truncated, frames.replace("of 2", "of 3"))


@pytest.mark.parametrize("key", list(EMPTY.to_dict()))
def test_a_missing_key_of_a_page_is_named(key):
    data = {name: value for name, value in NAMED.to_dict().items() if name != key}
    with pytest.raises(UnexpectedResponseError, match=f"not a page as to_dict writes it: no key '{key}'"):
        Page.from_dict(data)


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (lambda page: page["lines"][0].pop("box_score"), "not a line .* no key 'box_score'"),
        (lambda page: page["lines"][0]["words"][1].pop("text"), "not a word .* no key 'text'"),
        (lambda page: page["lines"][0]["box"].pop(), "not a line"),
        (lambda page: page["lines"][0]["words"][0]["box"][2].append(1), "not a word"),
        (lambda page: page["lines"][0].update(score="high"), "not a line"),
        (lambda page: page.update(width=None), "not a page"),
        (lambda page: page.update(lines=7), "not a page"),
        (lambda page: page.update(lines=["text"]), "not a line"),
    ],
)
def test_what_cannot_be_read_back_is_named(damage, part):
    data = NAMED.to_dict()
    damage(data)
    with pytest.raises(UnexpectedResponseError, match=part):
        Page.from_dict(data)


def test_a_character_that_cannot_be_read_back_is_named():
    data = SPELLED.to_dict()
    del data["lines"][0]["words"][0]["characters"][1]["score"]
    with pytest.raises(UnexpectedResponseError, match="not a character as to_dict writes it: no key 'score'"):
        Page.from_dict(data)


def test_results_are_values():
    assert hash(TWO_LINES) == hash(Page.from_dict(TWO_LINES.to_dict()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        TWO_LINES.width = 1
    assert box(1, 2, 3, 4) == ((1, 2), (4, 2), (4, 6), (1, 6))

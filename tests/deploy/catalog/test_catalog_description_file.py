import dataclasses
import json
from pathlib import Path

import pytest

from ocdrnet_deploy.catalog.catalog import catalog
from ocdrnet_deploy.catalog.description import ANSWERS, NORMALIZATIONS, NetworkDescription
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.description_file import description_json, parse_description, read_description

OWN = {"planes": "gray", "mean": [1], "scale": [0.5]}
CONTENT = {"kind": "recognizer", "answer": "ids", "normalization": "gray-half", "card": {"height": 32}}


@pytest.mark.parametrize("entry", catalog(), ids=lambda entry: entry.name)
def test_descriptions_of_the_catalog_survive(entry):
    content = json.loads(json.dumps(description_json(entry.description)))
    assert parse_description(content) == entry.description


def test_numbers_that_may_be_left_out():
    found = parse_description(CONTENT)
    assert (found.max_batch, found.blank) == (0, 0)


def test_normalization_of_ones_own():
    found = parse_description(CONTENT | {"normalization": OWN})
    assert (found.normalization.planes, found.normalization.mean, found.normalization.scale) == ("gray", (1.0,), (0.5,))
    assert description_json(found)["normalization"] == {"planes": "gray", "mean": (1.0,), "scale": (0.5,)}


def test_normalizations_stated_for_unit_pixels():
    """ImageNet's mean 0.485 and deviation 0.229 are 123.675 and 58.395 of 255."""
    found = NORMALIZATIONS["imagenet-rgb"]
    assert found.mean == pytest.approx((123.675, 116.28, 103.53))
    assert [1 / scale for scale in found.scale] == pytest.approx([58.395, 57.12, 57.375])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "translator"}, "kind is 'translator'; it must be one of detector, recognizer"),
        ({"kind": None}, "kind is None"),
        (
            {"answer": "probability-map"},
            "answer is 'probability-map'; it must be one of class-scores, class-logits, ids",
        ),
        ({"colour": 1}, "unknown field 'colour'"),
        ({"normalization": "whole"}, "normalization is 'whole'; it must be one of half,"),
        ({"normalization": None}, "normalization is None"),
        ({"normalization": {"planes": "bgr"}}, "or an object of planes, mean and scale"),
        ({"normalization": OWN | {"planes": "rgba"}}, "planes is 'rgba'"),
        ({"normalization": OWN | {"mean": [1, 2, 3]}}, r"mean is \[1, 2, 3\]; it must be a list of 1 numbers"),
        ({"normalization": OWN | {"scale": ["a"]}}, "scale is"),
        ({"normalization": OWN | {"scale": 3}}, "scale is 3"),
        ({"max_batch": "many"}, "max_batch is 'many'; it must be an integer"),
        ({"max_batch": -1}, "max_batch is -1; it must be 0, for any number, or more"),
        ({"blank": True}, "blank is True"),
        ({"card": {"characters": 5}}, "characters are 5; they must be a string or a list"),
        ({"card": []}, "card must be a JSON object"),
    ],
)
def test_bad_description_is_refused(change, message):
    with pytest.raises(NetworkError, match=message):
        parse_description(CONTENT | change)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"kind": "recognizer"}'])
def test_bad_file_is_refused_by_its_name(tmp_path, text):
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(NetworkError, match=r"card\.json"):
        read_description(tmp_path / "card.json", "recognizer")


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(NetworkError, match=r"other\.json cannot be read"):
        read_description(tmp_path / "other.json", "recognizer")
    card = {"card": {"height": 32, "characters_file": "list"}}
    (tmp_path / "card.json").write_text(json.dumps(CONTENT | card))
    with pytest.raises(NetworkError, match=r"character list .*list cannot be read"):
        read_description(tmp_path / "card.json", "recognizer")


def test_characters_file_that_is_no_name(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps(CONTENT | {"card": {"height": 32, "characters_file": 5}}))
    with pytest.raises(NetworkError, match=r"card\.json: characters_file is 5; it must be the name of a file"):
        read_description(tmp_path / "card.json", "recognizer")


PAGE = (Path(__file__).parents[3] / "docs" / "own-networks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_page_has_every_normalization(name):
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize("field", dataclasses.fields(NetworkDescription), ids=lambda field: field.name)
def test_page_has_every_field_of_a_description(field):
    assert f"| `{field.name}` |" in PAGE


@pytest.mark.parametrize("answer", [answer for answers in ANSWERS.values() for answer in answers])
def test_page_has_every_answer(answer):
    assert f"`{answer}`" in PAGE

"""From the user's own file, with or without a card, to an adapted network."""

import json

import numpy as np
import onnx
import pytest
from nvidia_graphs import ocdnet, ocrnet
from runs import normalized, random_images, run
from small_graphs import CLASSES, recognizer
from twin_contracts import RECOGNIZERS
from twin_recognizer import recognizer_twin

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.description_file import parse_description
from ocdrnet_deploy.networks.prepare import prepare_detector, prepare_recognizer
from ocdrnet_ops.cards import RecognizerCard


@pytest.fixture
def save(tmp_path):
    """Write a network, and maybe a card, and give their paths as the command line has them."""

    def to_files(model, card=None):
        path = tmp_path / "my-network.onnx"
        path.write_bytes(model.SerializeToString())
        if card is None:
            return str(path)
        (tmp_path / "card.json").write_text(json.dumps(card), encoding="utf-8")
        return str(path), tmp_path / "card.json"

    return to_files


def test_own_detector_without_a_card(save):
    prepared = prepare_detector(save(ocdnet(height=320, width=640)))
    assert prepared.card.name == "my-network"
    assert prepared.card.source == "my-network.onnx"
    assert len(prepared.card.sha256) == 64
    assert (prepared.card.resize, prepared.card.height, prepared.card.width) == ("stretch", 320, 640)


CTC = {
    "kind": "recognizer",
    "answer": "class-logits",
    "normalization": {"planes": "rgb", "mean": [1, 2, 3], "scale": [0.1, 0.2, 0.3]},
    "max_batch": 4,
    "blank": -1,
    "card": {"height": 6, "decoder": "ctc", "stride": 1, "characters": "abc€"},
}


def test_own_recognizer_with_a_card(save):
    path, card = save(recognizer(last="Identity"), CTC)
    prepared = prepare_recognizer(path, card_file=card)
    sha256 = prepared.card.sha256
    assert prepared.card == RecognizerCard(
        "my-network",
        "my-network.onnx",
        "the user's own",
        sha256,
        6,
        "ctc",
        ("a", "b", "c", "€"),
        stride=1,
        max_batch=4,
    )
    assert prepared.max_batch == 4


@pytest.mark.parametrize("text", ["a\r\nb\r\n \r\n€\r\n", "a\nb\n \n€"])
def test_characters_in_a_file_beside_the_card(save, tmp_path, text):
    (tmp_path / "character_list").write_bytes(text.encode())
    fields = {"height": 6, "decoder": "ctc", "characters_file": "character_list"}
    path, card = save(recognizer(last="Identity"), CTC | {"card": fields})
    assert prepare_recognizer(path, card_file=card).card.characters == ("a", "b", " ", "€")


def refuse_recognizer(save, message, model=None, **changes):
    path, card = save(model or recognizer(last="Identity"), CTC | changes)
    with pytest.raises(NetworkError, match=message):
        prepare_recognizer(path, card_file=card)


@pytest.mark.parametrize("characters", ["abc", "abcde"])
def test_other_number_of_characters_than_classes_is_refused(save, characters):
    refuse_recognizer(
        save,
        f"has {CLASSES} classes, its list {len(characters)} characters and a blank",
        card=CTC["card"] | {"characters": characters},
    )


@pytest.mark.parametrize("count", [35, 37])
def test_a_graph_of_ids_counts_its_characters_too(save, count):
    """It would serve, and fail at the first image with a character that is not in the list."""
    version = next(version for version in RECOGNIZERS if version.name == "ocrnet-v1.0.1")
    characters = [chr(0x4E00 + index) for index in range(count)]
    card = {"height": 32, "width": 100, "decoder": "ctc", "characters": characters}
    path, card_file = save(
        recognizer_twin(version), {"kind": "recognizer", "answer": "ids", "normalization": "gray-half", "card": card}
    )
    with pytest.raises(NetworkError, match=rf"has 37 classes, its list {count} characters.*must list 36"):
        prepare_recognizer(path, card_file=card_file)


def test_attention_has_two_classes_that_are_no_characters(save):
    card = CTC["card"] | {"characters": "abc", "decoder": "attention", "width": 40}
    path, card_file = save(recognizer(last="Identity"), CTC | {"card": card, "blank": 0})
    assert prepare_recognizer(path, card_file=card_file).card.decoder == "attention"
    refuse_recognizer(save, r"4 characters and \[GO\]", card=card | {"characters": "abcd"}, blank=0)


def test_a_class_that_ends_a_text_is_the_one_that_is_no_character(save):
    """As of docTR's parseq and vitstr: characters from id 2 on, the last class as [s]."""
    card = CTC["card"] | {"characters": "abcd", "decoder": "attention", "width": 40}
    path, card_file = save(recognizer(last="Identity"), CTC | {"card": card, "blank": -1})
    prepared = prepare_recognizer(path, card_file=card_file)
    pictures = random_images(4, 6, 40)
    answered = run(prepared.model, pictures)
    scores = run(recognizer(last="Identity"), normalized(pictures, parse_description(CTC).normalization))["scores"]
    best = scores.argmax(-1)
    np.testing.assert_array_equal(answered["output_id"], np.where(best == CLASSES - 1, 1, best + 2))


def test_missing_characters_are_refused(save):
    refuse_recognizer(save, "no character list in its metadata", card={"height": 6, "decoder": "ctc"})


@pytest.mark.parametrize("height", ["6", 6.5, None])
def test_size_that_is_no_integer_is_refused(save, height):
    refuse_recognizer(save, r"height is .*; it must be an integer", card=CTC["card"] | {"height": height})


@pytest.mark.parametrize("change", [{"colour": 1}, {"decoder": "beam"}, {"stride": -1}])
def test_bad_card_is_refused(save, change):
    refuse_recognizer(save, "card of my-network does not fit", card=CTC["card"] | change)


def test_another_size_than_the_cards_is_refused(save):
    card = {"kind": "detector", "answer": "probability-map", "normalization": "tao"}
    size = {"resize": "stretch", "height": 640, "width": 1280}
    path, card_file = save(ocdnet(), card | {"card": size})
    with pytest.raises(
        NetworkError, match=r"\[batch_size, 3, 736, 1280\] is fixed at a height of 736; the card's is 640"
    ):
        prepare_detector(path, card_file=card_file)
    path, card_file = save(ocdnet(), card | {"card": {"resize": "multiple-of-32"}})
    with pytest.raises(NetworkError, match="fixed at a height of 736; the card's is free"):
        prepare_detector(path, card_file=card_file)


def test_fixed_batch_of_several_is_refused(save):
    with pytest.raises(NetworkError, match="is fixed at batches of 8; it must be free, or one image"):
        prepare_detector(save(ocdnet(batch=8)))


def test_network_of_the_other_kind_is_refused(save):
    with pytest.raises(NetworkError, match=r"the network is a recognizer .*; a detector is needed"):
        prepare_detector(save(ocrnet()))
    path, card = save(ocrnet(), CTC)
    with pytest.raises(NetworkError, match=r"card\.json describes a recognizer; a detector is needed"):
        prepare_detector(path, card_file=card)


def test_card_for_a_network_of_the_catalog_is_refused(save):
    with pytest.raises(NetworkError, match="ppocrv6-small is a network of the catalog, which has its card"):
        prepare_detector("ppocrv6-small", card_file=save(ocdnet(), CTC)[1])


@pytest.mark.parametrize("content", [b"", b"no onnx", onnx.ModelProto().SerializeToString()])
def test_file_that_is_no_network_is_refused(tmp_path, content):
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(NetworkError, match=r"x\.onnx (cannot be read as ONNX|is no ONNX)"):
        prepare_detector(str(tmp_path / "x.onnx"))
    with pytest.raises(NetworkError, match=r"other\.onnx cannot be read"):
        prepare_detector(str(tmp_path / "other.onnx"))

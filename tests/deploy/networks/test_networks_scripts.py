"""Recognizers of other scripts: synthetic networks of the contract that PP-OCRv5's have, by the catalog's rows.

See `script_networks` for the contract.
"""

import dataclasses
import hashlib

import onnxruntime as ort
import pytest
from script_networks import alphabet, network, steps

from ocdrnet_deploy.catalog.catalog import UrlFile, catalog, find_network
from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.networks import find
from ocdrnet_deploy.networks.prepare import prepare_recognizer
from ocdrnet_deploy.ngc.cache import cached_file
from ocdrnet_deploy.repository.build import BuildOptions, build_repository
from ocdrnet_ops.recognition.decoding import decode_ctc
from ocdrnet_ops.recognition.right_to_left import to_logical
from ocdrnet_ops.recognition.words import split_segments, split_words
from ocdrnet_ops.scripts import scripts_of

ROWS = [e for e in catalog() if e.description.kind == "recognizer" and isinstance(e.source, UrlFile)]
# A text as it is read, and as it stands in the image; of a long list without a space, which is no class below 256.
TEXTS = {
    "Cyrillic": ("привет мир", "привет мир"),
    "Greek": ("καλημέρα", "καλημέρα"),
    "Arabic": ("سلام 25 دينار", "رانيد 25 مالس"),
    "Devanagari": ("नमसत", "नमसत"),
    "Tamil": ("தமழ", "தமழ"),
    "Telugu": ("తలగ", "తలగ"),
    "Thai": ("ขอบคณ", "ขอบคณ"),
    "Korean": ("가각갂", "가각갂"),
}


@pytest.fixture
def downloaded(tmp_path, monkeypatch):
    """Put a synthetic network in the place where a row's file lies once it is downloaded."""
    monkeypatch.setenv("OCDRNET_CACHE", str(tmp_path / "cache"))
    rows = {}

    def install(entry, model):
        path = cached_file(entry.source, entry.source.file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
        rows[entry.name] = dataclasses.replace(entry, sha256=digest)

    monkeypatch.setattr(find, "find_network", lambda kind, name: rows.get(name) or find_network(kind, name))
    return install


def read(prepared, text):
    """What the adapted network answers for a crop whose steps are the characters of a text, a blank after each."""
    crop = steps(text, prepared.card.characters)
    session = ort.InferenceSession(prepared.model.SerializeToString(), providers=["CPUExecutionProvider"])
    found, scores = session.run(["output_id", "output_prob"], {"input": crop[None]})
    return decode_ctc(found[0], scores[0], prepared.card.characters)


@pytest.mark.parametrize("entry", ROWS, ids=lambda entry: entry.name)
def test_network_of_each_row_is_prepared_with_its_own_characters(downloaded, entry):
    characters = alphabet(entry.scripts)
    downloaded(entry, network(characters))
    prepared = prepare_recognizer(entry.name)
    card = prepared.card
    assert card.characters == (*characters, " ")
    assert (card.height, card.width, card.stride, card.decoder) == (48, 0, 8, "ctc")
    assert scripts_of(card.characters) == tuple(entry.scripts)
    script = entry.scripts[-1]
    text, seen = TEXTS.get(script, ("2541", "2541"))
    line = read(prepared, seen)
    assert (line.text, line.score) == (seen, pytest.approx(1.0, abs=0.05))
    (segment,) = split_segments(line, split_words(line, 2 * len(seen)), 0.0)
    found, _ = to_logical(segment)
    assert found.text == text
    assert [word.text for word in found.words] == text.split()


def test_list_of_another_number_than_the_classes_is_refused(downloaded):
    entry = find_network("recognizer", "ppocrv5-greek")
    model = network(alphabet(entry.scripts))
    model.metadata_props[0].value += "\nx"
    downloaded(entry, model)
    with pytest.raises(BuildError, match="classes, its list"):
        prepare_recognizer(entry.name)


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("a", "b"), {"engine": "tensorrt"}, "--engine tensorrt takes one recognizer, not a and b"),
        (("a", "b"), {"precision": "int8"}, "--precision int8 takes one recognizer, not a and b"),
        (("a", "a"), {}, "each can be named once"),
        (("a", "b"), {"charset": "latin"}, "--charset latin cuts one recognizer"),
    ],
)
def test_what_several_recognizers_do_not_go_with_is_refused(tmp_path, names, options, message):
    with pytest.raises(BuildError, match=message):
        build_repository(tmp_path / "served", "ppocrv6-small", names, BuildOptions(**options))
    assert not (tmp_path / "served").exists()

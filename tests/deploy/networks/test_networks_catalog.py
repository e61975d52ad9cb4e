import hashlib
import re
from importlib import metadata

import pytest
from small_graphs import CLASSES, detector, recognizer

from ocdrnet_deploy.errors import NetworkError, UnknownNetworkError, WeightsError
from ocdrnet_deploy.networks import prepare
from ocdrnet_deploy.networks.adapt import Normalization
from ocdrnet_deploy.networks.catalog import DEFAULT, CatalogEntry, PackageFile, catalog, find_network
from ocdrnet_deploy.networks.prepare import embedded_characters, prepare_detector, prepare_recognizer
from ocdrnet_deploy.networks.weights import are_weights_present, find_weights
from ocdrnet_ops.cards import DetectorCard, RecognizerCard

HALF = Normalization((127.5,) * 3, (1 / 127.5,) * 3)


def entry(kind="detector", card=None, **fields):
    values = {
        "name": "small",
        "kind": kind,
        "about": "a sentence",
        "source": PackageFile("small-package", "1.2", "small/model.onnx"),
        "sha256": "0" * 64,
        "license": "MIT",
        "normalization": HALF,
        "card": card or {"resize": "multiple-of-32"},
    }
    return CatalogEntry(**values | fields)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Pretend that a package is installed in a folder; gives the place of its weights file."""

    class Distribution:
        def locate_file(self, file):
            return tmp_path / file

    monkeypatch.setattr(metadata, "distribution", lambda name: Distribution())
    path = tmp_path / "small" / "model.onnx"
    path.parent.mkdir()
    return path


def test_catalog_names_each_network_once_and_detectors_first():
    entries = catalog()
    assert len({(e.kind, e.name) for e in entries}) == len(entries)
    assert [e.kind for e in entries] == sorted(e.kind for e in entries)
    for e in entries:
        assert re.fullmatch("[0-9a-f]{64}", e.sha256)
        assert e.about
        assert e.license


def test_default_networks_are_apache_licensed_and_in_rapidocr():
    for kind in ("detector", "recognizer"):
        found = find_network(kind, DEFAULT)
        assert found.kind == kind
        assert found.license == "Apache-2.0"
        assert str(found.source).startswith("PyPI rapidocr==3.10.0, rapidocr/models/PP-OCRv6_")


def test_normalization_of_the_default_networks():
    for kind in ("detector", "recognizer"):
        found = find_network(kind, DEFAULT).normalization
        assert found.mean == (127.5, 127.5, 127.5)
        assert found.scale == pytest.approx((1 / 127.5,) * 3)


@pytest.mark.parametrize("kind", ["detector", "recognizer"])
def test_unknown_network_is_refused_with_the_known_ones(kind):
    with pytest.raises(UnknownNetworkError, match=f"no {kind} named 'other'; known are .*{DEFAULT}"):
        find_network(kind, "other")


def test_weights_are_found_and_checked(installed):
    installed.write_bytes(b"weights")
    known = entry(sha256=hashlib.sha256(b"weights").hexdigest())
    assert find_weights(known) == installed
    assert are_weights_present(known)


def test_other_bytes_are_refused_with_both_sums_and_the_way_out(installed):
    installed.write_bytes(b"other")
    assert are_weights_present(entry())
    with pytest.raises(WeightsError) as caught:
        find_weights(entry())
    text = str(caught.value)
    assert hashlib.sha256(b"other").hexdigest() in text
    assert "0" * 64 in text
    assert str(installed) in text
    assert "pip install --force-reinstall small-package==1.2" in text


def assert_missing():
    assert not are_weights_present(entry())
    with pytest.raises(WeightsError, match=r"detector small: .*small-package 1.2, which is not installed; pip install"):
        find_weights(entry())


def test_package_without_the_file_is_missing_weights(installed):
    assert_missing()
    installed.mkdir()  # a folder is no file
    assert_missing()


def test_missing_package_is_missing_weights():
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.distribution("small-package")
    assert_missing()


def with_characters(text, classes=CLASSES):
    model = recognizer(classes=classes)
    if text is not None:
        model.metadata_props.add(key="character", value=text)
    return model


def test_embedded_characters_end_with_the_space():
    assert embedded_characters(with_characters("a\nb\nc")) == ("a", "b", "c", " ")


@pytest.mark.parametrize("text", ["a\nb", "a\nb\nc\nd"])
def test_characters_that_do_not_match_the_classes_are_refused(text):
    count = len(text.split("\n")) + 1
    with pytest.raises(NetworkError, match=f"has 5 classes, its list {count} characters and a blank"):
        embedded_characters(with_characters(text))


def test_recognizer_without_characters_is_refused():
    model = with_characters(None)
    model.metadata_props.add(key="other", value="a\nb\nc")
    with pytest.raises(NetworkError, match="no character list"):
        embedded_characters(model)


@pytest.fixture
def known(installed, monkeypatch):
    """Put one network with these weights into the catalog."""

    def install(model, kind, card):
        installed.write_bytes(model.SerializeToString())
        found = entry(kind, card, sha256=hashlib.sha256(installed.read_bytes()).hexdigest())
        monkeypatch.setattr(prepare, "find_network", lambda k, n: found if (k, n) == (kind, "small") else None)
        return found

    return install


SOURCE = "PyPI small-package==1.2, small/model.onnx"


def test_prepared_detector(known):
    found = known(detector(), "detector", {"resize": "multiple-of-32", "side": 640})
    prepared = prepare_detector("small")
    assert prepared.card == DetectorCard("small", SOURCE, "MIT", found.sha256, "multiple-of-32", side=640)
    assert [output.name for output in prepared.model.graph.output] == ["pred"]


def test_prepared_recognizer(known):
    found = known(with_characters("a\nb\nc"), "recognizer", {"height": 48, "decoder": "ctc", "stride": 4})
    prepared = prepare_recognizer("small")
    expected = RecognizerCard("small", SOURCE, "MIT", found.sha256, 48, "ctc", ("a", "b", "c", " "), stride=4)
    assert prepared.card == expected
    assert [output.name for output in prepared.model.graph.output] == ["output_id", "output_prob"]
    assert prepared.model.graph.input[0].type.tensor_type.shape.dim[1].dim_value == 48


def test_prepared_recognizer_with_the_wrong_characters_is_refused(known):
    known(with_characters("a"), "recognizer", {"height": 48, "decoder": "ctc"})
    with pytest.raises(NetworkError, match="5 classes"):
        prepare_recognizer("small")


def test_cards_of_the_catalog_are_whole():
    for found in catalog():
        characters = {} if found.kind == "detector" else {"characters": ("a",)}
        kind = DetectorCard if found.kind == "detector" else RecognizerCard
        kind("n", "s", "l", "0", **found.card, **characters)

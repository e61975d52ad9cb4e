import hashlib
import re
from importlib import metadata

import pytest
from small_graphs import CLASSES, detector, recognizer

from ocdrnet_deploy.catalog.catalog import (
    DEFAULT,
    CatalogEntry,
    NgcFile,
    PackageFile,
    catalog,
    find_by_name,
    find_network,
    find_preset,
    presets,
)
from ocdrnet_deploy.catalog.description import NetworkDescription, Normalization
from ocdrnet_deploy.errors import NetworkError, UnknownNetworkError, UnknownPresetError, WeightsError
from ocdrnet_deploy.networks import find
from ocdrnet_deploy.networks.prepare import embedded_characters, prepare_detector, prepare_recognizer
from ocdrnet_deploy.networks.weights import are_weights_present, find_weights
from ocdrnet_ops.cards import DetectorCard, RecognizerCard

HALF = Normalization("bgr", (127.5,) * 3, (1 / 127.5,) * 3)
ANSWERS = {"detector": "probability-map", "recognizer": "class-scores"}
SIGNS = "!#$%&'()*+,-./0123456789:;<=>[]^_abcdefghijklmnopqrstuvwxyz|~"

# The version tables of NVIDIA's model cards: name, version, file, backbone, training data, quality, batch.
DETECTORS = [
    ("ocdnet-v1.0-resnet18", "deployable_v1.0", "dcn_resnet18.onnx", "ResNet-18", "Uber-Text", "81.1", 32),
    ("ocdnet-v1.0-resnet50", "deployable_v1.0", "dcn_resnet50.onnx", "ResNet-50", "Uber-Text", "82.2", 32),
    ("ocdnet-v2.0", "deployable_v2.0", "ocdnet_fan_tiny_2x_icdar.onnx", "FAN-tiny", "ICDAR2015", "85.3", 1),
    ("ocdnet-v2.1", "deployable_v2.1", "", "FAN-tiny", "Uber-Text", "86.0", 0),
    ("ocdnet-v2.2", "deployable_v2.2", "", "FAN-tiny / ViT", "PCB", "69.3", 0),
    ("ocdnet-v2.3", "deployable_v2.3", "ocdnet_fan_tiny_2x_icdar_pruned.onnx", "pruned", "ICDAR2015", "84.8", 0),
    ("ocdnet-v2.4", "deployable_onnx_v2.4", "ocdnet_fan_tiny_2x_icdar_pruned.onnx", "pruned", "ICDAR2015", "84.8", 0),
]
# Name, file, height, width, decoder, characters.
RECOGNIZERS = [
    (f"ocrnet-v{version}", *facts)
    for versions, facts in {
        ("1.0", "1.0.1"): ("ocrnet_resnet50.onnx", 32, 100, "ctc", "0123456789abcdefghijklmnopqrstuvwxyz"),
        ("2.0", "2.0.1"): ("ocrnet-vit.onnx", 64, 200, "attention", SIGNS),
        ("2.1", "2.1.1"): ("ocrnet-vit-pcb.onnx", 64, 200, "attention", SIGNS),
    }.items()
    for version in versions
]


def entry(kind="detector", card=None, **fields):
    values = {
        "name": "small",
        "about": "a sentence",
        "backbone": "one convolution",
        "training_data": "",
        "published_quality": "",
        "source": PackageFile("small-package", "1.2", "small/model.onnx"),
        "sha256": "0" * 64,
        "license": "MIT",
        "description": NetworkDescription(kind, ANSWERS[kind], HALF, 0, card or {"resize": "multiple-of-32"}),
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
    kinds = [e.description.kind for e in entries]
    assert len({(kind, e.name) for kind, e in zip(kinds, entries, strict=True)}) == len(entries)
    assert kinds == sorted(kinds)
    for e in entries:
        assert re.fullmatch("[0-9a-f]{64}", e.sha256) or (isinstance(e.source, NgcFile) and not e.sha256)
        assert e.about
        assert e.backbone
        assert e.license


def test_every_published_version_and_no_other_is_in_the_catalog():
    names = [e.name for e in catalog() if isinstance(e.source, NgcFile)]
    assert names == [row[0] for row in DETECTORS + RECOGNIZERS]


@pytest.mark.parametrize(("name", "version", "file", "backbone", "data", "quality", "batch"), DETECTORS)
def test_detectors_of_nvidia(name, version, file, backbone, data, quality, batch):
    found = find_network("detector", name)
    assert found.source == NgcFile("nvidia/tao/ocdnet", version, file)
    assert backbone in found.backbone
    assert (found.training_data, found.published_quality) == (data, f"hmean {quality} %")
    assert (found.description.answer, found.description.max_batch) == ("probability-map", batch)
    assert found.description.normalization.planes == "bgr"
    assert found.description.normalization.mean == (122.67891434, 116.66876762, 104.00698793)
    assert found.description.normalization.scale == (1 / 255,) * 3
    card = found.description.card
    assert (card["resize"], card["height"], card["width"]) == ("stretch", 736, 1280)
    # TAO's specs: 0.3, but 0.5 for the transformers.
    assert (card["binarize_threshold"], card["box_threshold"]) == (0.3 if "v1" in name else 0.5, 0.55)
    assert (card["unclip_ratio"], card["min_size"]) == (1.5, 3)


@pytest.mark.parametrize(("name", "file", "height", "width", "decoder", "characters"), RECOGNIZERS)
def test_recognizers_of_nvidia(name, file, height, width, decoder, characters):
    found = find_network("recognizer", name)
    assert found.source == NgcFile("nvidia/tao/ocrnet", name.replace("ocrnet-", "deployable_"), file)
    assert (found.description.answer, found.description.max_batch) == ("ids", 0)
    normalization = found.description.normalization
    assert (normalization.planes, normalization.mean, normalization.scale) == ("gray", (127.5,), (1 / 127.5,))
    card = found.description.card
    assert (card["height"], card["width"], card["time_steps"]) == (height, width, 26)
    assert (card["decoder"], card["characters"]) == (decoder, characters)


def test_default_networks_are_apache_licensed_and_in_rapidocr():
    for kind in ("detector", "recognizer"):
        found = find_network(kind, DEFAULT)
        assert found.description.kind == kind
        assert found.license == "Apache-2.0"
        assert str(found.source).startswith("PyPI rapidocr==3.10.0, rapidocr/models/PP-OCRv6_")


def test_normalization_of_the_default_networks():
    for kind in ("detector", "recognizer"):
        found = find_network(kind, DEFAULT).description.normalization
        assert found.mean == (127.5, 127.5, 127.5)
        assert found.scale == pytest.approx((1 / 127.5,) * 3)


def test_network_by_its_name_alone():
    assert find_by_name("ocrnet-v1.0") == find_network("recognizer", "ocrnet-v1.0")
    assert find_by_name(DEFAULT) == find_network("detector", DEFAULT)
    with pytest.raises(UnknownNetworkError, match=f"no network named 'other'; known are {DEFAULT}, .*ocrnet-v2.1.1"):
        find_by_name("other")


def test_presets_pair_networks_of_the_catalog():
    assert [preset.name for preset in presets()] == ["default", "fast", "street", "pcb"]
    for preset in presets():
        assert find_preset(preset.name) == preset
        assert preset.about
        find_network("detector", preset.detector)
        find_network("recognizer", preset.recognizer)


def test_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(UnknownPresetError, match="no preset named 'other'; known are default, fast, street, pcb"):
        find_preset("other")


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
        monkeypatch.setattr(find, "find_network", lambda k, n: found if (k, n) == (kind, "small") else None)
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
        card = found.description.card
        if found.description.kind == "detector":
            DetectorCard("n", "s", "l", "0", **card)
        else:
            RecognizerCard("n", "s", "l", "0", **{"characters": "a", **card})

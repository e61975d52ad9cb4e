"""A user's own TAO exports: inspected, built by path with the cards proposed, served, read."""

import onnx
import pytest
from ocdrnet_command import run_ocdrnet
from twin_contracts import DETECTORS, RECOGNIZERS
from twin_detector import detector_twin
from twin_image import draw_image, png
from twin_recognizer import recognizer_twin
from twin_text import TEXTS

DETECTOR = next(version for version in DETECTORS if version.name == "ocdnet-v2.3")
RECOGNIZER = next(version for version in RECOGNIZERS if version.name == "ocrnet-v2.0")


def with_free_size(model):
    """As TAO 5.0 exported OCDNet: batch, height and width are free."""
    for axis, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    return model


@pytest.fixture
def inspected(tmp_path):
    """Saves a model; gives its file and the card that `models inspect` proposes."""

    def inspect(model, name):
        file, card = tmp_path / f"{name}.onnx", tmp_path / f"{name}.json"
        onnx.save(model, file)
        done = run_ocdrnet("models", "inspect", file, "--card", card)
        assert done.returncode == 0, done.stderr
        return file, card

    return inspect


@pytest.mark.full
def test_own_exports_are_served_with_the_cards_proposed(inspected, serve_built):
    detector, detector_card = inspected(with_free_size(detector_twin(DETECTOR)), "my-detector")
    recognizer, recognizer_card = inspected(recognizer_twin(RECOGNIZER), "my-recognizer")
    options = ("--detector", detector, "--detector-card", detector_card)
    options += ("--recognizer", recognizer, "--recognizer-card", recognizer_card)
    with serve_built(*options) as server, server.client() as client:
        page = client.read(png(draw_image(RECOGNIZER)))
    assert tuple(line.text for line in page.lines) == TEXTS[RECOGNIZER.decoder]

"""Every published version from a download to text: twin -> `models download` -> `models build` -> Triton -> client."""

from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import numpy as np
import onnx
import pytest
from encoded_images import encode, sign
from ocdrnet_command import run_ocdrnet
from twin_contracts import DETECTORS, RECOGNIZERS
from twin_detector import detector_twin
from twin_image import draw_image, plate_boxes, png
from twin_recognizer import recognizer_twin
from twin_text import TEXTS

from ocdrnet_deploy.catalog.catalog import NgcFile, catalog
from ocdrnet_deploy.repository.configs import read_config

# Every detector with a recognizer, and every recognizer with a detector.
PAIRS = list(zip(DETECTORS, cycle(RECOGNIZERS), strict=False))
QUICK = PAIRS[-1:]  # the newest detector

BOX_TOLERANCE = 8  # pixels: two of the version-1 twin's map, which has a quarter of the resolution


@pytest.fixture(scope="module")
def brought(tmp_path_factory, own_cache):
    """Brings a twin into the cache as a user brings NVIDIA's file from another machine."""
    present = set()

    def bring(version, twin):
        if version.name in present:
            return
        file = tmp_path_factory.mktemp(version.name) / version.file
        onnx.save(twin(version), file)
        done = run_ocdrnet("models", "download", version.name, "--from", file, "--accept-eula")
        assert done.returncode == 0, done.stderr
        present.add(version.name)

    return bring


def test_every_network_on_ngc_has_a_twin():
    listed = {entry.name: entry.source.file for entry in catalog() if isinstance(entry.source, NgcFile)}
    assert set(listed) == {version.name for version in (*DETECTORS, *RECOGNIZERS)}
    for version in (*DETECTORS, *RECOGNIZERS):
        assert listed[version.name] in (version.file, "")


@pytest.mark.parametrize(
    ("detector", "recognizer"),
    [
        pytest.param(
            *pair,
            id="+".join(version.name for version in pair),
            marks=[
                *([pytest.mark.deformable] if pair[0].deformable else []),
                *([] if pair in QUICK else [pytest.mark.full]),
            ],
        )
        for pair in PAIRS
    ],
)
def test_drawn_texts_are_read_back(brought, serve_built, detector, recognizer):
    brought(detector, detector_twin)
    brought(recognizer, recognizer_twin)
    with serve_built("--detector", detector.name, "--recognizer", recognizer.name) as server:
        assert_engine_and_batch_fit(detector, server.repository)
        with server.client() as client:
            assert_reads_all(client, recognizer)


def assert_engine_and_batch_fit(detector, repository):
    config = read_config(repository / "ocdnet" / "config.pbtxt")
    runtime = config.parameters["runtime"].string_value or "openvino"
    assert runtime == ("onnxruntime" if detector.deformable else "openvino")
    assert config.max_batch_size == 64  # also of a network of batch 1: here an image, or a tile, is a run of its own


def assert_reads_all(client, recognizer):
    picture = png(draw_image(recognizer))
    with ThreadPoolExecutor(3) as together:  # a detector of batch 1 takes them one by one
        pages = list(together.map(client.read, [picture] * 3))
    for page in pages:
        assert tuple(line.text for line in page.lines) == TEXTS[recognizer.decoder]
        for line, plate in zip(page.lines, plate_boxes(), strict=True):
            assert np.abs(np.subtract(line.box, plate)).max() <= BOX_TOLERANCE
    assert client.read(encode(sign(""), "PNG")).lines == ()

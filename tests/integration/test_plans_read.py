"""Plans read: the graphs that `models build --engine tensorrt` puts into plans, batched and bounded as plans are.

Held against the CPU engine with the very same FP16 graphs. That those graphs are right is for other tests.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import cycle

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from encoded_images import encode, sign
from plan_server import GROUPED_CHANGES, PLAN_CHANGES, TENSORRT, differences, rehearsal
from sample_truth import SAMPLES, SMALL
from test_twins import BOX_TOLERANCE as PLATE_TOLERANCE
from twin_contracts import DETECTORS, RECOGNIZERS
from twin_image import draw_image, plate_boxes, png
from twin_text import TEXTS

from ocdrnet_client import InvalidRequestError
from ocdrnet_deploy.commands.models import models
from samples.drawing import fonts
from samples.drawing.curved import draw

CAP = 40  # candidates; page.png has 272 lines
TIMEOUT_S = 300  # FP16 on a CPU that others use too
PAIRS = list(zip(DETECTORS, cycle(RECOGNIZERS), strict=False))
SIGN = encode(sign("7BO SOS", (320, 80)), "PNG")
RECEIPT = cv2.imread(str(SAMPLES / "receipt.jpg"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory, serve_folder):
    with rehearsal(tmp_path_factory.mktemp("gpu"), serve_folder) as made:
        yield made


@pytest.fixture(scope="module")
def both(machine):
    """A client of the default pair as plans, and one of the CPU engine with the same graphs."""
    plans = machine.build("ppocrv6-small", "ppocrv6-small", name="default")
    with machine.served_by_cpu(plans) as cpu, machine.served(plans, GROUPED_CHANGES) as gpu:
        settings = {"timeout": TIMEOUT_S}
        with gpu.client(**settings) as ours, cpu.client(**settings) as theirs:
            yield ours, theirs


def tall_page():
    """Small print on a page that is seen in six tiles."""
    page = np.full((1500, 2200, 3), 255, np.uint8)
    for row in range(100, 1500, 200):
        for column in (60, 800, 1500):
            cv2.putText(page, f"room {row + column}", (column, row), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 0), 2)
    return page


# What is read -> the image, its options, and how many lines there are at the least and at the most.
IMAGES = {
    "a photo": (SAMPLES / "storefront.jpg", {}, (28, 34)),
    "a receipt": (SAMPLES / "receipt.jpg", {}, (28, 34)),
    "many scripts": (SAMPLES / "languages.png", {}, (16, 20)),
    "lines at angles": (SAMPLES / "rotated.jpg", {}, (7, 9)),
    "no text": (SAMPLES / "blank.png", {}, (0, 0)),
    "one line": (SIGN, {"upside_down": "off"}, (1, 1)),
    "on its side": (np.ascontiguousarray(np.rot90(RECEIPT)), {"channel_order": "BGR"}, (28, 34)),
    "upside down": (np.ascontiguousarray(np.rot90(RECEIPT, 2)), {"channel_order": "BGR"}, (28, 34)),
    "turned in any case": (SIGN, {"upside_down": "on"}, (1, 1)),
    "digits alone": (SIGN, {"charset": "digits", "upside_down": "off"}, (1, 1)),
    "a small detector": (SAMPLES / "storefront.jpg", {"detector_side": 320}, (10, 34)),
    "the largest detector": (SIGN, {"detector_side": 4096}, (1, 1)),
    "tiles": (tall_page(), {"tiling": "on"}, (18, 24)),
    "words": (SAMPLES / "rotated.jpg", {"merge": "word"}, (10, 30)),
}


def assert_same(both, picture, options, lines):
    ours, theirs = (client.read(picture, **options) for client in both)
    assert lines[0] <= len(ours.lines) <= lines[1], ours.text
    assert differences(ours, theirs) == []
    return ours


@pytest.mark.full
@pytest.mark.parametrize("name", IMAGES)
def test_plans_read_what_the_cpu_engine_reads(both, name):
    assert_same(both, *IMAGES[name])


@pytest.mark.full
@pytest.mark.skipif(bool(fonts.missing()), reason="fonts not installed")
def test_curved_text(both):
    image = np.asarray(draw()[0].image)
    page = assert_same(both, image, {"geometry": "polygon"}, (1, 20))
    assert any(len(line.polygon) > 4 for line in page.lines)


@pytest.mark.full
def test_charset_chooses_from_what_a_plan_answers(both):
    """A plan takes no charset: decoding rules characters out of its answer."""
    (line,) = both[0].read(SIGN, charset="digits", upside_down="off").lines
    assert set(line.text) <= set("0123456789 ")


@pytest.mark.full
def test_a_dense_page(both):
    """More lines than a run of the plan takes crops: they come to it in groups."""
    page = assert_same(both, SAMPLES / "page.png", {}, (268, 276))
    assert not page.truncated


@pytest.mark.full
def test_more_lines_than_the_candidate_cap(machine):
    plans = machine.build("ppocrv6-small", "ppocrv6-small", replace(TENSORRT, max_candidates=CAP), "capped")
    with machine.served(plans, GROUPED_CHANGES) as server, server.client(timeout=TIMEOUT_S) as client:
        page = client.read(SAMPLES / "page.png")
        assert_verified(server, "ppocrv6-small", "ppocrv6-small")
        assert page.truncated
        assert CAP - 5 <= len(page.lines) <= CAP
        with pytest.raises(InvalidRequestError, match=f"max_candidates is {CAP + 1}.*at most {CAP}"):
            client.read(SAMPLES / "page.png", max_candidates=CAP + 1)


@pytest.mark.full
def test_eight_callers_with_other_images_and_options(both):
    """Plans batch what is of one size, across callers; nobody gets what is another's."""
    jobs = [(SAMPLES / name, {}) for name in SMALL]
    jobs += [(SAMPLES / name, {"detector_side": 480, "merge": "word"}) for name in SMALL[:2]]
    jobs += [(SIGN, {"charset": "digits"})]
    alone = [both[0].read(picture, **options) for picture, options in jobs]
    together = [(picture, options) for picture, options in jobs * 2]
    with ThreadPoolExecutor(8) as callers:
        pages = list(callers.map(lambda job: both[0].read(job[0], **job[1]), together))
    assert [differences(page, one) for page, one in zip(pages, alone * 2, strict=True)] == [[]] * len(together)


def assert_verified(server, detector, recognizer):
    """As a user asks after plans were built: `ocdrnet models verify`."""
    asked = ["verify", server.addresses.grpc_url, "--detector", detector, "--recognizer", recognizer]
    done = CliRunner().invoke(models, [*asked, "--timeout", str(TIMEOUT_S)])
    assert done.exit_code == 0, done.output
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [detector, recognizer]


def twin_parameters():
    for detector, recognizer in PAIRS:
        marks = [pytest.mark.deformable] if detector.deformable else []
        # One pair in every run: of batch 1, with the older ids of 64 bits.
        marks += [] if detector.name == "ocdnet-v2.0" else [pytest.mark.full]
        yield pytest.param(detector, recognizer, id=f"{detector.name}+{recognizer.name}", marks=marks)


@pytest.mark.full
@pytest.mark.parametrize(("detector", "recognizer"), list(twin_parameters()))
def test_twins_read_their_images(machine, detector, recognizer):
    """Three at once, and one without text, as plans and on the CPU."""
    plans = machine.build(detector.name, recognizer.name)
    picture, blank = png(draw_image(recognizer)), encode(sign(""), "PNG")
    with machine.served_by_cpu(plans) as server, server.client(timeout=TIMEOUT_S) as client:
        expected = client.read(picture)
    with machine.served(plans, PLAN_CHANGES) as server, server.client(timeout=TIMEOUT_S) as client:
        with ThreadPoolExecutor(3) as callers:
            pages = list(callers.map(client.read, [picture] * 3))
        assert client.read(blank).lines == ()
        assert_verified(server, detector.name, recognizer.name)
    for page in pages:
        assert tuple(line.text for line in page.lines) == TEXTS[recognizer.decoder]
        assert differences(page, expected) == []
        for line, plate in zip(page.lines, plate_boxes(), strict=True):
            assert np.abs(np.subtract(line.box, plate)).max() <= PLATE_TOLERANCE

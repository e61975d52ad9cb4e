"""docling's own pipeline, with its reader for a Triton over KServe v2, against a real Triton."""

from pathlib import Path

import numpy as np
import pytest
from drawn_documents import LINES, hidden_letter, letter, pdf, scan, scanned
from own_environment import InstallError, answers, install
from sample_truth import ROOT, SAMPLES
from text_distance import character_error_rate

REQUIREMENTS = Path(__file__).with_name("docling-requirements.txt")
READER = ROOT / "benchmarks" / "docling_reader.py"

pytestmark = pytest.mark.full  # docling is 400 MB, and imports for seconds


@pytest.fixture(scope="module")
def docling(tmp_path_factory):
    try:
        return install(tmp_path_factory.mktemp("docling"), REQUIREMENTS)
    except InstallError as error:
        pytest.skip(f"docling cannot be installed here: {str(error).splitlines()[-1]}")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A photo of a receipt, a scan of two pages, one with text of its own, and one with a hidden layer."""
    folder = tmp_path_factory.mktemp("pages")
    second = scanned(["A second page", "that has two lines"])
    for name, content in {
        "scan.pdf": pdf(scan, lambda paper: scan(paper, second)),
        "letter.pdf": pdf(letter),
        "hidden.pdf": pdf(lambda paper: (scan(paper), hidden_letter(paper, ["another text"]))),
        "blank.pdf": pdf(lambda paper: None),
    }.items():
        (folder / name).write_bytes(content)
    return [SAMPLES / "receipt.jpg", *(folder / name for name in ("scan.pdf", "letter.pdf", "hidden.pdf", "blank.pdf"))]


def ways_in(served):
    """docling's options for each way to the server; its model and languages stay at its own defaults."""
    grpc, http = (url.partition("://")[2] for url in (served.addresses.grpc_url, served.addresses.http_url))
    return {
        "grpc": {"url": grpc},
        "round-robin": {"url": f"dns:///{grpc}"},
        "version": {"url": grpc, "model_version": "1"},
        "http": {"url": http, "transport": "http"},
    }


def read_files(python, engine, options, files):
    """What docling made of each file, see `benchmarks/docling_reader.py`."""
    return answers(python, READER, {"engine": engine, "options": options, "files": files})


def texts(answer):
    return [cell["text"] for cell in answer["texts"] if cell["ocr"]]


def share_wrong(found, expected):
    return character_error_rate(" ".join(found), " ".join(expected))


@pytest.mark.parametrize("way", ["grpc", "round-robin", "version", "http"])
def test_docling_reads_images_and_scans(served, docling, files, way):
    receipt, scan_, own_text, hidden, blank = read_files(docling, "kserve", ways_in(served)[way], files)
    for answer in (receipt, scan_, own_text, hidden, blank):
        assert (answer["status"], answer["errors"]) == ("success", []), answer["file"]
    assert "The Copper Kettle" in receipt["markdown"]
    assert "TOTAL" in texts(receipt)
    assert share_wrong(texts(scan_), [*LINES, "A second page", "that has two lines"]) < 0.03
    assert share_wrong(texts(hidden), LINES) < 0.03
    assert texts(own_text) == [], "docling takes a PDF's own text, and asks nobody"
    assert LINES[0] in own_text["markdown"]
    assert texts(blank) == []


def test_boxes_are_where_the_text_is(served, docling, files, client):
    """A swap of axes or a scale would be seen: docling's boxes are in points, from the page's top-left."""
    (answer,) = read_files(docling, "kserve", ways_in(served)["grpc"], files[:1])
    page = client.read(files[0])
    ours = {line.text: np.array(line.box) for line in page.lines}
    cells = {cell["text"]: cell for cell in answer["texts"]}
    for text in ("The Copper Kettle", "TOTAL", "Subtotal"):
        left, top = ours[text].min(axis=0)
        right, bottom = ours[text].max(axis=0)
        np.testing.assert_allclose(cells[text]["box"], (left, top, right, bottom), atol=6)
        assert cells[text]["score"] > 0.9


def test_request_parameters_are_options(served, docling, files):
    options = {**ways_in(served)["grpc"], "request_parameters": {"charset": "digits", "min_text_score": 0.5}}
    (answer,) = read_files(docling, "kserve", options, files[:1])
    assert len(texts(answer)) > 10
    assert all(text.replace(" ", "").isdigit() for text in texts(answer))


def test_json_instead_of_binary_tensors(served, docling, tmp_path):
    """docling's `use_binary_data: false`, many times larger."""
    scanned(["Small and plain"], (400, 120), left=40, top=40).save(tmp_path / "small.png")
    options = {**ways_in(served)["http"], "use_binary_data": False}
    (answer,) = read_files(docling, "kserve", options, [tmp_path / "small.png"])
    assert texts(answer) == ["Small and plain"]


def test_refusals_reach_docling_as_sentences(served, docling, files):
    """docling keeps the page without text, and says why."""
    options = {**ways_in(served)["http"], "request_parameters": {"languages": "en"}}
    (answer,) = read_files(docling, "kserve", options, files[:1])
    assert answer["status"] == "partial_success"
    assert "unknown parameter 'languages'; known are binarize_threshold" in answer["errors"][0]


def test_docling_with_its_own_reader_finds_the_same_text(served, docling, files):
    """Its RapidOCR has the weights of the default networks."""
    ours, theirs = (
        read_files(docling, engine, options, files[:2])
        for engine, options in (("kserve", ways_in(served)["grpc"]), ("rapidocr", {}))
    )
    for one, other in zip(ours, theirs, strict=True):
        assert share_wrong(texts(one), texts(other)) < 0.05, one["file"]

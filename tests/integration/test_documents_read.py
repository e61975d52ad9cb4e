"""Documents read by a real Triton: text, order, formats, and the words of a searchable PDF where pdfium finds them."""

import io
import json

import numpy as np
import pypdfium2
import pytest
from drawn_documents import LINES, letter, pdf, scan, scanned, tiff
from ocdrnet_command import run_ocdrnet
from PIL import Image
from reportlab.lib.utils import ImageReader

from ocdrnet_client import Client

WORDS = [word for line in LINES for word in line.split()]


def slanted(paper):
    """A scan that lies 3 degrees askew."""
    image = scanned(points=30).rotate(3, resample=Image.Resampling.BICUBIC, fillcolor=255)
    paper.drawImage(ImageReader(image), 0, 0, 595, 842)


@pytest.fixture(scope="module")
def url(served):
    return served.addresses.grpc_url


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents")
    (folder / "doc.pdf").write_bytes(pdf(scan, letter, slanted))
    (folder / "turned.pdf").write_bytes(pdf(scan, scan, Rotate=90))
    (folder / "fax.tif").write_bytes(tiff(scanned(mode="1"), scanned(mode="1"), compression="group4", dpi=(150, 150)))
    return folder


def boxes_of(page):
    """Words with their boxes by pdfium, in pixels of the page at 200 dpi."""
    text = page.get_textpage()
    height = page.get_size()[1]
    found, word, box = [], "", None
    for index in range(text.count_chars() + 1):
        char = text.get_text_range(index, 1) if index < text.count_chars() else " "
        if char.isspace():
            found += [(word, box)] if word else []
            word, box = "", None
            continue
        left, bottom, right, top = text.get_charbox(index, loose=True)
        here = np.array([left, height - top, right, height - bottom]) * 200 / 72
        word += char
        box = here if box is None else np.concatenate((np.minimum(box[:2], here[:2]), np.maximum(box[2:], here[2:])))
    return found


def iou(first, second):
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    common = np.prod(np.maximum(high - low, 0))
    return common / (np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2]) - common)


def test_every_page_is_read_in_its_place(url, folder):
    with Client(url) as client:
        document = client.read_document(folder / "doc.pdf")
    assert [page.text_source for page in document.pages] == ["ocr", "text_layer", "ocr"]
    for page in document.pages:
        read = page.page.text.split()
        assert sum(word in read for word in WORDS) >= 0.98 * len(WORDS)
    assert document.pages[2].angle == pytest.approx(-3, abs=0.5)


def test_the_words_of_a_searchable_pdf_are_found_where_they_were_read(url, folder, tmp_path):
    written = tmp_path / "out.pdf"
    run = run_ocdrnet("read", folder / "doc.pdf", "--url", url, "--format", "pdf", "-o", written)
    assert (run.returncode, run.stderr) == (0, "")
    with Client(url) as client:
        document = client.read_document(folder / "doc.pdf")
    before, after = pypdfium2.PdfDocument(folder / "doc.pdf"), pypdfium2.PdfDocument(written)
    for number, page in enumerate(document.pages):
        shown = [pdf_file[number].render(scale=1).to_numpy() for pdf_file in (before, after)]
        assert np.array_equal(*shown)
        found = boxes_of(after[number])
        words = [word for line in page.page.lines for word in line.words]
        placed = 0
        for word in words:
            corners = np.array(word.box)
            box = np.concatenate((corners.min(axis=0), corners.max(axis=0)))
            placed += any(text == word.text and iou(box, other) >= 0.7 for text, other in found)
        assert placed >= 0.99 * len(words), (number, placed, len(words))


@pytest.mark.full
def test_a_second_run_adds_no_second_layer(url, folder, tmp_path):
    once, twice = tmp_path / "once.pdf", tmp_path / "twice.pdf"
    for source, written in ((folder / "doc.pdf", once), (once, twice)):
        assert run_ocdrnet("read", source, "--url", url, "--format", "pdf", "-o", written).returncode == 0
    texts = [
        [page.get_textpage().get_text_bounded().split() for page in pypdfium2.PdfDocument(path)]
        for path in (once, twice)
    ]
    assert texts[0] == texts[1]
    assert len(texts[0][0]) == pytest.approx(len(WORDS), abs=2)


def test_turned_pages_are_read_upright(url, folder):
    run = run_ocdrnet("read", folder / "turned.pdf", "--url", url, "--format", "json")
    document = json.loads(run.stdout)
    assert [page["width"] > page["height"] for page in document["pages"]] == [True, True]
    for page in document["pages"]:
        read = " ".join(line["text"] for line in page["lines"]).split()
        assert sum(word in read for word in WORDS) >= 0.95 * len(WORDS)


def test_a_fax_is_read_page_by_page(url, folder):
    run = run_ocdrnet("read", folder / "fax.tif", "--url", url, "--format", "jsonl")
    pages = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(page["page"], page["dpi"], page["width"]) for page in pages] == [(1, 150, 1240), (2, 150, 1240)]
    for page in pages:
        read = " ".join(line["text"] for line in page["lines"]).split()
        assert sum(word in read for word in WORDS) >= 0.95 * len(WORDS)


@pytest.mark.full
@pytest.mark.parametrize("name", ["markdown", "hocr", "alto", "tsv"])
def test_other_formats_hold_the_words(url, folder, name):
    run = run_ocdrnet("read", folder / "doc.pdf", "--url", url, "--format", name, "--pages", "1")
    assert (run.returncode, run.stderr) == (0, "")
    assert sum(word in run.stdout for word in WORDS) >= 0.95 * len(WORDS)


def test_an_image_becomes_a_searchable_page(url, tmp_path):
    image, written = tmp_path / "scan.png", tmp_path / "scan.pdf"
    scanned().save(image)
    assert run_ocdrnet("read", image, "--url", url, "--format", "pdf", "-o", written).returncode == 0
    found = pypdfium2.PdfDocument(io.BytesIO(written.read_bytes()))[0].get_textpage().get_text_bounded().split()
    assert sum(word in found for word in WORDS) >= 0.95 * len(WORDS)

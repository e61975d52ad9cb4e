"""The drawn PDFs: what they are, and some of them made searchable by words whose places are known, without a server."""

import dataclasses
import json
import math

import pypdfium2
import pytest

from benchmarks.document_checks import count_found, same_pixels, share_right
from benchmarks.document_corpus import LONG, corpus, write_corpus
from benchmarks.documents import searchable_row
from ocdrnet_client.documents.document import Document, DocumentPage
from ocdrnet_client.documents.opened import OpenDocument
from ocdrnet_client.results import Page

DOCUMENTS = {document.name: document for document in corpus()}


def test_there_are_forty_and_the_same_seed_draws_the_same():
    assert len(DOCUMENTS) == 40
    assert [len(each.pages) for each in DOCUMENTS.values() if len(each.pages) > 4] == [LONG]
    scan = DOCUMENTS["turned-minus-3"]
    assert scan.draw() == scan.draw()
    assert scan.draw()[1] != scan.draw(seed=2)[1]


def test_words_and_password_are_written_beside_the_pdfs(tmp_path):
    paths = write_corpus(tmp_path, frozenset({"encrypted", "form-born", "damaged"}))
    assert sorted(path.name for path in paths) == ["damaged.pdf", "encrypted.pdf", "form-born.pdf"]
    truth = {path.stem: json.loads(path.with_suffix(".json").read_text()) for path in paths}
    assert [truth[name]["is_refused"] for name in sorted(truth)] == [True, False, False]
    with pypdfium2.PdfDocument(paths[0].parent / "encrypted.pdf", password=truth["encrypted"]["password"]) as opened:
        assert len(opened) == len(truth["encrypted"]["pages"]) == 1
    assert "permit" in truth["form-born"]["pages"][0]


class Truthful:
    """A client that reads each word where it was drawn."""

    def __init__(self, document):
        self._document = document

    def read_document(self, data, *, password, concurrency):
        born = dataclasses.replace(
            self._document, pages=tuple((layout, None) for layout, _ in self._document.pages), finish=DRAWN_ALONE
        )
        pages = []
        with OpenDocument(born.draw()[0], text_layer="trust") as opened:
            for number, (_, scan) in enumerate(self._document.pages, 1):
                page = opened.draw(number).page
                pages.append(DocumentPage(number, turned(page, scan.degrees)))
        return Document(None, tuple(pages), len(pages))


DRAWN_ALONE = DOCUMENTS["letter-born"].finish


def turned(page, degrees):
    """The boxes as the scanner turned them, clockwise about the middle of the page."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across, down = page.width / 2, page.height / 2

    def moved(box):
        return tuple(
            (across + (x - across) * cos - (y - down) * sin, down + (x - across) * sin + (y - down) * cos)
            for x, y in box
        )

    lines = [
        dataclasses.replace(
            line,
            box=moved(line.box),
            words=tuple(dataclasses.replace(word, box=moved(word.box)) for word in line.words),
        )
        for line in page.lines
    ]
    return Page(page.width, page.height, tuple(lines))


@pytest.mark.program("pdftotext", "qpdf")
@pytest.mark.parametrize(
    "name",
    [
        "letter-gray",
        "fax-letter",
        "columns-turned-3",
        "turned-5",
        "table-landscape",
        "lying-93",
        "encrypted",
        "damaged-end",
    ],
)
def test_every_word_is_found_by_both_programs_and_nothing_else_changes(name):
    document = DOCUMENTS[name]
    row = searchable_row(Truthful(document), document, False)
    assert row.right[0] == row.right[1] > 100
    for hits, count in (row.pdfium, row.poppler):
        assert hits >= 0.99 * count
        assert count >= row.right[1]
    assert (row.is_same, row.complaints) == (True, "")
    assert str(row).startswith(f"| {name} | {len(document.pages)} | 0 | ")


def test_the_checks_can_fail():
    with OpenDocument(DOCUMENTS["letter-born"].draw()[0], text_layer="trust") as opened:
        page = opened.draw(1).page
    rectangles = [(word.text, (0, 0, 5, 5)) for line in page.lines for word in line.words]
    assert count_found(page, rectangles)[0] == 0
    assert share_right(["中文", "two", "two"], "文 one two") == (2, 4)
    assert not same_pixels(DOCUMENTS["letter-born"].draw()[0], DOCUMENTS["letter-gray"].draw()[0])

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest
from document_pages import DOCUMENT, FAILED, PLAIN, box, line, one, page, pieces_before_the_end
from hypothesis import given, settings
from hypothesis import strategies as st

from ocdrnet_client import Line, Page, Word
from ocdrnet_client.documents.document import Document, DocumentPage
from ocdrnet_client.documents.formats import FORMATS

PAGE = (Path(__file__).parents[3] / "docs/documents.md").read_text("utf-8")
STREAMED = [name for name, each in FORMATS.items() if each.is_streamed]
FILE = Document("file.pdf", DOCUMENT, 9, seconds=1.5)


def written(name, document=FILE):
    return "".join(FORMATS[name].of_document(document))


def test_the_formats_are_these():
    assert {name: (each.name, each.suffix, each.media_type) for name, each in FORMATS.items()} == {
        "text": ("text", ".txt", "text/plain; charset=utf-8"),
        "json": ("json", ".json", "application/json"),
        "jsonl": ("jsonl", ".jsonl", "application/x-ndjson"),
        "markdown": ("markdown", ".md", "text/markdown; charset=utf-8"),
        "tsv": ("tsv", ".tsv", "text/tab-separated-values; charset=utf-8"),
        "hocr": ("hocr", ".hocr", "application/xhtml+xml"),
        "alto": ("alto", ".alto.xml", "application/xml"),
    }
    assert set(FORMATS) - set(STREAMED) == {"json"}


def test_text_has_form_feeds_between_pages_and_nothing_for_one_that_failed():
    pages = (*DOCUMENT[:3], DocumentPage(4, page(line("last", 0, 0))))
    document = Document(None, pages, 4)
    assert written("text", document) == "Two words\nnext\nalone\f\f\flast\n" == document.text + "\n"


def test_json_is_the_document():
    assert json.loads(written("json")) == json.loads(json.dumps(FILE.to_dict()))
    assert "世界" in written("json")


def test_jsonl_is_a_line_a_page():
    lines = written("jsonl").split("\n")
    assert lines.pop() == ""
    assert [json.loads(each) for each in lines] == [json.loads(json.dumps(each.to_dict())) for each in DOCUMENT]
    assert json.loads(lines[1])["error"] == str(FAILED)
    assert Page.from_dict(json.loads(lines[0])) == PLAIN


@pytest.mark.parametrize("name", STREAMED)
def test_whole_document_is_its_pages(name):
    assert written(name) == "".join(FORMATS[name].of_pages(iter(DOCUMENT), "file.pdf"))


@pytest.mark.parametrize("name", STREAMED)
def test_pages_are_written_as_they_come(name):
    assert "words" in "".join(pieces_before_the_end(FORMATS[name].of_pages))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_ends_with_a_line_break_and_writes_a_document_without_pages(name):
    for document in (FILE, Document(None, (), 0)):
        assert written(name, document).endswith("\n") or (name in ("jsonl", "markdown") and not document.pages)


@pytest.mark.parametrize("name", FORMATS)
def test_documentation_names_every_format(name):
    each = FORMATS[name]
    assert f"| `{name}` | `{each.suffix}` | `{each.media_type.split(';')[0]}` |" in PAGE


PIXELS = st.floats(-50, 500, allow_nan=False)
BOXES = st.builds(box, PIXELS, PIXELS, st.floats(0, 300), st.floats(0, 60), st.sampled_from([0, 3, 44, 90, 180, -90]))
TEXTS = st.text(st.sampled_from("aB1-.\u00ad•# \t\x00|א世"), max_size=6)
WORDS = st.builds(Word, TEXTS, st.floats(0, 1), BOXES)
LINES = st.builds(
    Line,
    TEXTS,
    st.floats(0, 1),
    BOXES,
    st.floats(0, 1),
    st.lists(WORDS, max_size=3).map(tuple),
    st.integers(0, 3),
    st.sampled_from([(), tuple((100 + 20 * math.cos(n), 100 + 20 * math.sin(n)) for n in range(24))]),
)


@pytest.mark.full
@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=8))
def test_any_page_is_written(lines):
    read = one(Page(400, 300, tuple(lines)))
    for each in FORMATS.values():
        text = "".join(each.of_document(Document("x", tuple(read), 1)))
        if each.name in ("hocr", "alto"):
            boxes = [element.attrib for element in ElementTree.fromstring(text).iter() if "HPOS" in element.attrib]
            assert all(float(at["HPOS"]) + float(at["WIDTH"]) <= 400 for at in boxes)


@pytest.mark.parametrize("preview", [b"", b"\xff\xd8\xff"])
def test_a_page_comes_back_from_json_with_its_preview(preview):
    page = DocumentPage(2, Page(8, 9), dpi=72, seconds=1.5, preview=preview)
    written = json.loads("".join(FORMATS["jsonl"].of_pages([page], None)))
    assert ("preview" in written) == bool(preview)
    assert DocumentPage.from_dict(written) == page

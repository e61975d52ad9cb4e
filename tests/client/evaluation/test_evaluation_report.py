"""The HTML report."""

import base64
import io
import re
from html.parser import HTMLParser

import pytest
from evaluation_regions import upright
from PIL import Image

from ocdrnet_evaluation.figures import ImageResult, summarize
from ocdrnet_evaluation.report import report_html
from ocdrnet_evaluation.scoring import score_page, score_regions

WORD = upright("word", 10, 10, 40, 10)
_VOID = {"meta", "img"}


class Balance(HTMLParser):
    """Notes tags that are closed in the wrong order, and attributes that load something."""

    def __init__(self, document):
        super().__init__()
        self.open, self.wrong, self.sources = [], [], []
        self.feed(document)

    def handle_starttag(self, tag, attributes):
        self.sources += [value for name, value in attributes if name in ("src", "href")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture
def picture(tmp_path):
    def saved(name, size=(1600, 400)):
        path = tmp_path / name
        Image.new("RGB", size, "gray").save(path)
        return path

    return saved


def result(path, truth, read, error=None):
    seconds = 0.5 if error is None else None
    return ImageResult(path.name, path, score_regions(truth, read), seconds, error)


def report(*results, worst=12):
    figures = {"dataset": "icdar2015", "level": "word", **summarize(results), "concurrency": 4, "parameters": {}}
    return report_html(results, figures, worst=worst)


def test_it_is_whole_and_loads_nothing(picture):
    read = [upright("w0rd", 10, 10, 40, 10), upright("ghost", 90, 10, 40, 10)]
    document = report(result(picture("a.png"), [WORD, upright("missed", 10, 50, 40, 10)], read))
    balance = Balance(document)
    assert (balance.open, balance.wrong) == ([], [])
    assert [source[:22] for source in balance.sources] == ["data:image/jpeg;base64"]
    assert "http" not in document
    assert "@import" not in document
    assert "url(" not in document
    assert "prefers-color-scheme: dark" in document
    assert 'name="viewport"' in document


def test_images_are_small_and_outlines_in_their_own_pixels(picture):
    document = report(result(picture("a.png"), [WORD], []))
    data = re.search(r'src="data:image/jpeg;base64,([^"]+)"', document)[1]
    with Image.open(io.BytesIO(base64.b64decode(data))) as shown:
        assert (shown.format, shown.size) == ("JPEG", (1000, 250))
    assert 'viewBox="0 0 1600 400"' in document
    assert '<polygon class="truth missed" points="10.0,10.0 50.0,10.0 50.0,20.0 10.0,20.0">' in document


def test_each_kind_of_region_is_marked(picture):
    truth = [WORD, upright("wrong", 10, 50, 40, 10), upright("missed", 10, 80, 40, 10), upright("###", 10, 200, 40, 10)]
    read = [
        WORD,
        upright("wr0ng", 10, 50, 40, 10),
        upright("ghost", 90, 10, 40, 10),
        upright("blur", 10, 200, 40, 10),
    ]
    document = report(result(picture("a.png"), truth, read))
    classes = re.findall(r'<polygon class="([^"]+)"', document)
    assert classes == [
        "truth",
        "truth wrong",
        "truth missed",
        "truth ignored",
        "read",
        "read",
        "read false",
        "read ignored",
    ]
    rows = re.findall(
        r'<tr><td>(\d)</td><td class="(\w+)">.*?<td class="text">(.*?)</td><td class="text">(.*?)</td>', document
    )
    assert rows == [("1", "wrong", "wrong", "wr0ng"), ("2", "missed", "missed", ""), ("3", "false", "", "ghost")]
    assert re.findall(r"<text [^>]+>(\d)</text>", document) == ["1", "2", "3"]


def test_the_worst_come_first_and_perfect_ones_not_at_all(picture):
    good, poor, failed = (picture(name) for name in ("good.png", "poor.png", "failed.png"))
    results = [
        result(good, [WORD], [WORD]),
        result(poor, [WORD, WORD], [WORD]),
        result(failed, [WORD], [], error="the <server> is gone"),
    ]
    assert re.findall(r"<h3>(\S+) ", report(*results)) == ["failed.png", "poor.png"]
    assert re.findall(r"<h3>(\S+) ", report(*results, worst=1)) == ["failed.png"]
    assert report(*results).count('class="bar-mark"') == 3
    assert "Failed: the &lt;server&gt; is gone" in report(*results)


def test_nothing_wrong_is_said(picture):
    assert "No image has a mistake." in report(result(picture("a.png"), [WORD], [WORD]))


def test_texts_cannot_break_out(picture):
    path = picture("a&b.png")
    document = report(result(path, [upright("<script>alert(1)</script>", 0, 0, 40, 10)], []))
    assert "<script" not in document
    assert "&lt;script&gt;" in document
    assert "a&amp;b.png" in document


def test_an_image_that_cannot_be_shown_is_said(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert "The image cannot be shown" in report(result(tmp_path / "a.png", [WORD], []))


def test_a_page_shows_its_words_and_at_most_a_hundred(picture):
    score = score_page(" ".join(f"w{index}" for index in range(130)), [WORD])
    results = [ImageResult("a.png", picture("a.png"), score, 0.5)]
    figures = {"dataset": "pages", "level": "line", **summarize(results), "concurrency": 4, "parameters": {}}
    document = report_html(results, figures, worst=12)
    assert document.count('<td class="missed">') == 100
    assert "and 31 more" in document
    assert "share of characters right" in document

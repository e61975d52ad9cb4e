"""OCRmyPDF itself, with its plugin and a stand-in server: text lies where it was read; faults are a sentence."""

import io
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pikepdf
import pypdfium2
import pytest
from client_answers import tensors_of
from client_servers import Server
from drawn_documents import letter, pdf, scan
from PIL import Image

from ocdrnet_client import Line, Page, Word

pytest.importorskip("ocrmypdf.pluginspec", reason="OCRmyPDF needs Python 3.11")
from ocdrnet_ocrmypdf import Engine, get_ocr_engine, orientation_of


def quad(left, top, right, bottom, turn=0):
    """Corners, clockwise from the text's own top left, of text that is turned clockwise by quarters."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return tuple((float(x), float(y)) for x, y in corners[turn:] + corners[:turn])


def two_words(width, height, turn=0):
    first = Word("Hello", 0.875, quad(0.1 * width, 0.1 * height, 0.3 * width, 0.13 * height, turn))
    second = Word("Grüße", 0.875, quad(0.32 * width, 0.1 * height, 0.5 * width, 0.13 * height, turn))
    line = Line(
        "Hello Grüße",
        0.875,
        quad(0.1 * width, 0.1 * height, 0.5 * width, 0.13 * height, turn),
        0.5,
        (first, second),
    )
    return Page(width, height, (line,))


@pytest.fixture
def server():
    server = Server("grpc")
    server.model.respond = lambda request: tensors_of(two_words(*Image.open(io.BytesIO(request.image)).size))
    yield server
    server.stop()


# OCRmyPDF wants Tesseract to be there, whichever engine reads.
by_the_program = pytest.mark.program("tesseract")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("OCDRNET_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("in.pdf").write_bytes(pdf(scan, scan))

    def ran(*arguments):
        command = Path(sys.executable).with_name("ocrmypdf")
        done = subprocess.run(
            [command, "--output-type", "pdf", *arguments, "in.pdf", "out.pdf"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert "Traceback" not in done.stderr
        return done

    return ran


def words_of(path):
    return [page.get_textpage().get_text_bounded().split() for page in pypdfium2.PdfDocument(path)]


@by_the_program
@pytest.mark.parametrize("renderer", ["auto", "fpdf2"])
def test_the_words_are_in_the_pdf_where_they_were_read(run, server, renderer):
    done = run("--ocdrnet-url", server.url, "--pdf-renderer", renderer, "--sidecar", "text.txt")
    assert done.returncode == 0, done.stderr
    assert words_of("out.pdf") == [["Hello", "Grüße"]] * 2
    assert "Hello Grüße" in Path("text.txt").read_text()
    page = pypdfium2.PdfDocument("out.pdf")[0]
    left, bottom, _, top = page.get_textpage().get_charbox(0, loose=True)
    assert left == pytest.approx(0.1 * 595, abs=3)
    assert (top + bottom) / 2 == pytest.approx(842 * (1 - 0.115), abs=6)
    assert len(server.model.requests) == 2
    with pikepdf.open("out.pdf") as written:
        assert "ocdrnet" in str(written.docinfo.get("/Creator", "")) + str(written.open_metadata())


@by_the_program
def test_the_variable_names_the_server_too(run, server, monkeypatch):
    monkeypatch.setenv("OCDRNET_URL", server.url)
    assert run().returncode == 0
    assert len(server.model.requests) == 2


@by_the_program
def test_a_server_that_is_away_is_one_sentence(run):
    done = run("--ocdrnet-url", "grpc://127.0.0.1:1")
    assert done.returncode == 3
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert lines == ["no ocdrnet server is ready at grpc://127.0.0.1:1; start one: ocdrnet serve"]


@by_the_program
def test_an_address_that_is_none_is_one_sentence(run):
    done = run("--ocdrnet-url", "ftp://somewhere")
    assert done.returncode == 1
    assert "--ocdrnet-url: " in done.stderr


@by_the_program
def test_tesseracts_own_renderer_is_refused(run, server):
    done = run("--ocdrnet-url", server.url, "--pdf-renderer", "sandwich")
    assert done.returncode == 1
    assert "--pdf-renderer sandwich is for Tesseract" in done.stderr
    assert not server.model.requests


@by_the_program
def test_pages_that_have_text_are_left_to_ocrmypdf(run, server):
    Path("in.pdf").write_bytes(pdf(letter))
    assert run("--ocdrnet-url", server.url).returncode == 6
    assert run("--ocdrnet-url", server.url, "--skip-text").returncode == 0
    assert not server.model.requests


@by_the_program
def test_pages_are_turned_upright(run, server):
    server.model.respond = lambda request: tensors_of(
        Page(*(size := Image.open(io.BytesIO(request.image)).size), two_words(*size, turn=1).lines * 4)
    )
    done = run("--ocdrnet-url", server.url, "--rotate-pages", "--rotate-pages-threshold", "5")
    assert done.returncode == 0, done.stderr
    with pikepdf.open("out.pdf") as written:
        assert [int(page.get("/Rotate", 0)) % 360 for page in written.pages] == [270, 270]


@pytest.mark.parametrize(("turn", "clockwise"), [(0, 0), (1, 90), (2, 180), (3, 270)])
def test_the_orientation_is_that_of_most_text(turn, clockwise):
    most = two_words(900, 900, turn).lines * 5
    found = orientation_of(Page(900, 900, most))
    assert found == (clockwise, 15.0)
    other = two_words(900, 900, (turn + 1) % 4).lines
    mixed = orientation_of(Page(900, 900, most + other))
    assert mixed.angle == clockwise
    assert 10 < mixed.confidence < 15
    assert orientation_of(Page(900, 900, most[:1])).confidence == pytest.approx(5)


def test_an_empty_page_says_nothing_of_its_orientation():
    assert orientation_of(Page(9, 9)) == (0, 0.0)


@pytest.mark.parametrize("degrees", [-7.0, 0.0, 3.0])
def test_deskew_is_the_slope_of_the_lines(server, tmp_path, degrees):
    rise = math.tan(math.radians(degrees)) * 500
    box = ((100.0, 200.0), (600.0, 200.0 + rise), (600.0, 230.0 + rise), (100.0, 230.0))
    server.model.respond = lambda request: tensors_of(Page(900, 900, (Line("a line", 0.5, box, 0.5, ()),)))
    Image.new("L", (9, 9)).save(tmp_path / "page.png")
    found = Engine.get_deskew(tmp_path / "page.png", SimpleNamespace(ocdrnet_url=server.url))
    assert found == pytest.approx(degrees, abs=0.1)


def test_other_engines_are_left_alone():
    assert get_ocr_engine(SimpleNamespace(ocdrnet_url=None, ocr_engine="auto")) is None
    assert get_ocr_engine(SimpleNamespace(ocdrnet_url="grpc://a:1", ocr_engine="tesseract")) is None
    assert isinstance(get_ocr_engine(SimpleNamespace(ocdrnet_url="grpc://a:1", ocr_engine="auto")), Engine)
    assert isinstance(get_ocr_engine(SimpleNamespace(ocdrnet_url="grpc://a:1")), Engine)

"""`ocdrnet read` of documents against a stand-in server: formats, outputs, pages, and how it ends."""

import io
import json
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from click.testing import CliRunner
from client_answers import tensors_of
from client_model import Refused
from drawn_documents import LINES, letter, pdf, scan, scanned, tiff
from PIL import Image

from ocdrnet_cli.main import main
from ocdrnet_client import Line, Page, Word


@pytest.fixture
def protocol():
    return "grpc"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of its own to work in, with a PDF of three pages, whose second holds its text, a TIFF and an image."""
    monkeypatch.chdir(tmp_path)
    Path("doc.pdf").write_bytes(pdf(scan, letter, scan))
    Path("fax.tif").write_bytes(tiff(scanned(size=(40, 20)), scanned(size=(50, 20))))
    Image.new("RGB", (30, 20), "gray").save("photo.jpg")
    return tmp_path


@pytest.fixture
def read(server, folder):
    def run(*arguments):
        return CliRunner().invoke(main, ["read", "--url", server.url, *map(str, arguments)])

    return run


@pytest.fixture(autouse=True)
def reads_its_size(model):
    """Each image says how large it is, in one word at its top left."""

    def respond(request):
        width, height = Image.open(io.BytesIO(request.image)).size
        box = ((10, 10), (width / 2, 10), (width / 2, 18), (10, 18))
        text = f"{width}x{height}"
        return tensors_of(Page(width, height, (Line(text, 0.5, box, 0.5, (Word(text, 0.5, box),)),)))

    model.respond = respond


def test_text_has_a_form_feed_between_pages(read):
    run = read("doc.pdf", "--dpi", "72")
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout == "595x842\f" + "\n".join(LINES) + "\f595x842\n"


def test_several_inputs_have_their_names_above_them(read):
    run = read("photo.jpg", "fax.tif", "photo.jpg")
    assert run.exit_code == 0
    assert run.stdout == "== photo.jpg ==\n30x20\n== fax.tif ==\n40x20\f50x20\n"


def test_only_the_pages_that_were_named(read, model):
    run = read("doc.pdf", "--pages", "2-3", "--text-layer", "ocr", "--dpi", "36", "--format", "jsonl")
    pages = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(page["page"], page["image"], page["text_source"], page["dpi"]) for page in pages] == [
        (2, "doc.pdf", "ocr", 36),
        (3, "doc.pdf", "ocr", 36),
    ]
    assert len(model.requests) == 2


def test_json_is_one_object_a_file(read):
    run = read("photo.jpg", "doc.pdf", "--format", "json")
    image, document = (json.loads(line) for line in run.stdout.splitlines())
    assert (image["image"], image["width"]) == ("photo.jpg", 30)
    assert (document["document"], document["page_count"], document["pages_read"]) == ("doc.pdf", 3, 3)
    assert [page["text_source"] for page in document["pages"]] == ["ocr", "text_layer", "ocr"]


@pytest.mark.full
@pytest.mark.parametrize("name", ["markdown", "tsv", "hocr", "alto"])
def test_other_formats_are_written_to_a_file(read, name):
    run = read("doc.pdf", "--format", name, "--output", "out.x")
    assert (run.exit_code, run.stdout, run.stderr) == (0, "", "")
    written = Path("out.x").read_text()
    assert LINES[0].split()[1] in written
    assert "1653x2339" in written
    assert read("doc.pdf", "--format", name).stdout == written


def test_a_searchable_pdf(read):
    run = read("doc.pdf", "--format", "pdf", "-o", "out/searchable.pdf")
    assert (run.exit_code, run.stdout, run.stderr) == (0, "", "")
    found = pypdfium2.PdfDocument("out/searchable.pdf")
    texts = [page.get_textpage().get_text_bounded().split() for page in found]
    assert texts[0] == texts[2] == ["1653x2339"]
    assert texts[1] == " ".join(LINES).split()


def test_a_pdf_may_go_down_a_pipe(read):
    piped = read("doc.pdf", "--format", "pdf")
    assert pypdfium2.PdfDocument(piped.stdout_bytes)[0].get_textpage().get_text_bounded().split() == ["1653x2339"]
    assert read("doc.pdf", "--format", "pdf", "-o", "-").stdout_bytes[:5] == b"%PDF-"
    assert not Path("-").exists()


def test_an_image_becomes_a_searchable_pdf(read):
    assert read("photo.jpg", "--format", "pdf", "-o", "photo.pdf").exit_code == 0
    found = pypdfium2.PdfDocument("photo.pdf")
    assert found[0].get_textpage().get_text_bounded().split() == ["30x20"]


def test_several_results_go_to_a_folder(read):
    Path("other").mkdir()
    Path("other/doc.pdf").write_bytes(pdf(letter))
    run = read("doc.pdf", "photo.jpg", "other/doc.pdf", "--format", "pdf", "--output", "out")
    assert run.exit_code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["doc.pdf", "other_doc.pdf", "photo.pdf"]


def test_a_folder_may_be_named_for_one_input(read):
    Path("out").mkdir()
    assert read("doc.pdf", "--output", "out").exit_code == 0
    assert Path("out/doc.txt").read_text().startswith("1653x2339\f")


def test_the_input_is_never_replaced(read):
    before = Path("doc.pdf").read_bytes()
    run = read("doc.pdf", "--format", "pdf", "-o", "doc.pdf")
    assert run.exit_code == 1
    assert run.stderr == "doc.pdf: the result would replace the input doc.pdf; give another --output\n"
    run = read("doc.pdf", "photo.jpg", "--format", "pdf", "-o", ".")
    assert run.exit_code == 1
    assert Path("doc.pdf").read_bytes() == before


def test_results_that_cannot_follow_each_other_need_a_folder(read, model):
    run = read("doc.pdf", "photo.jpg", "--format", "hocr")
    assert run.exit_code == 2
    assert "2 results as hocr need a file each; give --output FOLDER" in run.stderr
    Path("one.txt").touch()
    run = read("doc.pdf", "photo.jpg", "--output", "one.txt")
    assert run.exit_code == 2
    assert "there are 2 inputs, and one.txt is a file" in run.stderr
    assert not model.requests


def test_a_result_that_cannot_be_written_is_a_failure(read):
    Path("file").touch()
    run = read("doc.pdf", "--output", "file/out.txt")
    assert run.exit_code == 1
    assert run.stderr.startswith("doc.pdf: cannot write file/out.txt: ")


def test_what_was_there_stays_until_all_is_written(read, model):
    Path("out.txt").write_text("before")
    refused = read("doc.pdf", "--pages", "9", "--output", "out.txt")
    assert (refused.exit_code, Path("out.txt").read_text()) == (1, "before")
    assert sorted(path.name for path in Path().iterdir()) == ["doc.pdf", "fax.tif", "out.txt", "photo.jpg"]


def test_a_page_that_fails_is_named_and_the_others_are_written(read, model):
    answer = model.respond

    def respond(request):
        if len(model.requests) == 1:
            raise Refused(13, "the step failed")
        return answer(request)

    model.respond = respond
    run = read("doc.pdf", "--concurrency", "1")
    assert run.exit_code == 1
    assert run.stderr.startswith("doc.pdf, page 1: ")
    assert run.stdout == "\f" + "\n".join(LINES) + "\f1653x2339\n"


def test_a_document_that_cannot_be_opened_does_not_end_the_others(read):
    Path("bad.pdf").write_bytes(b"%PDF-1.7 nothing")
    run = read("bad.pdf", "doc.pdf", "--dpi", "72")
    assert run.exit_code == 1
    assert run.stderr == "bad.pdf: the PDF is damaged, or is none\n"
    assert run.stdout.startswith("== doc.pdf ==\n595x842\f")


def test_encrypted_documents_are_read_with_their_password(read, monkeypatch):
    with pikepdf.open("doc.pdf") as plain:
        plain.save("closed.pdf", encryption=pikepdf.Encryption(owner="own", user="let me in"))
    run = read("closed.pdf")
    assert (run.exit_code, run.stderr) == (1, "closed.pdf: the PDF is encrypted; give its password\n")
    assert read("closed.pdf", "--password", "let me in").stdout.count("\f") == 2
    monkeypatch.setenv("OCDRNET_DOCUMENT_PASSWORD", "let me in")
    assert read("closed.pdf").exit_code == 0


def test_a_document_may_come_by_the_standard_input(server, folder):
    data = Path("doc.pdf").read_bytes()
    run = CliRunner().invoke(main, ["read", "--url", server.url, "-", "--format", "jsonl"], input=data)
    assert [json.loads(line)["image"] for line in run.stdout.splitlines()] == ["stdin"] * 3


def test_pages_have_overlays(read):
    run = read("doc.pdf", "--pages", "1-2", "--dpi", "72", "--overlay", "drawn")
    assert run.exit_code == 0
    assert sorted(path.name for path in Path("drawn").iterdir()) == ["doc-page-1.overlay.png", "doc-page-2.overlay.png"]
    assert Image.open("drawn/doc-page-2.overlay.png").size[1] >= 842


def test_folders_hold_documents_too(read):
    run = read(".", "--format", "jsonl")
    assert [json.loads(line)["image"] for line in run.stdout.splitlines()] == [
        *["doc.pdf"] * 3,
        *["fax.tif"] * 2,
        "photo.jpg",
    ]


@pytest.mark.parametrize("option", [("--dpi", "20"), ("--dpi", "x"), ("--text-layer", "no"), ("--format", "docx")])
def test_wrong_options_are_wrong_usage(read, option):
    assert read("doc.pdf", *option).exit_code == 2

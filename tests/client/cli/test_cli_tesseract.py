"""`ocdrnet tesseract` against a stand-in server: by pytesseract, and beside Tesseract itself."""

import io
import subprocess
import sys
from pathlib import Path

import pypdfium2
import pytesseract
import pytest
from client_answers import tensors_of
from drawn_documents import pdf, scan, scanned, tiff
from PIL import Image

from ocdrnet_cli import tesseract
from ocdrnet_client import Line, Page, Word

BOX = ((10.0, 10.0), (200.0, 10.0), (200.0, 40.0), (10.0, 40.0))
WORDS = (
    Word("Grand", 1.0, ((10.0, 10.0), (90.0, 10.0), (90.0, 40.0), (10.0, 40.0))),
    Word("Hotel", 0.5, ((110.0, 10.0), (200.0, 10.0), (200.0, 40.0), (110.0, 40.0))),
)
LOWER = tuple((x, y + 40) for x, y in BOX)
PAGE = Page(
    400,
    100,
    (
        Line("Grand Hotel", 0.75, BOX, 0.75, WORDS),
        Line("open", 0.5, LOWER, 0.5, (Word("open", 0.5, LOWER),), 1),
    ),
)
TEXT = "Grand Hotel\n\nopen\n\f"


@pytest.fixture
def protocol():
    return "grpc"


@pytest.fixture(autouse=True)
def answers(model):
    model.respond = lambda request: tensors_of(PAGE)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, server):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCDRNET_URL", server.url)
    Image.new("RGB", (400, 100), "white").save("photo.png")
    return tmp_path


@pytest.fixture
def program(tmp_path, monkeypatch):
    """What `ocdrnet-tesseract` is after an installation."""
    path = tmp_path / "ocdrnet-tesseract"
    path.write_text(f"#!{sys.executable}\nfrom ocdrnet_cli.tesseract import main\nmain()\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setattr(pytesseract.pytesseract, "tesseract_cmd", str(path))
    return path


@pytest.mark.full
def test_pytesseract(program, model):
    image = Image.open("photo.png")
    assert str(pytesseract.get_tesseract_version()) == "5.3.0"
    assert {"eng", "deu", "chi_sim", "jpn"} <= set(pytesseract.get_languages())
    assert pytesseract.image_to_string(image, lang="eng", config="--psm 6 --oem 1 --dpi 300") == TEXT
    data = pytesseract.image_to_data(image, output_type=pytesseract.Output.DICT)
    words = [(text, confidence) for text, confidence in zip(data["text"], data["conf"], strict=True) if text]
    assert words == [("Grand", 100), ("Hotel", 50), ("open", 50)]
    index = data["text"].index("Hotel")
    assert [data[name][index] for name in ("left", "top", "width", "height")] == [110, 10, 90, 30]
    text, hocr, searchable = pytesseract.run_and_get_multiple_output(image, extensions=["txt", "hocr", "pdf"])
    assert text == TEXT
    assert b'<span class="ocrx_word"' in hocr
    assert "Hotel" in pypdfium2.PdfDocument(searchable)[0].get_textpage().get_text_bounded()
    assert b"<alto" in pytesseract.image_to_alto_xml(image)


@pytest.mark.parametrize("call", [pytesseract.image_to_boxes, pytesseract.image_to_osd])
def test_what_the_server_does_not_tell_is_refused(program, call):
    with pytest.raises(pytesseract.TesseractError, match="not answered by this server") as caught:
        call(Image.open("photo.png"))
    assert caught.value.status == 1


def test_a_whitelist_becomes_a_charset(model):
    assert tesseract.run(["photo.png", "out", "-c", "tessedit_char_whitelist=3210 "]) == 0
    assert model.requests[-1].parameters["charset"] == "0123"


@pytest.mark.parametrize(("value", "asked"), [("1", {"characters": "on"}), ("true", {"characters": "on"}), ("0", {})])
def test_boxes_of_characters_are_asked_for(model, value, asked):
    assert tesseract.run(["photo.png", "out", "-c", f"hocr_char_boxes={value}", "hocr"]) == 0
    assert model.requests[-1].parameters == asked


def test_outputs_go_to_files_by_their_suffixes(folder):
    assert tesseract.run(["photo.png", "out", "-l", "eng+deu", "hocr", "tsv", "pdf", "txt", "alto", "quiet"]) == 0
    assert {path.suffix for path in folder.glob("out.*")} == {".hocr", ".tsv", ".pdf", ".txt", ".xml"}
    assert Path("out.txt").read_text(encoding="utf-8") == TEXT
    assert Path("out.tsv").read_text(encoding="utf-8").startswith("level\tpage_num")
    assert Path("out.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["stdin", "-"])
def test_the_standard_input_and_output(monkeypatch, capfdbinary, model, name):
    image = Path("photo.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(image)))
    assert tesseract.run([name, "stdout", "-c", "page_separator=|"]) == 0
    assert capfdbinary.readouterr().out.decode() == TEXT.replace("\f", "|")
    assert model.requests[-1].image == image


@pytest.mark.parametrize("data", [pdf(scan, scan), tiff(scanned(size=(40, 20)), scanned(size=(50, 20)))])
def test_documents_are_read_page_by_page(data):
    Path("doc").write_bytes(data)
    assert tesseract.run(["doc", "out"]) == 0
    assert Path("out.txt").read_text(encoding="utf-8") == TEXT * 2


# Exit code and the beginning of what both programs say.
SAME = [
    ("no-file.png out", 1, "Error, cannot read input file no-file.png: No such file or directory"),
    ("photo.png", 1, ""),
    ("", 1, ""),
    ("photo.png out --psm 99", 1, "Invalid PSM value, please enter a number between 0-13"),
    ("photo.png out --oem 9", 1, "Invalid OEM value, please enter a number between 0-3"),
    ("photo.png out --bogus", 1, "Error, unknown command line argument '--bogus'"),
    ("photo.png out no-such-config", 0, "read_params_file: Can't open no-such-config"),
    ("photo.png out --psm 7 --oem 1 --dpi 70 -l eng -c load_system_dawg=0", 0, ""),
    ("--version", 0, ""),
    ("--list-langs", 0, ""),
    ("--help", 0, ""),
]


@pytest.mark.parametrize(("line", "code", "said"), SAME)
def test_exit_codes_and_words(capsys, line, code, said):
    assert tesseract.run(line.split()) == code
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.full
@pytest.mark.program("tesseract")
@pytest.mark.parametrize(("line", "code", "said"), SAME)
def test_they_are_tesseracts(line, code, said):
    done = subprocess.run(["tesseract", *line.split()], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("photo.png no-folder/out", "could not create TXT output file"),
        ("photo.png out --psm 0", "--psm 0"),
        ("photo.png out -c tessedit_char_whitelist=+-", "whitelist with +"),
        ("photo.png out -c x", "Missing ="),
        ("photo.png out --url ftp://x", "ftp"),
        ("photo.png out -l", "-l requires an argument"),
    ],
)
def test_failures_of_its_own(capsys, line, said):
    assert tesseract.run(line.split()) == 1
    assert said in capsys.readouterr().err
    assert not Path("out.txt").exists()


def test_a_server_that_is_away(capsys, monkeypatch, server):
    server.stop()
    assert tesseract.run(["photo.png", "out"]) == 1
    assert "Error during processing." in capsys.readouterr().err

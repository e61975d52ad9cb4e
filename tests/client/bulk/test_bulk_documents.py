"""`ocdrnet bulk` with PDFs and TIFFs of several pages: records, files, going on within a document, failures."""

import io
import json
import subprocess
import sys
import threading
from itertools import chain
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from click.testing import CliRunner
from client_answers import tensors_of
from client_model import Refused
from drawn_documents import LINES, letter, page_workers, pdf, scan, scanned, tiff
from PIL import Image

from ocdrnet_bulk.files import FileMaker
from ocdrnet_bulk.reading import OPENERS, PatientReader, Plan
from ocdrnet_bulk.source_files import open_source
from ocdrnet_cli.main import main
from ocdrnet_client import InvalidRequestError, Line, Page, Word
from ocdrnet_client.documents.opened import DrawnPage
from ocdrnet_client.ordered import map_in_threads

SIDES = (40, 50, 60, 70, 80, 90)


@pytest.fixture
def protocol():
    return "grpc"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A PDF whose second page holds its text, a TIFF of six pages, and an image."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOB_COMPLETION_INDEX", raising=False)
    scans = tmp_path / "scans"
    scans.mkdir()
    (scans / "a.pdf").write_bytes(pdf(scan, letter))
    (scans / "b.tif").write_bytes(tiff(*(scanned(size=(side, 20)) for side in SIDES)))
    Image.new("RGB", (30, 20), "gray").save(scans / "c.jpg")
    return tmp_path


@pytest.fixture(autouse=True)
def reads_its_size(model):
    """Each image says how large it is, in one word; what is in `refused` is refused."""
    model.refused = {}

    def respond(request):
        width, height = Image.open(io.BytesIO(request.image)).size
        text = f"{width}x{height}"
        if text in model.refused:
            raise Refused(*model.refused[text])
        box = ((2, 2), (width / 2, 2), (width / 2, 10), (2, 10))
        return tensors_of(Page(width, height, (Line(text, 0.5, box, 0.5, (Word(text, 0.5, box),)),)))

    model.respond = respond


@pytest.fixture
def bulk(server, folder):
    def run(*arguments, output="out", source="scans"):
        given = ["bulk", source, "--output", output, "--url", server.url, "--dpi", 72, *arguments]
        return CliRunner().invoke(main, [*map(str, given)])

    return run


def lines(output="out", kind="results"):
    return [json.loads(line) for path in sorted(Path(output, kind).glob("*.jsonl")) for line in path.open()]


def places(output="out", kind="results"):
    return [(line["image"], line.get("page"), line.get("page_count")) for line in lines(output, kind)]


def asked(model):
    return sorted(Image.open(io.BytesIO(request.image)).width for request in model.requests)


ALL = [("a.pdf", 1, 2), ("a.pdf", 2, 2), *(("b.tif", number, 6) for number in range(1, 7)), ("c.jpg", None, None)]


def test_each_page_is_a_record_with_its_place_and_the_document(bulk):
    run = bulk()
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout.startswith("9 pages of 3 files read, none failed; 9 of them now")
    assert places() == ALL
    scan_page, letter_page, *_ = found = lines()
    assert (scan_page["lines"][0]["text"], scan_page["text_source"], scan_page["dpi"]) == ("595x842", "ocr", 72)
    assert ([line["text"] for line in letter_page["lines"]], letter_page["text_source"]) == (LINES, "text_layer")
    # Two runs give the same bytes.
    assert not any("seconds" in line for line in found)
    assert page_workers() == []


def test_pages_dpi_and_text_layer_are_those_of_read_and_belong_to_the_run(bulk, model):
    assert bulk("--pages", "2-3", "--text-layer", "ocr").exit_code == 0
    assert places() == [("a.pdf", 2, 2), ("b.tif", 2, 6), ("b.tif", 3, 6), ("c.jpg", None, None)]
    assert asked(model) == [30, 50, 60, 595]
    run = bulk("--pages", "2", "--dpi", "80")
    assert run.exit_code == 2
    told = " ".join(run.stderr.split())
    assert "pages was '2-3', now '2'; dpi was 72.0, now 80.0; text_layer was 'ocr', now 'auto'" in told
    assert "--pages='2-x'" in bulk("--pages", "2-x", output="other").stderr


def test_a_document_that_cannot_be_read_is_a_sentence_and_the_others_go_on(bulk, folder):
    whole = pdf(letter)
    with pikepdf.open(io.BytesIO(whole)) as opened:
        opened.save("scans/locked.pdf", encryption=pikepdf.Encryption(owner="o", user="u"))
    Path("scans/damaged.pdf").write_bytes(whole[:200])
    Path("scans/short.pdf").write_bytes(pdf(letter))
    run = bulk("--pages", "2-")
    assert run.exit_code == 1
    assert places() == [("a.pdf", 2, 2), *ALL[3:]]
    assert {line["image"]: line["reason"] for line in lines(kind="failures")} == {
        "damaged.pdf": "the PDF is damaged, or is none",
        "locked.pdf": "the PDF is encrypted; give its password",
        "short.pdf": "--pages 2- names no page of the document, which has 1",
    }
    assert {line["error"] for line in lines(kind="failures")} == {"InvalidRequestError"}
    again = bulk("--pages", "2-", "--retry-failed", "--password", "u")
    assert again.exit_code == 1
    # The password opens it, and its one page is not the second.
    assert "names no page" in {line["image"]: line["reason"] for line in lines(kind="failures")}["locked.pdf"]
    assert "u" not in json.loads(Path("out/manifest.json").read_text())["settings"].values()


def test_a_run_that_is_killed_within_a_document_goes_on_at_the_next_page(server, folder, model, bulk):
    bulk(output="whole")
    model.requests.clear()
    answer, ended = model.respond, []

    def kills_at_the_fifth_frame(request):
        if Image.open(io.BytesIO(request.image)).width == SIDES[4] and not ended:
            ended.append(process.kill())
        return answer(request)

    model.respond = kills_at_the_fifth_frame
    command = [Path(sys.executable).with_name("ocdrnet"), "bulk", "scans", "--output", "out", "--url", server.url]
    process = subprocess.Popen([*command, "--dpi", "72", "--concurrency", "1"])
    assert process.wait(60) == -9
    model.requests.clear()
    run = bulk()
    assert (run.exit_code, run.stderr) == (0, "")
    assert Path("out/results/part-00000-of-00001.jsonl").read_bytes() == (
        Path("whole/results/part-00000-of-00001.jsonl").read_bytes()
    )
    # With one image at a time at most two answers wait to be written.
    assert set(asked(model)) <= {SIDES[2], SIDES[3], SIDES[4], SIDES[5], 30}
    assert {SIDES[4], SIDES[5], 30} <= set(asked(model))


def test_a_page_that_failed_is_tried_again_alone(bulk, model, server):
    model.refused = {
        f"{SIDES[2]}x20": (server.status("invalid"), "spoilt"),
        "595x842": (server.status("invalid"), "bad"),
    }
    run = bulk()
    assert run.exit_code == 1
    assert "7 pages of 3 files read, 2 failed" in run.stdout
    assert places(kind="failures") == [("a.pdf", 1, 2), ("b.tif", 3, 6)]
    model.refused.popitem()
    model.requests.clear()
    again = bulk("--retry-failed")
    assert asked(model) == [SIDES[2], 595]
    assert "8 pages of 3 files read, 1 failed" in again.stdout
    assert "; 2 of them now" in again.stdout
    model.refused.clear()
    assert bulk("--retry-failed").exit_code == 0
    assert places() == ALL
    assert lines(kind="failures") == []


def test_a_document_that_changed_within_the_run_fails_by_page_and_keeps_what_was_read(bulk, model, server):
    model.refused = {f"{SIDES[3]}x20": (server.status("unavailable"), "gone")}
    assert bulk("--patience", 0, "--timeout", 1, "--concurrency", 1).exit_code == 2
    Path("scans/b.tif").write_bytes(tiff(scanned(size=(40, 20)), scanned(size=(50, 20))))
    model.refused.clear()
    assert bulk().exit_code == 1
    failed = lines(kind="failures")
    assert {line["reason"] for line in failed} == {"the document has 2 pages now, and had 6 when the run began"}
    assert sorted([*places(), *places(kind="failures")], key=str) == sorted(ALL, key=str)


def test_parquet_has_the_same_pages_and_goes_back(bulk, model, server):
    pytest.importorskip("pyarrow")
    bulk(output="lines")
    model.refused = {f"{SIDES[0]}x20": (server.status("invalid"), "spoilt")}
    assert bulk("--format", "parquet").exit_code == 1
    model.refused.clear()
    model.requests.clear()
    assert bulk("--format", "parquet", "--retry-failed").exit_code == 0
    assert asked(model) == [SIDES[0]]
    from ocdrnet_bulk.parquet import Parquet

    assert list(Parquet().read(Path("out/results/part-00000-of-00001.parquet"))) == lines("lines")


@pytest.mark.full
@pytest.mark.parametrize(
    ("format_name", "suffix", "start"),
    [
        ("text", ".txt", "40x20\f50x20\f"),
        ("json", ".json", '{"document": "b.tif", "page_count": 6, "pages_read": 6, '),
        ("markdown", ".md", "40x20"),
        ("tsv", ".tsv", "level\tpage_num"),
        ("hocr", ".hocr", "<?xml"),
        ("alto", ".alto.xml", "<?xml"),
    ],
)
def test_a_file_for_each_input_beside_the_lines(bulk, format_name, suffix, start):
    assert bulk("--format", format_name).exit_code == 0
    assert places() == ALL
    assert sorted(path.name for path in Path("out/files").iterdir()) == [
        f"{name}{suffix}" for name in ("a.pdf", "b.tif", "c.jpg")
    ]
    assert Path(f"out/files/b.tif{suffix}").read_text().startswith(start)


@pytest.mark.full
def test_searchable_pdfs_and_one_that_is_signed(bulk, model):
    with pikepdf.open(io.BytesIO(pdf(scan))) as signed:
        field = signed.make_indirect(pikepdf.Dictionary(FT=pikepdf.Name.Sig, V=pikepdf.Dictionary()))
        signed.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([field]))
        signed.save("scans/d.pdf")
    run = bulk("--format", "pdf")
    assert run.exit_code == 1
    assert places() == [*ALL, ("d.pdf", 1, 1)]
    (failure,) = lines(kind="failures")
    assert (failure["image"], failure["file"]) == ("d.pdf", "files/d.pdf.pdf")
    assert failure["reason"].startswith("the PDF is signed")
    made = [pypdfium2.PdfDocument(f"out/files/{name}.pdf") for name in ("a.pdf", "b.tif", "c.jpg")]
    assert [len(each) for each in made] == [2, 6, 1]
    assert made[1][3].get_textpage().get_text_bounded().strip() == "70x20"
    # Nothing is read again, and the file is tried again.
    model.requests.clear()
    kept = Path("out/files/a.pdf.pdf").stat().st_mtime_ns
    Path("scans/d.pdf").write_bytes(pdf(scan))
    assert bulk("--format", "pdf", "--retry-failed").exit_code == 0
    assert model.requests == []
    assert Path("out/files/d.pdf.pdf").exists()
    assert Path("out/files/a.pdf.pdf").stat().st_mtime_ns == kept
    assert page_workers() == []


def test_a_run_ended_before_a_file_was_made_makes_it_and_reads_nothing(bulk, model, monkeypatch):
    with monkeypatch.context() as patched:

        def full(*_):
            raise KeyboardInterrupt

        patched.setattr(FileMaker, "make", full)
        assert bulk("--format", "text", "--concurrency", 1).exit_code != 0
    model.requests.clear()
    assert bulk("--format", "text").exit_code == 0
    assert places() == ALL
    assert 595 not in asked(model)
    assert Path("out/files/a.pdf.txt").read_text() == "595x842\f" + "\n".join(LINES) + "\n"


def test_an_image_that_failed_has_no_file_and_a_document_with_a_failed_page_has(bulk, model, server):
    model.refused = {size: (server.status("invalid"), "spoilt") for size in ("30x20", f"{SIDES[5]}x20")}
    assert bulk("--format", "text").exit_code == 1
    assert places(kind="failures") == [("b.tif", 6, 6), ("c.jpg", None, None)]
    assert sorted(path.name for path in Path("out/files").iterdir()) == ["a.pdf.txt", "b.tif.txt"]
    assert Path("out/files/b.tif.txt").read_text() == "40x20\f50x20\f60x20\f70x20\f80x20\f\n"
    model.refused.clear()
    assert bulk("--format", "text", "--retry-failed").exit_code == 0
    assert Path("out/files/b.tif.txt").read_text() == "40x20\f50x20\f60x20\f70x20\f80x20\f90x20\n"
    assert Path("out/files/c.jpg.txt").read_text() == "30x20\n"


class Opened:
    """Stands in for documents and their options; counts those that are open, and the most there were."""

    open_now = most = 0
    lock = threading.Lock()

    def __init__(self, page_count=0):
        self.page_count, self.is_open = page_count, True

    def open(self, file):
        with self.lock:
            Opened.open_now += 1
            Opened.most = max(Opened.most, Opened.open_now)
        return Opened(int(file.stem) % 4 + 1)

    def numbers(self, page_count):
        return list(range(1, page_count + 1))

    def draw(self, number):
        return DrawnPage(number, error=InvalidRequestError(f"page {number}"))

    def close(self):
        with self.lock:
            Opened.open_now -= self.is_open
            self.is_open = False


def test_of_many_short_documents_few_are_open_at_once_and_all_have_their_turn(tmp_path):
    for number in range(200):
        (tmp_path / f"{number:03}.pdf").write_bytes(b"%PDF-")
    reader = PatientReader(None, open_source(str(tmp_path)), {}, 0, Opened())
    plans = [Plan(f"{number:03}.pdf") for number in range(200)]
    steps = chain.from_iterable(map_in_threads(reader.steps, plans, OPENERS))
    records = list(map_in_threads(lambda step: step.record(), steps, 16))
    expected = [(f"{number:03}.pdf", page) for number in range(200) for page in range(1, number % 4 + 2)]
    assert [(record.image, record.number) for record in records] == expected
    assert (Opened.open_now, 2 <= Opened.most <= 6) == (0, True)


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("a/b.pdf", "files/a/b.pdf.pdf"),
        ("../b.pdf", "files/..%2Fb.pdf.pdf"),
        ("/etc/b.pdf", "files/%2Fetc%2Fb.pdf.pdf"),
        ("s3://bucket/b.pdf", "files/s3%3A%2F%2Fbucket%2Fb.pdf.pdf"),
    ],
)
def test_the_files_lie_in_the_output_under_names_of_their_own(entry, name):
    assert FileMaker(None, None, "pdf", "").name(entry) == name


def test_a_name_that_is_too_long_for_the_files_suffix_is_cut_and_stays_one_of_its_own():
    names = [FileMaker(None, None, "alto", "").name("é" * 126 + end) for end in ("ab", "ac")]
    assert names[0] != names[1]
    assert {len(name.encode()) for name in names} <= {254 + len("files/"), 255 + len("files/")}

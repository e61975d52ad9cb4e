"""`ocdrnet eval` against a stand-in server: what it prints and writes, and how it ends."""

import json
import os
import pty
import subprocess
import sys

import pytest
from click.testing import CliRunner
from client_answers import tensors_of
from client_model import Refused
from evaluation_regions import page_of, truth_line, upright
from PIL import Image

from ocdrnet_cli.main import main

HOTEL, OPEN = upright("Hotel", 10, 10, 60, 20), upright("OPEN", 10, 40, 60, 20)
READ = page_of(HOTEL, upright("0PEN", 10, 40, 60, 20))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("img_1", "img_2"):
        Image.new("RGB", (200, 100), "gray").save(f"{name}.jpg")
        (tmp_path / f"gt_{name}.txt").write_text(truth_line(HOTEL) + truth_line(OPEN))
        (tmp_path / f"{name}.csv").write_text(truth_line(HOTEL) + truth_line(OPEN))
    return tmp_path


@pytest.fixture
def evaluate(server, folder):
    server.model.respond = lambda request: tensors_of(READ)

    def run(*arguments, dataset="icdar2015"):
        places = ["--images", ".", "--truth", "."]
        return CliRunner().invoke(main, ["eval", dataset, *places, "--url", server.url, *map(str, arguments)])

    return run


def test_a_table_is_for_people(evaluate):
    run = evaluate()
    assert (run.exit_code, run.stderr) == (0, "")
    lines = [line.split() for line in run.stdout.splitlines()]
    assert run.stdout.startswith("icdar2015: 2 images, 4 words of truth, 4 read, 4 matched\n")
    assert ["detection", "1.0000", "1.0000", "1.0000"] in lines
    assert ["end", "to", "end", "0.5000", "0.5000", "0.5000"] in lines
    assert "11.11%, 2 edits in 18 characters of matched words" in run.stdout
    assert "concurrency 4" in run.stdout


@pytest.mark.parametrize(("dataset", "level"), [("icdar2015", "word"), ("sroie", "line")])
def test_json_is_one_object(evaluate, dataset, level):
    run = evaluate("--json", "--concurrency", "2", "--param", "box_threshold=0.5", dataset=dataset)
    figures = json.loads(run.stdout)
    assert (figures["dataset"], figures["level"], figures["images"], figures["failed"]) == (dataset, level, 2, [])
    assert figures["end_to_end"] == {"precision": 0.5, "recall": 0.5, "hmean": 0.5}
    assert (figures["concurrency"], figures["parameters"]) == (2, {"box_threshold": 0.5})
    assert 0 < figures["seconds_per_image"]["median"] <= figures["seconds_per_image"]["p95"]


def test_lexicons_add_figures(evaluate):
    figures = json.loads(evaluate("--json", "--lexicon", "weak", "--lexicon", "strong", "--lexicon", "none").stdout)
    assert figures["end_to_end_weak"]["hmean"] == figures["end_to_end_strong"]["hmean"] == 1.0
    assert figures["end_to_end"]["hmean"] == 0.5


def test_a_vocabulary_distracts(evaluate, folder):
    (folder / "more.txt").write_text("OPEN\n0pen\n")
    figures = json.loads(evaluate("--json", "--lexicon", "strong", "--vocabulary", "more.txt").stdout)
    assert figures["end_to_end_strong"]["hmean"] == 0.5


def test_pages_have_an_error_rate_alone(evaluate, folder):
    for name in ("img_1", "img_2"):
        (folder / f"{name}.txt").write_text("Hotel\nOPEN\n")
    figures = json.loads(evaluate("--json", dataset="pages").stdout)
    assert (figures["character_error_rate"], figures["bag_of_words"]["f1"]) == (0.1, 0.5)
    assert "detection" not in figures
    assert evaluate(dataset="pages").stdout.startswith("pages: 2 images\n")


def test_a_failed_image_is_named_and_counts_as_nothing_read(evaluate, model, server):
    def respond(request):
        if len(model.requests) == 1:
            raise Refused(server.status("invalid"), "not a readable image")
        return tensors_of(READ)

    model.respond = respond
    run = evaluate("--json", "--concurrency", "1")
    assert run.exit_code == 1
    assert run.stderr == "img_1.jpg: not a readable image\n"
    figures = json.loads(run.stdout)
    assert (figures["images"], figures["failed"], figures["truth"]) == (2, ["img_1.jpg"], 4)
    assert figures["detection"]["recall"] == 0.5


def test_files_are_written(evaluate, folder):
    run = evaluate("--report", "deep/report.html", "--predictions", "read.jsonl")
    assert run.exit_code == 0
    assert (folder / "deep" / "report.html").read_text().startswith("<!DOCTYPE html>")
    lines = (folder / "read.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {**READ.to_dict(), "image": "img_1.jpg"},
        {**READ.to_dict(), "image": "img_2.jpg"},
    ]


def test_a_figure_under_its_floor_is_1_and_named(evaluate, folder):
    (folder / "floors.json").write_text('{"detection.hmean": 1, "end_to_end.hmean": 0.6, "character_error_rate": 0.2}')
    run = evaluate("--floors", "floors.json")
    assert (run.exit_code, run.stderr) == (1, "end_to_end.hmean is 0.5, under its floor 0.6\n")
    (folder / "floors.json").write_text('{"end_to_end.hmean": 0.5}')
    assert evaluate("--floors", "floors.json").exit_code == 0


def test_the_same_options_as_read_mean_the_same(evaluate, model):
    assert evaluate("--param", "max-candidates=7", "--concurrency", "1").exit_code == 0
    assert [request.parameters for request in model.requests] == [{"max_candidates": 7}] * 2
    assert model.most_running == 1


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--level", "page"], "'page' is not one of"),
        (["--param", "shade=1"], "unknown parameter 'shade'"),
        (["--vocabulary", "."], "--vocabulary is for --lexicon"),
        (["--lexicon", "strong", "--vocabulary", "."], "has no file voc_NAME.txt"),
        (["--floors", "gt_img_1.txt"], "gt_img_1.txt is not JSON"),
        (["--floors", "odd.json"], "no figure 'speed' here"),
        (["--images", "nowhere"], "'nowhere' does not exist"),
        (["--truth", "empty"], "no image in . has truth in empty (gt_NAME.txt); images: 2"),
    ],
)
def test_wrong_usage_is_2_before_any_request(evaluate, model, folder, arguments, fault):
    (folder / "odd.json").write_text('{"speed": 1}')
    (folder / "empty").mkdir()
    run = evaluate(*arguments)
    assert (run.exit_code, run.stdout) == (2, "")
    assert fault in " ".join(run.stderr.split())
    assert (model.requests, model.questions) == ([], [])


def test_pages_take_no_level_and_no_lexicon(evaluate):
    for arguments in (["--level", "line"], ["--lexicon", "weak"]):
        run = evaluate(*arguments, dataset="pages")
        assert run.exit_code == 2
        assert "whose truth has no boxes" in run.stderr


def test_malformed_truth_names_file_and_line(evaluate, folder):
    (folder / "gt_img_2.txt").write_text(truth_line(HOTEL) + "1,2,3\n")
    run = evaluate()
    assert run.exit_code == 2
    assert "gt_img_2.txt, line 2: '1,2,3' has 3 fields; expected x1,y1," in run.stderr


def test_no_server_is_2(evaluate, server, unused_port):
    run = evaluate("--url", f"{server.protocol}://127.0.0.1:{unused_port}")
    assert (run.exit_code, run.stdout) == (2, "")
    assert "no OCR server is ready" in run.stderr


def test_a_report_that_cannot_be_written_is_said_after_the_figures(evaluate, folder):
    run = evaluate("--report", "img_1.jpg/report.html")
    assert run.exit_code == 1
    assert "cannot write img_1.jpg/report.html" in run.stderr
    assert run.stdout.startswith("icdar2015")


def test_without_shapely_the_extra_is_named():
    code = "import sys; sys.modules['shapely'] = None; from ocdrnet_cli.main import main; main(prog_name='ocdrnet')"
    run = subprocess.run([sys.executable, "-c", code, "eval", "sroie"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.endswith(": pip install 'ocdrnet[eval]'\n")


@pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
def test_progress_shows_on_a_terminal_only(server, folder):
    server.model.respond = lambda request: tensors_of(READ)
    terminal, end = pty.openpty()
    code = "from ocdrnet_cli.main import main; main(prog_name='ocdrnet')"
    command = [sys.executable, "-c", code, "eval", "sroie", "--images", ".", "--truth", ".", "--url", server.url]
    run = subprocess.run([*command, "--json"], stdout=subprocess.PIPE, stderr=end, check=False, timeout=30)
    os.close(end)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert run.returncode == 0
    assert shown == "\r1/2 images\r\x1b[K"
    assert json.loads(run.stdout)["images"] == 2

"""`ocdrnet eval` with a real server, on the set that the project draws."""

import json

import pytest
from ocdrnet_command import run_ocdrnet
from sample_truth import ROOT, overlap

SET = ROOT / "samples" / "evaluation"


def evaluate(served, *options):
    return run_ocdrnet(
        "eval", "icdar2015", "--images", SET, "--truth", SET, "--url", served.addresses.grpc_url, *options
    )


def test_the_small_set_stays_above_its_floors(served):
    run = evaluate(served, "--json", "--floors", SET / "floors.json", "--lexicon", "weak", "--lexicon", "strong")
    print(run.stdout)
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout)
    assert (figures["images"], figures["failed"]) == (6, [])
    # A list of words can only help where every word of the truth stands in it.
    hmeans = [figures[key]["hmean"] for key in ("end_to_end", "end_to_end_weak", "end_to_end_strong")]
    assert hmeans == sorted(hmeans)
    assert hmeans[-1] <= figures["detection"]["hmean"]


@pytest.mark.full
def test_a_floor_out_of_reach_ends_with_1(served, tmp_path):
    floors = tmp_path / "floors.json"
    floors.write_text('{"detection.hmean": 1.01}')
    run = evaluate(served, "--floors", floors)
    assert run.returncode == 1
    assert "under its floor 1.01" in run.stderr


@pytest.mark.full
def test_a_parameter_reaches_the_server(served):
    run = evaluate(served, "--json", "--param", "min_text_score=1")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["read"] < 20


@pytest.mark.full
def test_the_report_shows_what_was_read(served, tmp_path):
    run = evaluate(served, "--report", tmp_path / "report.html", "--predictions", tmp_path / "read.jsonl")
    assert run.returncode == 0, run.stderr
    document = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert document.count("data:image/jpeg;base64,") >= 3
    pages = [json.loads(line) for line in (tmp_path / "read.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [page["image"] for page in pages] == sorted(path.name for path in SET.glob("*.jpg"))


@pytest.mark.full
def test_matches_are_those_of_a_count_by_hand(served, tmp_path):
    """One to one by overlap, written anew for a set whose words do not overlap."""
    run = evaluate(served, "--json", "--predictions", tmp_path / "read.jsonl")
    matched = 0
    for line in (tmp_path / "read.jsonl").read_text(encoding="utf-8").splitlines():
        page = json.loads(line)
        words = [word["box"] for line in page["lines"] for word in line["words"]]
        for box in true_boxes(page["image"]):
            matched += any(overlap(box, word) > 0.5 for word in words)
    assert json.loads(run.stdout)["matched"] == matched


def true_boxes(name):
    text = (SET / f"gt_{name.removesuffix('.jpg')}.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        *numbers, word = line.split(",", 8)
        if word != "###":
            yield list(zip(map(float, numbers[::2]), map(float, numbers[1::2]), strict=True))

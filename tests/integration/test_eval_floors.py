"""Accuracy on real images must not fall below what it was; the images are not part of the project.

The figures of `ocdrnet eval` must also be those of `evaluate.py`, which lies beside the images and was written
independently of the project.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ocdrnet_command import run_ocdrnet
from sample_truth import ROOT
from text_distance import character_error_rate, edits

EVAL = Path(os.environ.get("OCDRNET_EVAL", ROOT.parent / "shared" / "eval"))
FLOORS = json.loads(Path(__file__).with_name("floors.json").read_text(encoding="utf-8"))
# The set's name here and in evaluate.py, and the level that is not its own.
KINDS = {"sroie-dev": ("sroie", "sroie", "word"), "icdar2015-dev": ("icdar2015", "ic15", "line")}
SAME = {
    "images": "images",
    "truth": "truth",
    "read": "detected",
    "detection.precision": "det_p",
    "detection.recall": "det_r",
    "detection.hmean": "det_h",
    "end_to_end.hmean": "e2e_h",
    "bag_of_words.precision": "word_p",
    "bag_of_words.recall": "word_r",
    "bag_of_words.f1": "word_f1",
}


def evaluate(served, kind, images, truth, *options):
    places = ["--images", images, "--truth", truth, "--url", served.addresses.grpc_url]
    run = run_ocdrnet("eval", kind, *places, "--json", *options)
    print(run.stdout)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def independent_figures(kind, truth, predictions, *options):
    command = [sys.executable, EVAL / "evaluate.py", kind, truth, predictions, *options]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def floors_file(folder, name):
    path = folder / "floors.json"
    path.write_text(json.dumps(FLOORS[name]), encoding="utf-8")
    return path


def at(figures, dotted):
    for key in dotted.split("."):
        figures = figures[key]
    return figures


def assert_same(figures, independent):
    assert {key: at(figures, key) for key in SAME} == {key: independent[other] for key, other in SAME.items()}


@pytest.mark.images
@pytest.mark.parametrize("name", KINDS)
def test_scores_stay_above_their_floors_and_are_those_of_an_independent_program(served, tmp_path, name):
    kind, other, _ = KINDS[name]
    images, truth, predictions = EVAL / name / "images", EVAL / name / "truth", tmp_path / "predictions.jsonl"
    options = ["--floors", floors_file(tmp_path, name), "--predictions", predictions, "--report", tmp_path / "r.html"]
    figures = evaluate(served, kind, images, truth, *options)
    assert figures["images"] == len(list(images.iterdir()))
    assert_same(figures, independent_figures(other, truth, predictions))


@pytest.mark.images
@pytest.mark.parametrize("name", KINDS)
def test_the_other_level_is_scored_alike(served, tmp_path, name):
    kind, other, level = KINDS[name]
    truth, predictions = EVAL / name / "truth", tmp_path / "predictions.jsonl"
    some = tmp_path / "images"
    some.mkdir()
    for picture in sorted((EVAL / name / "images").iterdir())[:4]:
        shutil.copy(picture, some)
    figures = evaluate(served, kind, some, truth, "--level", level, "--predictions", predictions)
    assert_same(figures, independent_figures(other, truth, predictions, "--level", level))


@pytest.mark.images
@pytest.mark.parametrize("name", ["phototest", "eurotext"])
def test_scanned_pages_are_read_almost_without_error(served, tmp_path, name):
    images, truth, predictions = tmp_path / "images", EVAL / "pages" / f"{name}.txt", tmp_path / "predictions.jsonl"
    images.mkdir()
    shutil.copy(EVAL / "pages" / f"{name}.tif", images)
    options = ["--floors", floors_file(tmp_path, "pages"), "--predictions", predictions]
    figures = evaluate(served, "pages", images, EVAL / "pages", *options)
    text = "\n".join(line["text"] for line in json.loads(predictions.read_text(encoding="utf-8"))["lines"])
    rate = character_error_rate(text, truth.read_text(encoding="utf-8"))
    assert figures["character_error_rate"] == pytest.approx(rate, abs=0.0001)


@pytest.mark.images
@pytest.mark.parametrize("name", FLOORS["columns"])
def test_magazine_pages_are_read_column_by_column(client, name):
    truth = (EVAL / "pages" / f"{name}.txt").read_text(encoding="utf-8")
    rate = character_error_rate(client.read(EVAL / "pages" / f"{name}.tif").text, truth)
    print(f"{name}: character error rate {rate:.2%}")
    assert rate <= FLOORS["columns"][name]


@pytest.mark.parametrize(
    ("first", "second", "count"), [("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0), ("ab", "ba", 2)]
)
def test_edits(first, second, count):
    assert edits(first, second) == edits(second, first) == count

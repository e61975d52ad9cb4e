"""Accuracy on real images must not fall below what it was; the images are not part of the project."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ocdrnet_command import run_ocdrnet
from sample_truth import ROOT
from text_distance import character_error_rate, edits

EVAL = Path(os.environ.get("OCDRNET_EVAL", ROOT.parent / "shared" / "eval"))
FLOORS = json.loads(Path(__file__).with_name("floors.json").read_text(encoding="utf-8"))
KINDS = {"sroie-dev": "sroie", "icdar2015-dev": "ic15"}

needs_images = pytest.mark.skipif(
    not (EVAL / "evaluate.py").is_file(), reason="no development images; OCDRNET_EVAL names their folder"
)


def read_as_json(served, path):
    run = run_ocdrnet("read", path, "--format", "json", "--url", served.addresses.grpc_url)
    assert run.returncode == 0, run.stderr
    return run.stdout


def evaluate(name, predictions):
    command = [sys.executable, EVAL / "evaluate.py", KINDS[name], EVAL / name / "truth", predictions]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@needs_images
@pytest.mark.parametrize("name", KINDS)
def test_scores_stay_above_their_floors(served, tmp_path, name):
    predictions = tmp_path / "predictions.jsonl"
    predictions.write_text(read_as_json(served, EVAL / name / "images"), encoding="utf-8")
    scores = evaluate(name, predictions)
    print(name, scores)
    assert scores["images"] == len(list((EVAL / name / "images").iterdir()))
    assert {key: scores[key] for key, floor in FLOORS[name].items() if scores[key] < floor} == {}


@needs_images
@pytest.mark.parametrize("name", FLOORS["character_error_rate"])
def test_scanned_pages_are_read_almost_without_error(served, name):
    page = json.loads(read_as_json(served, EVAL / "pages" / f"{name}.tif"))
    text = "\n".join(line["text"] for line in page["lines"])
    rate = character_error_rate(text, (EVAL / "pages" / f"{name}.txt").read_text(encoding="utf-8"))
    print(f"{name}: character error rate {rate:.2%}")
    assert rate <= FLOORS["character_error_rate"][name]


@pytest.mark.parametrize(
    ("first", "second", "count"), [("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0), ("ab", "ba", 2)]
)
def test_edits(first, second, count):
    assert edits(first, second) == edits(second, first) == count

"""Some seconds of `benchmarks.hostile`, with a seed of its own; CONTRIBUTING.md says how to run more."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import hostile, hostile_inputs
from ocdrnet_ops.image.decode import ImageLimits, decode_image

CHECKOUT = Path(__file__).parents[2]
INPUTS = 2000


@pytest.mark.full
def test_nothing_hostile_does_harm(tmp_path):
    report = tmp_path / "report.json"
    options = ("--inputs", INPUTS, "--seed", 24, "--json", report, "--keep", tmp_path / "kept")
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.hostile", *map(str, options)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    found = json.loads(report.read_text())
    assert sum(found["inputs"].values()) == INPUTS
    assert found["findings"] == []
    # The mutations are neither so weak nor so strong that one side sees nothing.
    assert found["outcomes"]["picture: read"] > INPUTS / 50
    assert found["outcomes"]["picture: refused"] > INPUTS / 10
    assert found["decoder_peak_mib"] <= found["decoder_bound_mib"]
    assert max(found["gateway_peaks_mib"]) <= found["gateway_bound_mib"]


def test_an_input_can_be_made_again():
    made = [hostile_inputs.picture(hostile.rng(5, number)) for number in range(50)]
    assert made == [hostile_inputs.picture(hostile.rng(5, number)) for number in range(50)]
    assert len({data for _, data in made}) > 40


def test_seeds_are_read_before_they_are_mutated():
    for name, data in hostile_inputs.picture_seeds().items():
        assert decode_image(data, ImageLimits()).pixels.size, name


@pytest.mark.parametrize(
    ("status", "answer", "has_end", "fault"),
    [
        ("200", b"", True, ""),
        ("503", b"", True, ""),
        ("500", b"", True, "status 500"),
        ("422", b"... Traceback (most recent call last) ...", True, "traceback"),
        ("closed", b"", True, "closed"),
        ("closed", b"", False, ""),
        ("hung", b"", False, "hung"),
    ],
)
def test_what_counts_as_a_finding(status, answer, has_end, fault):
    assert hostile.fault_of(status, answer, has_end=has_end) == fault


def test_every_request_has_a_head_that_ends():
    routes = [("post", "/v1/read"), ("get", "/v1/models"), ("put", "/v2/nvcf/uploads/{space}/{asset_id}")]
    for number in range(200):
        _, message, has_end = hostile_inputs.http_request(random.Random(number), routes)
        assert not has_end or b"\r\n\r\n" in message

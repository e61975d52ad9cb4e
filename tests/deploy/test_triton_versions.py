"""The Triton that a repository is built for, in one place, and what it knows."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from ocdrnet_deploy.commands.models import models
from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.repository.configs import read_config
from ocdrnet_deploy.repository.profile import most_in_flight
from ocdrnet_deploy.triton_versions import DEFAULT, FLOOR, PIP, knows_in_flight_limit, target_triton

ROOT = Path(__file__).parents[2]
GIB = 1 << 30
VARIABLE = "NVIDIA_TRITON_SERVER_VERSION"


@pytest.mark.parametrize(
    ("engine", "named", "environment", "version"),
    [
        ("cpu", None, {}, PIP),
        ("cuda", None, {}, PIP),
        ("tensorrt", None, {}, DEFAULT),
        ("tensorrt", None, {VARIABLE: "26.07"}, "26.07"),
        ("cuda", None, {VARIABLE: "26.08"}, "26.08"),
        ("cuda", None, {VARIABLE: "unknown"}, PIP),
        ("tensorrt", "25.06", {VARIABLE: "26.07"}, "25.06"),
    ],
)
def test_target(engine, named, environment, version):
    assert target_triton(engine, named, environment) == version


@pytest.mark.parametrize("named", ["2.51.0", "26.7", "", "latest"])
def test_version_that_is_none(named):
    with pytest.raises(BuildError, match=rf"--triton is '{named}'; it wants the number.*such as {DEFAULT}"):
        target_triton("cpu", named)


@pytest.mark.parametrize(("version", "knows"), [("24.10", False), ("26.03", False), ("26.04", True), (DEFAULT, True)])
def test_limit_is_known_from_26_04_on(version, knows):
    assert knows_in_flight_limit(version) is knows


def test_floor_is_below_the_default_and_both_know_the_limit():
    assert knows_in_flight_limit(FLOOR)
    assert FLOOR < DEFAULT


@pytest.mark.parametrize(
    ("memory", "most"), [(GIB, 32), (4 * GIB, 32), (8 * GIB, 64), (16 * GIB, 128), (64 * GIB, 512)]
)
def test_requests_in_flight_fit_into_the_memory(memory, most):
    assert most_in_flight(memory) == most


@pytest.mark.full
@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ([], 0),
        (["--triton", "26.07"], 256),
        (["--triton", "26.03"], 0),
        (["--triton", "26.11", "--memory", str(8 * GIB)], 64),
    ],
)
def test_build_limits_requests_where_triton_knows_how(tmp_path, monkeypatch, options, limit):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("ocdrnet_deploy.repository.build.usable_memory", lambda: 32 * GIB)
    done = CliRunner().invoke(models, ["build", "--output", str(tmp_path / "served"), *options])
    assert done.exit_code == 0, done.output
    ensemble = read_config(tmp_path / "served" / "ocdrnet" / "config.pbtxt")
    assert ensemble.ensemble_scheduling.max_inflight_requests == limit


def test_files_that_repeat_the_versions_agree():
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()
    assert re.search(r"^ARG TRITON_TAG=(.*)-py3$", dockerfile, re.MULTILINE)[1] == DEFAULT
    assert re.search(r"^# ([\d.]+) is the oldest Triton to be exposed", dockerfile, re.MULTILINE)[1] == FLOOR
    page = (ROOT / "docs/kubernetes.md").read_text()
    assert f"on NVIDIA's Triton {DEFAULT} (`--build-arg TRITON_TAG=...` for another, from {FLOOR} on)" in page

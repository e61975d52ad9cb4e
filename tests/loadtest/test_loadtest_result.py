import json
from dataclasses import fields
from pathlib import Path

import pytest

from ocdrnet_loadtest.errors import ResultFileError
from ocdrnet_loadtest.result import (
    Knee,
    LoadTestResult,
    Machine,
    Mix,
    MixImage,
    Objective,
    ServedModel,
    Target,
)
from ocdrnet_loadtest.step_result import (
    Batch,
    Latency,
    Lateness,
    MemorySample,
    MemorySlope,
    ModelStep,
    Soak,
    Step,
    Window,
)

PAGE = (Path(__file__).parents[2] / "docs/load-tests.md").read_text(encoding="utf-8")
MODEL = ModelStep(5, 0, 40, 3, 0.5, 0.01, 1.25, 0.02, (Batch(8, 2, 0.5), Batch(24, 1, 0.75)))
LATENCY = Latency(0.2, 0.2, 0.3, 0.4, 0.5, 0.6, 0.45, None, (0.1, 0.6))
STEP = Step(
    offered_rate=2.5,
    users=None,
    settling=1,
    seconds=10,
    sent=5,
    answered=4,
    statuses={"OK": 4, "TIMEOUT": 1},
    images_per_s=2.0,
    crops_per_s=9.5,
    goodput_per_s=1.5,
    latency=LATENCY,
    lateness=Lateness(0.0, 0.001, 0.002, 0.1, False),
    passed=True,
    server_cpu_s={"ocrnet": 1.5},
    models={"ocrnet": MODEL},
    windows=(Window(0.5, 4, 0.2, 0.6),),
)
RESULT = LoadTestResult(
    mode="soak",
    arrivals="poisson",
    started="2026-01-01T00:00:00+00:00",
    target=Target("grpc://a:1", "grpc", "ocdrnet", {"limit": 3}, 60, "triton 2", {"ocrnet": ServedModel(2, 8, 0.001)}),
    machine=Machine("a CPU", 2, True, {"python": "3"}),
    mix=Mix("drawn", 1, (MixImage("a.jpg", 640, 480, 1000, 5, 3.5),)),
    steps=(STEP,),
    knee=Knee(0.5, 0.001, 2.5, None, 2.0, 9.5, "server", "sure"),
    soak=Soak(100, 2.0, 0.8, 10, (MemorySample(0.5, 3, {"ocrnet": 5}),), {"ocrnet": MemorySlope(1.5, 5, 6, True)}, 2.5),
    objectives=(Objective("p99=1s", "p99", 1.0, 0.5, True),),
    warnings=("careful",),
)


def test_a_result_survives_json(tmp_path):
    RESULT.save(tmp_path / "new" / "result.json")
    assert LoadTestResult.load(tmp_path / "new" / "result.json") == RESULT


def test_a_newer_programs_keys_are_ignored():
    data = {**json.loads(json.dumps(RESULT.to_dict())), "colour": "red"}
    data["steps"][0]["mood"] = 1
    assert LoadTestResult.from_dict(data) == RESULT


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.pop("format"), "no result of"),
        (lambda data: data.update(version=2), "version 2"),
        (lambda data: data.pop("mix"), "no key 'mix'"),
        (lambda data: data["steps"][0].update(sent="5"), r"result\.steps\[0\]\.sent is '5'"),
        (lambda data: data["steps"][0].update(sent=True), r"sent is True"),
        (lambda data: data["steps"][0]["latency"].update(p99=None), r"latency\.p99 is None; it must be a number"),
        (lambda data: data["steps"][0]["models"]["ocrnet"].pop("queue_s"), r"models\.ocrnet has no key 'queue_s'"),
        (lambda data: data.update(steps={}), r"result\.steps is {}; it must be a list"),
        (lambda data: data.update(knee=[]), r"result\.knee is \[\]; it must be an object"),
    ],
)
def test_what_does_not_fit_is_named(change, said):
    data = json.loads(json.dumps(RESULT.to_dict()))
    change(data)
    with pytest.raises(ResultFileError, match=said):
        LoadTestResult.from_dict(data)


def test_a_file_that_is_no_json(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ResultFileError, match=r"cannot read .*a\.json"):
        LoadTestResult.load(tmp_path / "a.json")


def test_is_met_needs_all_objectives():
    assert RESULT.is_met
    missed = Objective("rate=9", "rate", 9.0, None, False)
    assert not LoadTestResult.from_dict(
        {**json.loads(json.dumps(RESULT.to_dict())), "objectives": [missed.__dict__]}
    ).is_met


@pytest.mark.parametrize(
    "kind", [LoadTestResult, Target, ServedModel, Machine, Mix, MixImage, Knee, Soak, MemorySlope, Objective]
)
def test_the_page_has_every_key_of_a_result(kind):
    assert [field.name for field in fields(kind) if f"`{field.name}`" not in PAGE] == []


@pytest.mark.parametrize("kind", [Step, Latency, Lateness, ModelStep, Batch, Window])
def test_the_page_has_every_key_of_a_step(kind):
    assert [field.name for field in fields(kind) if f"`{field.name}`" not in PAGE] == []

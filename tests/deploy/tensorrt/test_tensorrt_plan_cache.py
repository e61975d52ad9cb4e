import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time

import onnx
import pytest
from small_networks import small_request

from ocdrnet_deploy.errors import BuildError, NoGpuError, TensorRtError
from ocdrnet_deploy.tensorrt.cache import find_or_build_plan
from ocdrnet_deploy.tensorrt.plan import PlanIngredients, check_plan
from ocdrnet_deploy.tensorrt.shapes import ShapeRange

SHAPES = ShapeRange((1, 32, 64, 3), (4, 32, 64, 3), (8, 32, 64, 3))
BASE = PlanIngredients("a" * 64, "fp16", SHAPES, ("--stronglyTyped",), "10.12.0", "8.9")
IN_ANOTHER_PROCESS = [sys.executable, "-c", "import small_networks; small_networks.build()"]


def processes(count):
    paths = ":".join(path for path in sys.path if path)
    environment = os.environ | {"PYTHONPATH": paths}
    return [
        subprocess.Popen(IN_ANOTHER_PROCESS, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    "change",
    [
        {"graph_sha256": "b" * 64},
        {"precision": "fp32"},
        {"shapes": dataclasses.replace(SHAPES, most=(16, 32, 64, 3))},
        {"shapes": dataclasses.replace(SHAPES, tuned=(8, 32, 64, 3))},
        {"flags": ()},
        {"tensorrt": "10.12.1"},
        {"compute_capability": "9.0"},
    ],
)
def test_another_ingredient_is_another_plan(change):
    assert dataclasses.replace(BASE, **change).key != BASE.key
    assert dataclasses.replace(BASE).key == BASE.key


def test_plan_is_built_once(gpu_machine):
    first = find_or_build_plan(small_request())
    assert first.read_bytes().startswith(b"ftrt")
    assert find_or_build_plan(small_request()) == first
    assert len(gpu_machine.commands) == 1
    check_plan(first)


@pytest.mark.full
@pytest.mark.parametrize("version", [8601, 9300, 100300, 101100, 101200, 101601, 110100])
@pytest.mark.parametrize("precision", ["fp16"])
def test_every_generation_builds(gpu_machine, version, precision):
    gpu_machine.use(version)
    find_or_build_plan(small_request(precision))
    (command,) = gpu_machine.commands
    assert ("fp16" in command) == (version < 101200)
    assert ("stronglyTyped" in command) == (101200 <= version < 110000)


def test_sidecar_states_everything(gpu_machine):
    plan = find_or_build_plan(small_request())
    facts = json.loads(plan.with_name(plan.name + ".json").read_text())
    assert facts["network"] == "detector small"
    assert (facts["gpu"], facts["compute_capability"], facts["tensorrt"]) == ("NVIDIA L4", "8.9", "10.12.0")
    assert facts["shapes"] == {"least": [1, 32, 64, 3], "tuned": [4, 32, 64, 3], "most": [8, 32, 64, 3]}
    assert facts["precision"] == "fp16"
    assert {"graph_sha256", "plan_sha256", "flags"} < set(facts)


def test_another_gpu_or_version_builds_its_own(gpu_machine):
    plans = [find_or_build_plan(small_request())]
    gpu_machine.use_gpu("9.0", "NVIDIA H100")
    plans.append(find_or_build_plan(small_request()))
    gpu_machine.use(110100)
    plans.append(find_or_build_plan(small_request()))
    assert len(set(plans)) == len(gpu_machine.commands) == 3


def test_damaged_plan_is_built_again(gpu_machine):
    plan = find_or_build_plan(small_request())
    plan.write_bytes(plan.read_bytes()[:-1])
    check_plan(find_or_build_plan(small_request()))
    assert len(gpu_machine.commands) == 2


def test_failure_says_why_and_leaves_the_log_alone(gpu_machine):
    gpu_machine.fail("Error Code 1: Cuda Runtime (out of memory)")
    with pytest.raises(TensorRtError) as error:
        find_or_build_plan(small_request())
    text = str(error.value)
    assert "exit code 1" in text
    assert "\n  Error Code 1: Cuda Runtime (out of memory)\n  Engine could not be created from network\n" in text
    assert "--recognizer-batch" in text
    assert "a warning before it" not in text
    assert {name.rpartition(".")[2] for name in gpu_machine.plans} == {"lock", "log"}
    gpu_machine.fail("")
    check_plan(find_or_build_plan(small_request()))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (
            signal.SIGKILL,
            r"trtexec failed \(signal 9\).*Something killed it; often that is the kernel.*a container's limit",
        ),
        (signal.SIGSEGV, r"trtexec failed \(signal 11\)"),
    ],
)
def test_trtexec_that_dies_leaves_no_plan(gpu_machine, number, words):
    gpu_machine.die(int(number))
    with pytest.raises(TensorRtError, match=f"(?s){words}.*Its whole log: "):
        find_or_build_plan(small_request())
    assert {name.rpartition(".")[2] for name in gpu_machine.plans} == {"lock", "log"}
    gpu_machine.die(0)
    check_plan(find_or_build_plan(small_request()))


# A cache on a disk of its own, so small that the graph has no room, or the plan, or all have.
ON_A_SMALL_DISK = """
mount -t tmpfs -o size=$1 none "$OCDRNET_CACHE" && "$2" -c 'import small_networks; small_networks.build()'
code=$?; find "$OCDRNET_CACHE" -type f ! -name "*.lock" ! -name "*.cache"; exit $code
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
@pytest.mark.parametrize(("size", "words"), [("4k", "plan cannot be kept in"), ("64k", None)])
def test_full_disk_under_the_cache(gpu_machine, size, words):
    gpu_machine.cache.mkdir(parents=True)
    environment = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    command = ["unshare", "--mount", "sh", "-c", ON_A_SMALL_DISK, "sh", size, sys.executable]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    if words is None:
        assert run.returncode == 0, run.stderr
        return
    assert run.returncode == 1
    assert words in run.stderr
    assert "No space left on device. Make room there, or set OCDRNET_CACHE to another folder" in run.stderr
    assert run.stdout == "", "nothing is left half done"


def test_full_disk_that_trtexec_meets(gpu_machine):
    gpu_machine.fail("Could not write engine: No space left on device")
    with pytest.raises(TensorRtError, match="Probably the disk is full: make room, or set OCDRNET_CACHE"):
        find_or_build_plan(small_request())


def test_log_that_cannot_be_kept_hides_no_reason(gpu_machine, monkeypatch):
    gpu_machine.fail("Error Code 1: Cuda Runtime (out of memory)")

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ocdrnet_deploy.tensorrt.run.write_file", full)
    with pytest.raises(TensorRtError, match=r"(?s)out of memory.*Its whole log could not be kept: No space left"):
        find_or_build_plan(small_request())


def test_no_gpu_builds_nothing(gpu_machine):
    gpu_machine.break_program("nvidia-smi", "exit 9")
    with pytest.raises(NoGpuError):
        find_or_build_plan(small_request())
    assert gpu_machine.plans == []


def test_cache_that_cannot_be_written(gpu_machine, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("OCDRNET_CACHE", str(tmp_path / "file"))
    with pytest.raises(BuildError, match="OCDRNET_CACHE"):
        find_or_build_plan(small_request())


@pytest.mark.full
def test_two_builders_of_one_plan_build_it_once(gpu_machine):
    gpu_machine.delay(3)
    both = processes(2)
    results = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], results
    assert len(gpu_machine.commands) == 1
    assert results[0][0] == results[1][0]
    waited = [said for _, said in results if "waiting for it" in said]
    assert len(waited) == 1
    assert any(f"process {process.pid} on " in waited[0] for process in both)


def test_killed_builder_leaves_nothing_that_looks_like_a_plan(gpu_machine):
    gpu_machine.delay(2)
    (builder,) = processes(1)
    wait_for(lambda: gpu_machine.commands)
    builder.send_signal(signal.SIGKILL)
    builder.communicate()
    assert not [name for name in gpu_machine.plans if name.endswith((".plan", ".json"))]
    gpu_machine.delay(0)
    check_plan(find_or_build_plan(small_request()))
    assert not [name for name in gpu_machine.plans if name.startswith(".")]


def test_graph_that_trtexec_gets_is_typed_and_loads(gpu_machine, monkeypatch):
    kept = gpu_machine.cache / "kept.onnx"
    gpu_machine.break_program(
        "trtexec",
        f'for a; do case "$a" in --onnx=*) cp "${{a#--onnx=}}" {kept};; esac; done\necho "[TensorRT v110100]"',
    )
    with pytest.raises(TensorRtError, match="exit code 0"):
        find_or_build_plan(small_request())
    onnx.checker.check_model(onnx.load(kept), full_check=True)

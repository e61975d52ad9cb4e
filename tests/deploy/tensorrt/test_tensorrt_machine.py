import json

import pytest
from gpu_machine import UUID, read_plan
from small_networks import small_request

from ocdrnet_deploy.errors import NoGpuError, NoTensorRtError, TensorRtError
from ocdrnet_deploy.tensorrt import machine
from ocdrnet_deploy.tensorrt.cache import find_or_build_plan
from ocdrnet_deploy.tensorrt.machine import Gpu, build_environment, find_gpu, find_trtexec
from ocdrnet_deploy.tensorrt.plan import sidecar
from ocdrnet_deploy.tensorrt.version import TensorRtVersion, parse_version, trtexec_version


@pytest.mark.parametrize(
    ("number", "text"),
    [(8601, "8.6.1"), (9300, "9.3.0"), (100300, "10.3.0"), (101201, "10.12.1"), (110401, "11.4.1")],
)
def test_version_in_one_number(number, text):
    assert str(parse_version(number)) == text


@pytest.mark.parametrize(
    ("version", "typing"),
    [
        ((8, 6, 1), "flag-fp16"),
        ((9, 3, 0), "flag-fp16"),
        ((10, 0, 1), "flag-fp16"),
        ((10, 11, 0), "flag-fp16"),
        ((10, 12, 0), "flag-strongly-typed"),
        ((10, 16, 1), "flag-strongly-typed"),
        ((11, 0, 0), "always"),
        ((12, 1, 0), "always"),
    ],
)
def test_where_precision_is_put(version, typing):
    assert TensorRtVersion(*version).typing == typing


def test_version_is_read_from_the_banner(gpu_machine):
    gpu_machine.use(110401)
    assert trtexec_version(find_trtexec()) == TensorRtVersion(11, 4, 1)


def test_version_before_uint8_images_is_refused(gpu_machine):
    gpu_machine.use(8503)
    with pytest.raises(TensorRtError, match=r"TensorRT 8\.5\.3; 8\.6 is the oldest"):
        trtexec_version(find_trtexec())


def test_program_that_is_not_trtexec(gpu_machine):
    gpu_machine.break_program("trtexec", "echo libnvinfer.so.10: cannot open shared object file >&2; exit 127")
    with pytest.raises(TensorRtError, match=r"does not say which TensorRT it is: libnvinfer.so.10: cannot open"):
        trtexec_version(find_trtexec())


def test_no_trtexec_says_where_to_build(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine, "_ELSEWHERE", tmp_path / "trtexec")
    with pytest.raises(NoTensorRtError, match=r"trtexec.*neither on the PATH nor at .*container.*Job.*--engine cpu"):
        find_trtexec()


def test_trtexec_is_found_where_nvidia_installs_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(machine, "_ELSEWHERE", tmp_path / "trtexec")
    (tmp_path / "trtexec").write_text("#!/bin/sh\n")
    (tmp_path / "trtexec").chmod(0o755)
    assert find_trtexec() == tmp_path / "trtexec"


H100, L4, A100 = ("9.0", "NVIDIA H100 80GB HBM3"), ("8.9", "NVIDIA L4"), ("8.0", "NVIDIA A100, 80GB")
FIRST, SECOND = (UUID.format(index) for index in range(2))
MIXED = r"different compute capabilities.*0: NVIDIA L4 \(compute capability 8\.9\), GPU-.*1: NVIDIA H100.*nvidia-smi -L"
UNCLEAR = r"CUDA_VISIBLE_DEVICES=.* does not say which GPU.*0: NVIDIA L4.*1: NVIDIA H100.*by its UUID.*PCI_BUS_ID"


def test_gpu_is_the_first_of_those_alike(gpu_machine):
    gpu_machine.use_gpus(A100, A100)
    assert str(find_gpu()) == "NVIDIA A100, 80GB (compute capability 8.0)"
    assert find_gpu().uuid == FIRST


# CUDA's variables on a machine with an L4 and, behind it, an H100 -> the GPU, or why there is none.
VISIBLE = [
    ({}, MIXED),
    ({"CUDA_VISIBLE_DEVICES": SECOND}, SECOND),
    ({"CUDA_VISIBLE_DEVICES": FIRST}, FIRST),
    ({"CUDA_VISIBLE_DEVICES": f" {SECOND},nothing,{FIRST}"}, SECOND),
    ({"CUDA_VISIBLE_DEVICES": f"{FIRST},{SECOND}"}, MIXED),
    ({"CUDA_VISIBLE_DEVICES": "0"}, UNCLEAR),
    ({"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, UNCLEAR),
    ({"CUDA_VISIBLE_DEVICES": "MIG-1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, UNCLEAR),
    ({"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, SECOND),
    ({"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, FIRST),
    (
        {"CUDA_VISIBLE_DEVICES": "2", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
        "CUDA_VISIBLE_DEVICES=2 leaves none of 0: NVIDIA L4",
    ),
    ({"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES= leaves none of"),
    ({"CUDA_VISIBLE_DEVICES": "-1"}, "CUDA_VISIBLE_DEVICES=-1 leaves none of"),
    ({"CUDA_VISIBLE_DEVICES": "GPU-5d0b"}, "leaves none of"),
]


@pytest.mark.full
@pytest.mark.parametrize(("variables", "found"), VISIBLE)
def test_gpu_is_the_one_that_cuda_shows(gpu_machine, monkeypatch, variables, found):
    """The plan is of the GPU that its sidecar names: the stand-in for `trtexec` goes by CUDA's rules."""
    gpu_machine.use_gpus(L4, H100)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if not found.startswith("GPU-"):
        with pytest.raises(NoGpuError, match=found):
            find_or_build_plan(small_request())
        assert gpu_machine.plans == []
        return
    plan = find_or_build_plan(small_request())
    facts = json.loads(sidecar(plan).read_text())
    capability, name = L4 if found == FIRST else H100
    assert (facts["compute_capability"], facts["gpu"]) == (capability, name)
    assert read_plan(plan)[0].capability == capability


@pytest.mark.parametrize("named", ["1", "MIG-4b7f", "0,1"])
def test_gpus_alike_may_be_counted_any_way(gpu_machine, monkeypatch, named):
    gpu_machine.use_gpus(L4, L4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert find_gpu().compute_capability == "8.9"


def test_slice_of_a_gpu_stays_named():
    """A UUID of the whole GPU would show none of its slices."""
    gpu = Gpu("NVIDIA A100", "8.0", FIRST)
    assert build_environment(gpu, {"CUDA_VISIBLE_DEVICES": "MIG-1"})["CUDA_VISIBLE_DEVICES"] == "MIG-1"
    assert build_environment(gpu, {"PATH": "/bin"}) == {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": FIRST}


def test_no_driver(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoGpuError, match=r"nvidia-smi does not run.*container.*Job"):
        find_gpu()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('echo "No devices were found"', "No devices were found"),
        ("exit 9", "it lists none"),
        ('echo "Failed to initialize NVML: Driver/library version mismatch" >&2; exit 18', "version mismatch"),
    ],
)
def test_driver_without_a_gpu(gpu_machine, body, reason):
    gpu_machine.break_program("nvidia-smi", body)
    with pytest.raises(NoGpuError, match=reason):
        find_gpu()

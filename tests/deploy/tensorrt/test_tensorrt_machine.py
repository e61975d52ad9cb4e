import pytest

from ocdrnet_deploy.errors import NoGpuError, NoTensorRtError, TensorRtError
from ocdrnet_deploy.tensorrt import machine
from ocdrnet_deploy.tensorrt.machine import find_gpu, find_trtexec
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


def test_gpu_is_the_first(gpu_machine):
    gpu_machine.break_program("nvidia-smi", 'printf "9.0, NVIDIA H100 80GB HBM3\\n8.9, NVIDIA L4\\n"')
    assert str(find_gpu()) == "NVIDIA H100 80GB HBM3 (compute capability 9.0)"


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

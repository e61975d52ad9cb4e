import os
import sys
from pathlib import Path

import pytest

from ocdrnet_deploy.server import invocation
from ocdrnet_deploy.server.addresses import Addresses
from ocdrnet_deploy.server.install import TritonInstall

INSTALL = TritonInstall("0.7.0", Path("/package/tritonserver"), Path("/package/libs"))


def command(**changes):
    settings = {
        "backends": Path("/cache/backends"),
        "repository": Path("/repository"),
        "addresses": Addresses("127.0.0.1", 8000, 8001, 8002),
        "shared_memory_prefix": "ocdrnet_1_2_3_",
        "repository_key": "secret",
        "log": "warning",
        "exit_timeout_s": 5,
    }
    return invocation.triton_command(INSTALL, **{**settings, **changes})


def test_every_listener_is_bound_to_the_host():
    flags = command()
    assert [flag for flag in flags if "-address=" in flag] == [
        "--http-address=127.0.0.1",
        "--grpc-address=127.0.0.1",
        "--metrics-address=127.0.0.1",
    ]
    assert {"--http-port=8000", "--grpc-port=8001", "--metrics-port=8002"} <= set(flags)


@pytest.mark.parametrize(("log", "flag"), [("warning", "--log-info=false"), ("info", "--log-info=true")])
def test_the_log_level_reaches_triton(log, flag):
    assert flag in command(log=log)


@pytest.mark.parametrize("driver", [False, True])
def test_gpu_metrics_are_asked_for_where_there_is_a_driver(monkeypatch, tmp_path, driver):
    monkeypatch.setattr(invocation, "_DRIVER_DEVICE", tmp_path if driver else tmp_path / "nvidiactl")
    assert f"--allow-gpu-metrics={str(driver).lower()}" in command()


def test_the_virtual_environment_comes_first_and_the_rest_is_kept():
    base = {"PATH": "/usr/bin::/bin", "LD_LIBRARY_PATH": "/opt/lib", "HOME": "/home/me"}
    environment = invocation.triton_environment([INSTALL.libraries, Path("/python/lib")], base)
    assert environment == {
        "PATH": os.pathsep.join([f"{sys.prefix}/bin", "/usr/bin", "/bin"]),
        "LD_LIBRARY_PATH": "/package/libs:/python/lib:/opt/lib",
        "HOME": "/home/me",
    }


def test_an_empty_environment_gets_a_search_path():
    environment = invocation.triton_environment([INSTALL.libraries], {})
    assert environment["PATH"].endswith(os.defpath)
    assert environment["LD_LIBRARY_PATH"] == "/package/libs"


def test_models_are_changed_by_the_owner_of_the_key_alone():
    flags = command(repository_key="abc")
    assert {"--model-control-mode=explicit", "--load-model=*"} <= set(flags)
    assert [flag for flag in flags if "restricted" in flag] == [
        "--http-restricted-api=model-repository:repository-key=abc",
        "--grpc-restricted-protocol=model-repository:repository-key=abc",
    ]

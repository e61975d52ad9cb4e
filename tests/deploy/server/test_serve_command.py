"""`ocdrnet serve` as a user and a service manager meet it: real processes, a real Triton."""

import os
import signal
import socket

import pytest
from click.testing import CliRunner

from ocdrnet_deploy.commands.serve import serve

pytestmark = pytest.mark.triton


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(run_serve, repository, all_gone, shared_memory_of, number):
    command = run_serve("--repository", repository)
    shown = command.wait_ready()
    family = command.descendants()
    assert len(family) >= 2, "Triton and at least one stub"
    assert shared_memory_of(command.pid)

    os.kill(command.pid, number)

    code, error = command.finish()
    assert code == 0, error
    all_gone(family)
    assert not shared_memory_of(command.pid)
    assert "grpc://127.0.0.1:" in shown
    assert "ocdrnet read photo.jpg --url grpc://127.0.0.1:" in shown
    assert error.splitlines() == [f"Loading the models of {repository} ...", "Stopping ..."]


def test_a_signal_while_loading_stops_it_cleanly(run_serve, make_repository, all_gone, shared_memory_of, wait_until):
    command = run_serve("--repository", make_repository("import time; time.sleep(60)"))
    wait_until(lambda: len(command.descendants()) >= 2 and shared_memory_of(command.pid))
    family = command.descendants()

    os.kill(command.pid, signal.SIGTERM)

    assert command.finish()[0] == 0
    all_gone(family)
    assert not shared_memory_of(command.pid)


def test_a_model_that_cannot_load_ends_it_with_the_last_log_lines(run_serve, make_repository, shared_memory_of):
    command = run_serve("--repository", make_repository('raise RuntimeError("no weights here")'))

    code, error = command.finish()

    assert code == 1
    assert "Triton ended by itself: exit code 1. Its last lines:" in error
    assert "no weights here" in error
    assert "CudaDriverHelper" not in error
    assert not shared_memory_of(command.pid)


def test_a_killed_triton_is_noticed(run_serve, repository, all_gone, shared_memory_of):
    command = run_serve("--repository", repository, "--restarts", "0")
    command.wait_ready()
    family = command.descendants()

    os.kill(command.triton(), signal.SIGKILL)

    code, error = command.finish()
    assert code == 1
    assert "SIGKILL" in error
    all_gone(family)
    assert not shared_memory_of(command.pid)


def test_a_killed_triton_is_started_again_with_a_word(run_serve, repository, all_gone):
    command = run_serve("--repository", repository)
    command.wait_ready()
    family = command.descendants()

    os.kill(command.triton(), signal.SIGKILL)

    lines = iter(command.child.stderr.readline, "")
    assert any("Triton ended by itself: SIGKILL" in line for line in lines)
    assert any("Starting Triton again" in line for line in lines)
    assert any("Ready again after" in line for line in lines)
    all_gone(family)


def test_killing_it_takes_triton_along(run_serve, repository, all_gone):
    command = run_serve("--repository", repository)
    command.wait_ready()
    family = command.descendants()

    os.kill(command.pid, signal.SIGKILL)

    all_gone(family)


def test_loading_for_too_long_ends_it(run_serve, make_repository):
    command = run_serve("--repository", make_repository("import time; time.sleep(60)"), "--timeout", "1.5")

    code, error = command.finish()

    assert code == 1
    assert "The model ocdrnet was not ready within 1.5 s." in error


def test_a_repository_that_is_not_built_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(serve, [])

    assert result.exit_code == 2
    assert result.stderr.endswith("Build it: ocdrnet models build\n")


def test_a_taken_port_is_refused(repository):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        options = ["--repository", str(repository), "--grpc-port", str(port), "--http-port", "0"]
        result = CliRunner().invoke(serve, options)

    assert result.exit_code == 2
    assert f"Port {port} of 127.0.0.1 is in use" in result.stderr
    assert "--grpc-port" in result.stderr


def test_a_port_out_of_range_is_wrong_usage():
    assert CliRunner().invoke(serve, ["--http-port", "65536"]).exit_code == 2

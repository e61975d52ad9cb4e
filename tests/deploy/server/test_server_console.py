from pathlib import Path

import pytest

from ocdrnet_deploy.machine.checks import Finding
from ocdrnet_deploy.server.addresses import Addresses
from ocdrnet_deploy.server.console import Console
from ocdrnet_deploy.server.log import Log, died, not_ready

HERE = Addresses("127.0.0.1", 8000, 8001, 8002)


def test_lines_are_held_until_the_models_are_loaded(capsys):
    console = Console(hold=True)
    console.log("W early")
    assert "early" not in capsys.readouterr().err
    console.show_ready(HERE, 2.04)
    console.log("W late")
    output = capsys.readouterr()
    assert output.err.splitlines() == ["W early", "W late"]
    assert output.out.splitlines() == [
        "Ready after 2.0 s.",
        "  gRPC     grpc://127.0.0.1:8001",
        "  HTTP     http://127.0.0.1:8000",
        "  metrics  http://127.0.0.1:8002/metrics",
        "Try it:    ocdrnet read photo.jpg",
    ]


@pytest.mark.parametrize(("image_s", "patience"), [(60, ""), (180.4, " --timeout 180")])
def test_callers_of_slow_networks_are_told_to_wait(capsys, image_s, patience):
    Console(hold=True).show_ready(HERE, 2.04, image_s)
    assert capsys.readouterr().out.splitlines()[-1] == f"Try it:    ocdrnet read photo.jpg{patience}"


def test_a_server_that_is_not_ready_in_time_may_be_given_longer():
    assert "not ready within 120 s. Give it longer with --timeout 240." in str(
        not_ready("ocdrnet", 120, Log(lambda line: None))
    )


def test_lines_are_shown_at_once_when_not_held(capsys):
    Console(hold=False).log("I early")
    assert capsys.readouterr().err == "I early\n"


def test_progress_is_for_terminals(capsys, monkeypatch):
    Console(hold=True).show_waiting(3.0)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    Console(hold=True).show_waiting(3.0)
    assert "Loading the models ... 3 s" in capsys.readouterr().err


@pytest.mark.parametrize(("ip", "warned"), [("127.0.0.1", False), ("0.0.0.0", True), ("192.0.2.7", True)])
def test_a_public_host_is_warned_about(capsys, ip, warned):
    Console(hold=True).show_start(Path("build/repository"), Addresses(ip, 8000, 8001, 8002))
    assert ("published vulnerabilities" in capsys.readouterr().err) is warned


def test_a_death_shows_the_last_twenty_lines_readably():
    log = Log(lambda line: None)
    for number in range(300):
        log.take(f"line {number}")
    log.take("")
    log.take("Signal (15) received.")
    log.take(r'E "failed: boom\n\nAt:\n  model.py(5)"')
    text = str(died(1, log))
    assert "line 280" not in text
    assert "line 281" in text
    assert "\n      model.py(5)" in text
    assert "Signal" not in text


def test_a_silent_death_says_how_to_learn_more():
    assert "--log info" in str(died(-11, Log(lambda line: None)))


@pytest.mark.parametrize("driver", [False, True])
def test_notices_of_a_missing_gpu_are_noise_unless_there_is_a_driver(monkeypatch, driver):
    monkeypatch.setattr("ocdrnet_deploy.server.log.has_gpu_driver", lambda: driver)
    seen = []
    line = 'E1122 server.cc:241] "CudaDriverHelper has not been initialized."'
    Log(seen.append).take(line)
    assert seen == ([line] if driver else [])


@pytest.mark.parametrize(("state", "warned"), [("ok", False), ("note", True)])
def test_little_shared_memory_is_warned_about(capsys, monkeypatch, state, warned):
    finding = Finding("shared memory", state, "/dev/shm has 64 MiB free; large photos need 256", "Give it more.")
    monkeypatch.setattr("ocdrnet_deploy.server.console.check_shared_memory", lambda: finding)
    Console(hold=True).show_start(Path("build/repository"), HERE)
    assert ("large photos need 256" in capsys.readouterr().err) is warned

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from ngc_stand_in import DETECTOR, KEY, SMALL

NAME = "ocdnet-v1.0-resnet18"
ARGUMENTS = ["models", "download", NAME]
COMMAND = [str(Path(sys.executable).with_name("ocdrnet")), *ARGUMENTS]
LOGGING = "import logging; logging.basicConfig(level=0); from ocdrnet_cli.main import main; main()"
FILE = "networks/nvidia/tao/ocdnet/deployable_v1.0/dcn_resnet18.onnx"


@pytest.fixture
def environment(ngc, cache):
    """As a user sets it."""
    names = {"OCDRNET_NGC_URL": ngc.url, "OCDRNET_ACCEPT_NVIDIA_EULA": "1", "NGC_API_KEY": KEY}
    return os.environ | names | {"OCDRNET_CACHE": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}


def run(environment, *more, command=COMMAND):
    return subprocess.run([*command, *more], env=environment, capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def started(environment, *more):
    pipe = subprocess.PIPE
    process = subprocess.Popen([*COMMAND, *more], env=environment, stdout=pipe, stderr=pipe, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(condition, process=None, timeout_s=60):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.01)


def part_of(cache):
    return (cache / FILE).with_name(".dcn_resnet18.onnx.part")


def received(cache):
    return part_of(cache).stat().st_size if part_of(cache).is_file() else 0


@pytest.mark.full
def test_killed_half_way_and_gone_on_with(ngc, cache, environment):
    ngc.dribble = 5_000
    with started(environment) as process:
        wait_until(lambda: received(cache) > len(SMALL) // 2, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = part_of(cache).stat().st_size
    assert len(SMALL) // 2 < kept < len(SMALL)
    assert not (cache / FILE).exists()

    wait_until(lambda: ngc.idle)
    ngc.sent, ngc.dribble = 0, 0
    result = run(environment)
    assert (result.returncode, result.stdout) == (0, f"{NAME}: {cache / FILE}\n"), result.stderr
    assert (cache / FILE).read_bytes() == SMALL
    assert ngc.sent == len(SMALL) - kept
    assert ngc.seen[-1][2]["Range"] == f"bytes={kept}-"


def test_two_processes_fetch_once(ngc, cache, environment):
    ngc.dribble = 4_000
    with started(environment) as first, started(environment) as second:
        outputs = [process.communicate(timeout=120) for process in (first, second)]
    assert [out for out, _ in outputs] == [f"{NAME}: {cache / FILE}\n"] * 2
    assert sum("Another process is downloading" in err for _, err in outputs) == 1
    assert ngc.sent == len(SMALL)


def command_lines():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue


@pytest.mark.full
@pytest.mark.parametrize("from_file", [True, False])
def test_key_is_seen_nowhere(ngc, cache, environment, tmp_path, from_file):
    more = []
    if from_file:
        (tmp_path / "key").write_text(f"{KEY}\n")
        more = ["--key-file", str(tmp_path / "key")]
        del environment["NGC_API_KEY"]
    ngc.dribble = 10_000
    with started(environment, *more) as process:
        wait_until(part_of(cache).is_file, process)
        lines = list(command_lines())
        outputs = process.communicate(timeout=120)
    assert any(NAME.encode() in line for line in lines)
    assert not any(KEY.encode() in line for line in lines)

    ngc.dribble, ngc.api_failures, ngc.truncate = 0, [500], [1000]
    (cache / FILE).unlink()
    logged = run(environment, *more, command=[sys.executable, "-c", LOGGING, *ARGUMENTS])
    assert logged.returncode == 0
    assert "DEBUG" in logged.stderr
    ngc.files = {}
    (cache / FILE).unlink()
    failed = run(environment, *more)
    assert failed.returncode == 1

    shown = [*outputs, logged.stdout, logged.stderr, failed.stdout, failed.stderr]
    assert not any(KEY in text for text in shown)
    kept = [path for path in cache.rglob("*") if path.is_file()]
    assert kept
    assert not any(KEY.encode() in path.read_bytes() for path in kept)


@pytest.mark.full
@pytest.mark.parametrize("key", [KEY[:5] + "\n" + KEY[5:], KEY[:5] + " " + KEY[5:], KEY + "é"])
def test_key_that_cannot_be_one_is_refused_unshown(environment, key, ngc):
    result = run(environment | {"NGC_API_KEY": key})
    assert result.returncode == 2
    assert "the NGC key in NGC_API_KEY holds a space, a line break" in result.stderr
    assert KEY[5:] not in result.stderr
    assert ngc.seen == []


def test_refused_key_stands_in_no_error(environment, cache):
    result = run(environment | {"NGC_API_KEY": "wrong-key-0815"})
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("Error: NGC does not accept the key from NGC_API_KEY (401)")
    assert "0815" not in result.stdout + result.stderr


@pytest.mark.parametrize("without", ["NGC_API_KEY", "OCDRNET_ACCEPT_NVIDIA_EULA"])
def test_what_is_missing_is_named(environment, without, ngc):
    del environment[without]
    result = run(environment)
    assert result.returncode == 2
    assert without in result.stderr
    assert ngc.seen == []


def test_what_is_there_needs_no_key(ngc, environment):
    assert run(environment).returncode == 0
    requests = len(ngc.seen)
    del environment["NGC_API_KEY"]
    assert run(environment).returncode == 0
    assert len(ngc.seen) == requests


@pytest.mark.full
@pytest.mark.parametrize("more", [(), ("--file", "ocrnet_resnet50.onnx")])
def test_outage_of_ngc_with_a_warm_cache_is_not_noticed(ngc, environment, more):
    """Of a version without a list of characters too, which would be asked for first."""
    ngc.files["nvidia/tao/ocrnet:deployable_v1.0/ocrnet_resnet50.onnx"] = SMALL
    command = [*COMMAND[:-1], "ocrnet-v1.0"]
    assert run(environment, command=command).returncode == 0
    environment["OCDRNET_NGC_URL"] = "http://127.0.0.1:9"  # nobody listens
    done = run(environment, *more, command=command)
    assert (done.returncode, done.stderr) == (0, "")


def test_terminal_shows_a_bar_and_why_nothing_moves(ngc, environment):
    ngc.truncate = [100_000]
    own, child = os.openpty()
    process = subprocess.run(COMMAND, env=environment, stdout=subprocess.PIPE, stderr=child, timeout=120, check=False)
    os.close(child)
    shown = os.read(own, 100_000).decode()
    os.close(own)
    assert process.returncode == 0
    assert re.search(r"dcn_resnet18.onnx +\[#+-*\] +\d+%", shown)
    assert "the connection failed (ProtocolError); trying again in 1 s" in shown
    assert "100%" in shown


@pytest.mark.full
def test_corrupted_download_is_refused(ngc, cache, environment):
    assert run(environment).returncode == 0
    (cache / FILE).unlink()
    ngc.files[DETECTOR] = SMALL[:-1] + bytes([SMALL[-1] ^ 1])
    result = run(environment)
    assert result.returncode == 1
    assert "expected is" in result.stderr
    assert not (cache / FILE).exists()
    assert not part_of(cache).exists()

"""The gateway as a process: it starts, says where, stops, and says what keeps it from starting."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from gateway_reader import StandInReader

from ocdrnet_gateway.commands.gateway import gateway as gateway_command
from ocdrnet_gateway.errors import ListenError, SettingsError
from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import load_settings
from ocdrnet_gateway.store import Store

COMMAND = [os.path.join(os.path.dirname(sys.executable), "ocdrnet"), "gateway"]


def run(*arguments, **environment):
    environment = {**os.environ, **environment}
    return subprocess.run(
        [*COMMAND, *arguments], check=False, capture_output=True, text=True, timeout=60, env=environment
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_answers_until_a_signal_comes(tmp_path, number):
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--store", tmp_path / "store", "--triton", "grpc://127.0.0.1:9"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = process.stdout.readline()
        url = first.split()[4].rstrip(",")
        assert httpx.get(f"{url}/v1/health/live", trust_env=False).status_code == 200
        assert httpx.get(f"{url}/v1/health/ready", trust_env=False).status_code == 503
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    assert errors.splitlines()[-1] == "Stopped"
    assert "Traceback" not in errors


def test_a_port_that_is_taken_is_an_error_in_words(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = run("--port", str(port), "--store", str(tmp_path))
    assert answer.returncode == 2
    assert answer.stderr == f"Error: cannot listen on 127.0.0.1:{port}: Address already in use; choose another port\n"


def test_an_address_of_another_machine_is_an_error_in_words(tmp_path):
    with pytest.raises(ListenError, match=r"cannot listen on 192\.0\.2\.1:"):
        GatewayServer(load_settings({"host": "192.0.2.1", "port": 0, "allow_anonymous": True, "store": str(tmp_path)}))


def test_an_open_address_without_keys_does_not_start():
    answer = run("--host", "0.0.0.0")
    assert answer.returncode == 2
    assert "ocdrnet keys create" in answer.stderr


@pytest.mark.full
def test_a_keys_file_that_is_not_there_does_not_start(tmp_path):
    answer = run("--port", "0", "--keys-file", str(tmp_path / "none.json"))
    assert answer.returncode == 2
    assert "cannot read the keys file" in answer.stderr


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("PORT", "70000", "port (or OCDRNET_GATEWAY_PORT): Input should be less than or equal to 65535"),
        ("MAX_PIXELS", "many", "max_pixels (or OCDRNET_GATEWAY_MAX_PIXELS)"),
        ("TRITON", "ftp://x", "the scheme must be one of grpc, grpcs, http, https"),
        ("PUBLIC_URL", "example.com", "public_url (or OCDRNET_GATEWAY_PUBLIC_URL)"),
        ("SECRET", "short", "secret (or OCDRNET_GATEWAY_SECRET)"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(monkeypatch, name, value, text):
    monkeypatch.setenv(f"OCDRNET_GATEWAY_{name}", value)
    with pytest.raises(SettingsError) as refused:
        load_settings({})
    assert text in str(refused.value)
    assert name != "SECRET" or value not in str(refused.value)


def test_an_argument_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("OCDRNET_GATEWAY_PORT", "9111")
    assert load_settings({"port": None}).port == 9111
    assert load_settings({"port": 9222}).port == 9222


def test_each_process_has_a_secret_of_its_own():
    first, second = (load_settings({}).secret.get_secret_value() for _ in range(2))
    assert first != second
    assert len(first) >= 32
    assert first not in repr(load_settings({"secret": first}))


def test_an_answers_second_packet_does_not_wait_for_an_acknowledgement(start_gateway):
    # asyncio sets TCP_NODELAY only on connections of a socket that names its protocol.
    assert start_gateway()._socket.proto == socket.IPPROTO_TCP


def test_a_part_that_does_not_start_is_an_error(tmp_path, monkeypatch):
    server = GatewayServer(load_settings({"port": 0, "store": str(tmp_path / "store")}))

    async def fail(self):
        raise SettingsError("it vanished meanwhile")

    monkeypatch.setattr(Store, "start", fail)
    with pytest.raises(ListenError, match="did not start"):
        server.start()
    assert not server.is_running


def test_it_ends_when_told_and_frees_its_port(start_gateway):
    server = start_gateway()
    host, port = server.url.removeprefix("http://").split(":")
    server.stop()
    server.stop()
    assert not server.is_running
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, int(port)))


class TestWithoutAHome:
    """As in a container whose user is in no list of users."""

    @pytest.fixture(autouse=True)
    def homeless(self, monkeypatch, tmp_path):
        def fail(self):
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(Path, "home", lambda: fail(None))
        monkeypatch.setattr(Path, "expanduser", lambda path: fail(path) if str(path).startswith("~") else path)
        for name in ("OCDRNET_CACHE", "XDG_CACHE_HOME", "OCDRNET_GATEWAY_STORE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def test_the_store_is_among_the_temporary_files(self, http, picture, tmp_path):
        with GatewayServer(load_settings({"port": 0}), StandInReader()) as server:
            assert http.post(f"{server.url}/v2/nvcf/assets", json={"contentType": "image/png"}).status_code == 200
        assert list(tmp_path.glob("ocdrnet-*/gateway/asset/*/*.json"))

    def test_a_store_that_needs_one_is_refused_in_a_sentence(self):
        answer = CliRunner().invoke(gateway_command, ["--port", "0", "--store", "~/store"])
        assert answer.exit_code == 2
        assert answer.output == "Error: store '~/store' needs a home, and this user has none; name a folder\n"


def test_the_default_store_is_in_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("OCDRNET_CACHE", str(tmp_path / "cache"))
    with GatewayServer(load_settings({"port": 0}), StandInReader()):
        end = time.monotonic() + 20  # it is made beside the start
        while not (tmp_path / "cache" / "gateway").is_dir():
            assert time.monotonic() < end
            time.sleep(0.01)


@pytest.mark.full
def test_a_store_that_cannot_be_written_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "store").write_text("a file where the folder should be")
    answer = run("--port", "0", "--store", str(tmp_path / "store"))
    assert answer.returncode == 2
    assert answer.stderr == f"Error: store {tmp_path / 'store'} cannot be written: File exists; choose another folder\n"

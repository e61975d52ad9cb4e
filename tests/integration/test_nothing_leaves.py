"""Nothing leaves the machine unasked: every socket of a server, its steps and its client is watched by strace."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sample_truth import SAMPLES

from ocdrnet_deploy.catalog.catalog import DEFAULT
from ocdrnet_deploy.repository.build import build_repository

needs_strace = pytest.mark.program("strace")

# A server is started, reads an image, and is stopped: all of it in one process tree.
SERVE_AND_READ = """
import sys
from pathlib import Path
from ocdrnet_client import Client
from ocdrnet_deploy.server import TritonServer
with TritonServer(Path(sys.argv[1]), ready_timeout_s=400) as server, Client(server.addresses.grpc_url) as client:
    assert client.read(sys.argv[2], timeout=200).lines
"""
BUILD = """
import sys
from pathlib import Path
from ocdrnet_deploy.repository.build import build_repository
build_repository(Path(sys.argv[1]), "ppocrv6-small", "ppocrv6-small")
"""
# The lines of strace that name an address, of whatever call.
ADDRESS = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)|sin6_port=htons\((\d+)\).*?"([^"]+)"')


def addresses(code, home, *arguments):
    """Where the processes of a Python program sent or connected to: (port, address)."""
    log = home / "strace.log"
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    environment = {**os.environ, "HOME": str(home), "OCDRNET_CACHE": str(home / "cache")}
    command = ["strace", "-f", "-qq", "-s", "64", "-e", calls, "-e", "signal=none", "-o", log]
    done = subprocess.run(
        [*command, sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = set()
    for line in log.read_text(errors="replace").splitlines():
        for match in ADDRESS.finditer(line):
            found.add((int(match[1] or match[3]), match[2] or match[4]))
    return found


def outside(found):
    return {
        (port, address)
        for port, address in found
        if not address.removeprefix("::ffff:").startswith("127.") and address != "::1"
    }


@needs_strace
def test_the_watch_sees_a_look_up(tmp_path):
    code = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('192.0.2.1', 53))"
    assert outside(addresses(code, tmp_path)) == {(53, "192.0.2.1")}


@needs_strace
@pytest.mark.full
@pytest.mark.triton
def test_a_start_a_reading_and_a_stop_stay_on_this_machine(tmp_path):
    repository = tmp_path / "repository"
    build_repository(repository, DEFAULT, DEFAULT)
    found = addresses(SERVE_AND_READ, tmp_path, repository, SAMPLES / "storefront.jpg")
    assert found, "the client's own connection was not seen"
    assert outside(found) == set()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "repository", "strace.log"]


@needs_strace
@pytest.mark.full
def test_a_build_stays_on_this_machine(tmp_path):
    assert outside(addresses(BUILD, tmp_path, tmp_path / "repository")) == set()


def test_openvino_is_loaded_without_its_telemetry(tmp_path):
    code = """
import sys
from ocdrnet_triton.engines.quiet_openvino import openvino
assert "openvino.tools.ovc.telemetry_stub" in sys.modules
"""
    environment = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


def test_openvino_is_imported_in_one_place():
    """Elsewhere it could be imported first, with its telemetry."""
    checkout = Path(__file__).parents[2]
    folders = [checkout / name for name in ("python_backend", "client", "deploy", "gateway")]
    ours = [path for folder in folders for path in folder.rglob("*.py")]
    imports = re.compile(r"^\s*(import|from) openvino\b", re.MULTILINE)
    assert [path.name for path in ours if imports.search(path.read_text())] == ["quiet_openvino.py"]

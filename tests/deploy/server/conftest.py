import os
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from ocdrnet_deploy.server.shared_memory import SHARED_MEMORY

CONFIG = """
name: "ocdrnet"
backend: "python"
max_batch_size: 0
input [{ name: "IN" data_type: TYPE_UINT8 dims: [-1] }]
output [
  { name: "OUT" data_type: TYPE_UINT8 dims: [-1] },
  { name: "PARAMETERS" data_type: TYPE_STRING dims: [1] }
]
"""

MODEL = """
import numpy as np
import triton_python_backend_utils as pb_utils
from ocdrnet_triton.settings import prepare_process


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        {initialize}

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        image = pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()
        parameters = np.array([request.parameters()], dtype=object)
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor("OUT", image), pb_utils.Tensor("PARAMETERS", parameters)]
        )
"""

SERVE = "from ocdrnet_deploy.commands.serve import serve; serve()"


def write_repository(folder, initialize="pass"):
    version = folder / "ocdrnet" / "1"
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_text(CONFIG)
    (version / "model.py").write_text(textwrap.dedent(MODEL).format(initialize=initialize))
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache, monkeypatch):
    monkeypatch.setenv("OCDRNET_CACHE", str(cache))


@pytest.fixture
def make_repository(tmp_path):
    return lambda initialize="pass": write_repository(tmp_path / "repository", initialize)


@pytest.fixture
def repository(make_repository):
    return make_repository()


@pytest.fixture
def wait_until():
    def wait(condition, timeout_s=60.0):
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)

    return wait


@pytest.fixture
def is_running():
    """Whether a process runs; one that nobody has reaped yet does not."""

    def running(pid):
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return running


@pytest.fixture
def all_gone(is_running, wait_until):
    """Waits for the end of processes that have been killed: the kernel takes a moment."""
    return lambda pids: wait_until(lambda: not [pid for pid in pids if is_running(pid)])


@pytest.fixture
def shared_memory_of():
    """The shared-memory files of the servers that a process owns."""
    return lambda pid: [path for path in SHARED_MEMORY.glob("ocdrnet_*") if path.name.split("_")[2] == str(pid)]


class ServeCommand:
    """One `ocdrnet serve` on free ports, as a process of its own."""

    def __init__(self, *options):
        ports = ("--http-port", "0", "--grpc-port", "0", "--metrics-port", "0")
        self.child = subprocess.Popen(
            [sys.executable, "-c", SERVE, *ports, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        self.pid = self.child.pid

    def wait_ready(self):
        """The lines up to the last of the addresses."""
        lines = []
        while not lines or "Try it" not in lines[-1]:
            lines.append(self.child.stdout.readline())
            assert lines[-1], self.child.stderr.read()
        return "".join(lines)

    def descendants(self):
        return [process.pid for process in psutil.Process(self.pid).children(recursive=True)]

    def triton(self):
        return next(p.pid for p in psutil.Process(self.pid).children() if "tritonserver" in p.name())

    def finish(self):
        """The exit code and what was written to stderr."""
        error = self.child.communicate(timeout=120)[1]
        return self.child.returncode, error

    def end(self):
        if self.child.poll() is None:
            self.child.terminate()
        self.child.communicate(timeout=120)


@pytest.fixture
def run_serve():
    commands = []

    def run(*options):
        commands.append(ServeCommand(*map(str, options)))
        return commands[-1]

    yield run
    for command in commands:
        command.end()

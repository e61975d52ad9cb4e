"""One real Triton with a freshly built repository for all tests of this folder."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ensemble_calls import GrpcCall, HttpCall, RawHttpCall
from ocdrnet_command import run_ocdrnet
from sample_truth import NAMES, SAMPLES

from ocdrnet_client import Client
from ocdrnet_deploy.errors import ServerError
from ocdrnet_deploy.server import Addresses, TritonServer


@dataclass(frozen=True)
class Served:
    """A running server: what it serves, where it listens, its process, its log so far."""

    repository: Path
    addresses: Addresses
    log: list = field(repr=False)
    server: TritonServer = field(repr=False)

    @property
    def pid(self):
        return self.server.pid

    def client(self, **settings):
        return Client(self.addresses.grpc_url, **settings)


@contextmanager
def served_repository(folder, **settings):
    log = []
    with TritonServer(folder, on_log=log.append, **settings) as server:
        yield Served(folder, server.addresses, log, server)


def built_repository(folder, *options):
    built = run_ocdrnet("models", "build", "--output", folder, *options)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OCDRNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def served(tmp_path_factory, own_cache):
    with served_repository(built_repository(tmp_path_factory.mktemp("repository"))) as server:
        yield server


@pytest.fixture(autouse=True)
def still_served(request):
    """A test that ends the common server fails for that reason, and those after it have one again."""
    yield
    if "served" in request.fixturenames:
        served = request.getfixturevalue("served")
        try:
            served.server.check_running()
        except ServerError:
            print(*served.log[-40:], sep="\n")
            served.server.restart()
            served.server.wait_ready()
            raise


@pytest.fixture(scope="session")
def serve_folder(own_cache):
    """Serves a repository that a test wrote itself."""
    return served_repository


@pytest.fixture
def serve_built(tmp_path):
    """Serves a repository built with options of its own, beside the common one."""

    @contextmanager
    def serve(*options):
        with served_repository(built_repository(tmp_path / "repository", *options)) as server:
            yield server

    return serve


@pytest.fixture(scope="session", params=[GrpcCall, HttpCall, RawHttpCall], ids=["grpc", "http", "raw-http"])
def call(request, served):
    """Each way in, by turns."""
    made = request.param(served.addresses)
    yield made
    made.close()


@pytest.fixture(scope="session")
def grpc_call(served):
    made = GrpcCall(served.addresses)
    yield made
    made.close()


@pytest.fixture(scope="session")
def client(served):
    with served.client() as made:
        yield made


@pytest.fixture(scope="session")
def read_alone(client):
    """The page of every sample, read by one client, one at a time."""
    return {name: client.read(SAMPLES / name) for name in NAMES}

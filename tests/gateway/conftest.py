"""A gateway on loopback with a stand-in for Triton, and what it needs."""

import io
import time

import httpx
import pytest
from gateway_reader import StandInReader
from hosted_s3_server import new_bucket, s3_server
from PIL import Image
from slow_gateway import LEASE_S

from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import load_settings


@pytest.fixture(scope="session")
def picture():
    """A PNG of 64 x 48 pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "white").save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture
def reader():
    return StandInReader()


@pytest.fixture
def start_gateway(tmp_path, reader, monkeypatch):
    """Starts gateways with settings of the test's own; each ends with the test."""
    monkeypatch.setenv("OCDRNET_GATEWAY_STORE", str(tmp_path / "store"))
    servers = []

    def started(**settings):
        own_reader = settings.pop("reader", reader)
        server = GatewayServer(load_settings({"port": 0, **settings}), own_reader)
        servers.append(server)
        server.start()
        return server

    yield started
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def s3():
    with s3_server() as url:
        yield url


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.full)])
def shared(request, tmp_path):
    """Settings of gateways on one store."""
    own = {"secret": "a secret of both", "job_lease_s": LEASE_S}
    if request.param == "folder":
        return {**own, "store": str(tmp_path / "shared")}
    url = request.getfixturevalue("s3")
    return {**own, "store": f"s3://{new_bucket(url)}/gateway", "store_endpoint": url}


@pytest.fixture
def gateway(start_gateway):
    """The url of a gateway with default settings."""
    return start_gateway().url


@pytest.fixture
def http():
    """Calls with no proxy between, and no key."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def until():
    """Waits for something to become true, up to ten seconds."""

    def wait(is_true):
        end = time.monotonic() + 10
        while not is_true():
            assert time.monotonic() < end, "it did not happen within ten seconds"
            time.sleep(0.01)

    return wait

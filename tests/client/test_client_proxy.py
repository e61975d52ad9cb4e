"""A proxy in the environment must not stand between the client and its own machine."""

import pytest
from client_answers import EMPTY

from ocdrnet_client.address import Address

# Nothing listens on the discard port, so that any use of the proxy fails.
PROXY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"):
        monkeypatch.setenv(name, PROXY)
        monkeypatch.setenv(name.upper(), PROXY)
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_reached_without_the_proxy(connect, server, host):
    client = connect(server.url.replace("127.0.0.1", host), timeout=5)
    assert client.is_ready()
    assert client.read(b"picture") == EMPTY


@pytest.mark.parametrize(
    ("host", "proxied"),
    [
        ("127.0.0.1", False),
        ("127.8.9.1", False),
        ("localhost", False),
        ("LOCALHOST", False),
        ("[::1]", False),
        ("10.0.0.1", True),
        ("ocr.example.org", True),
        ("localhost.example.org", True),
    ],
)
def test_only_this_machine_goes_without(host, proxied):
    from ocdrnet_client.transports.grpc import channel_arguments

    arguments = dict(channel_arguments(Address.parse(f"grpc://{host}:8001")))
    assert arguments.get("grpc.enable_http_proxy", 1) == proxied
    assert arguments["grpc.max_receive_message_length"] == -1

import errno
import socket

import pytest

from ocdrnet_deploy.errors import HostError, PortTakenError
from ocdrnet_deploy.server import addresses
from ocdrnet_deploy.server.addresses import Addresses, choose_addresses


def choose(host="127.0.0.1", http=0, grpc=0, metrics=0):
    return choose_addresses(host, http_port=http, grpc_port=grpc, metrics_port=metrics)


def test_zero_picks_three_different_free_ports():
    chosen = choose()
    assert len({chosen.http_port, chosen.grpc_port, chosen.metrics_port}) == 3


def test_a_name_is_resolved_for_triton():
    assert choose("localhost").ip == "127.0.0.1"


@pytest.mark.parametrize("which", ["http", "grpc", "metrics"])
def test_a_taken_port_names_itself_and_its_option(which):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"Port {port} .*--{which}-port"):
            choose(**{which: port})


def test_a_port_asked_for_twice_is_named():
    with pytest.raises(PortTakenError, match="--http-port and --metrics-port are both 8000"):
        choose(http=8000, grpc=8001, metrics=8000)


def test_a_reserved_port_needs_root():
    error = PermissionError(errno.EACCES, "Permission denied")
    refusal = addresses._refusal(error, "127.0.0.1", 80, "--http-port")
    assert isinstance(refusal, PortTakenError)
    assert "1024" in str(refusal)


@pytest.mark.parametrize("host", ["192.0.2.1", "::1", "no.such.host.invalid"])
def test_a_host_that_is_not_this_machine_is_refused(host):
    with pytest.raises(HostError, match="--host"):
        choose(host)


def test_urls_of_all_interfaces_are_ones_that_can_be_called():
    everywhere = Addresses("0.0.0.0", 8000, 8001, 8002, "0.0.0.0")
    assert not everywhere.is_loopback
    assert everywhere.http_url == "http://127.0.0.1:8000"
    assert everywhere.grpc_url == "grpc://127.0.0.1:8001"
    assert everywhere.metrics_url == "http://127.0.0.1:8002/metrics"


def test_loopback_is_all_of_127():
    assert Addresses("127.0.1.1", 1, 2, 3).is_loopback


@pytest.mark.parametrize(
    ("host", "http_host", "http_ip"),
    [
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.1.1", None, "127.0.1.1"),
        ("0.0.0.0", None, "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0", "0.0.0.0"),
        ("127.0.0.1", "0.0.0.0", "0.0.0.0"),
    ],
)
def test_http_stays_on_this_machine_unless_it_is_told(host, http_host, http_ip):
    found = choose_addresses(host, http_port=0, grpc_port=0, metrics_port=0, http_host=http_host)
    assert (found.ip, found.http_ip) == (host, http_ip)

"""Where the server listens: the host resolved, the ports checked before Triton is started."""

import errno
import ipaddress
import socket
from contextlib import ExitStack, closing
from dataclasses import dataclass

from ocdrnet_deploy.errors import HostError, PortTakenError


@dataclass(frozen=True)
class Addresses:
    """The three endpoints of one server.

    Attributes:
        ip: The IPv4 address to bind for gRPC and metrics.
        http_port: Triton's HTTP port, 1..65535.
        grpc_port: Triton's gRPC port, 1..65535.
        metrics_port: The port of the Prometheus metrics, 1..65535.
        http_ip: The IPv4 address to bind for HTTP.
    """

    ip: str
    http_port: int
    grpc_port: int
    metrics_port: int
    http_ip: str = "127.0.0.1"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return ipaddress.ip_address(self.ip).is_loopback

    @property
    def http_url(self) -> str:
        """For `curl` and HTTP clients."""
        return f"http://{_reachable(self.http_ip)}:{self.http_port}"

    @property
    def grpc_url(self) -> str:
        """For `ocdrnet read --url`."""
        return f"grpc://{_reachable(self.ip)}:{self.grpc_port}"

    @property
    def metrics_url(self) -> str:
        """What Prometheus scrapes."""
        return f"http://{_reachable(self.ip)}:{self.metrics_port}/metrics"


def choose_addresses(
    host: str, *, http_port: int, grpc_port: int, metrics_port: int, http_host: str | None = None
) -> Addresses:
    """Resolves the host and tries each port by listening on it for a moment.

    Args:
        host: An IPv4 address of this machine, or a name of one; 0.0.0.0 for all of them.
        http_port: 1..65535, or 0 to have a free one picked.
        grpc_port: As `http_port`.
        metrics_port: As `http_port`.
        http_host: As `host`, for HTTP alone. Left out, `host` if that is this machine's own, else 127.0.0.1: Triton
            before 2.59 is ended by one small HTTP request that claims a large shape, or nests its JSON deeply.

    Raises:
        HostError: The host cannot be resolved, or is not this machine's.
        PortTakenError: A port is in use, not permitted, or asked for twice.
    """
    wanted = {"--http-port": http_port, "--grpc-port": grpc_port, "--metrics-port": metrics_port}
    _check_distinct(wanted)
    ip = _resolve(host)
    http_ip = _resolve(http_host or (host if ipaddress.ip_address(ip).is_loopback else "127.0.0.1"))
    with ExitStack() as stack:
        # All three stay bound until all are known, so that the picked ones differ.
        sockets = [
            stack.enter_context(closing(_bind(http_ip if option == "--http-port" else ip, port, option)))
            for option, port in wanted.items()
        ]
        http, grpc, metrics = (bound.getsockname()[1] for bound in sockets)
    return Addresses(ip, http, grpc, metrics, http_ip)


def _check_distinct(wanted: dict[str, int]) -> None:
    seen: dict[int, str] = {}
    for option, port in wanted.items():
        if port and port in seen:
            raise PortTakenError(f"{seen[port]} and {option} are both {port}. Give each its own port.")
        seen[port] = option


def _reachable(ip: str) -> str:
    return "127.0.0.1" if ip == "0.0.0.0" else ip


def _resolve(host: str) -> str:
    # Triton's HTTP server takes a name for the address 255.255.255.255, so it must be given a number.
    try:
        return socket.gethostbyname(host)
    except OSError as error:
        raise HostError(f"--host {host} is not an IPv4 address or a name of one: {error}.") from error


def _bind(ip: str, port: int, option: str) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # As Triton does: connections of a server just stopped, in TIME_WAIT, are no obstacle.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ip, port))
        listener.listen(1)
    except OSError as error:
        listener.close()
        raise _refusal(error, ip, port, option) from error
    return listener


def _refusal(error: OSError, ip: str, port: int, option: str) -> HostError | PortTakenError:
    if error.errno == errno.EADDRINUSE:
        return PortTakenError(
            f"Port {port} of {ip} is in use by another program. Stop it, or choose another with {option}."
        )
    if error.errno == errno.EACCES:
        return PortTakenError(f"Port {port} needs root. Choose one from 1024 on with {option}.")
    return HostError(f"Cannot listen on {ip}: {error.strerror}. Give an address of this machine with --host.")

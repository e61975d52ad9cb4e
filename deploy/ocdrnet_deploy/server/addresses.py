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
        ip: The IPv4 address to bind.
        http_port: Triton's HTTP port, 1..65535.
        grpc_port: Triton's gRPC port, 1..65535.
        metrics_port: The port of the Prometheus metrics, 1..65535.
    """

    ip: str
    http_port: int
    grpc_port: int
    metrics_port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return ipaddress.ip_address(self.ip).is_loopback

    @property
    def http_url(self) -> str:
        """For `curl` and HTTP clients."""
        return f"http://{self._reachable_ip}:{self.http_port}"

    @property
    def grpc_url(self) -> str:
        """For `ocdrnet read --url`."""
        return f"grpc://{self._reachable_ip}:{self.grpc_port}"

    @property
    def metrics_url(self) -> str:
        """What Prometheus scrapes."""
        return f"http://{self._reachable_ip}:{self.metrics_port}/metrics"

    @property
    def _reachable_ip(self) -> str:
        return "127.0.0.1" if self.ip == "0.0.0.0" else self.ip


def choose_addresses(host: str, *, http_port: int, grpc_port: int, metrics_port: int) -> Addresses:
    """Resolves the host and tries each port by listening on it for a moment.

    Args:
        host: An IPv4 address of this machine, or a name of one; 0.0.0.0 for all of them.
        http_port: 1..65535, or 0 to have a free one picked.
        grpc_port: As `http_port`.
        metrics_port: As `http_port`.

    Raises:
        HostError: The host cannot be resolved, or is not this machine's.
        PortTakenError: A port is in use, not permitted, or asked for twice.
    """
    wanted = {"--http-port": http_port, "--grpc-port": grpc_port, "--metrics-port": metrics_port}
    _check_distinct(wanted)
    ip = _resolve(host)
    with ExitStack() as stack:
        # All three stay bound until all are known, so that the picked ones differ.
        sockets = [stack.enter_context(closing(_bind(ip, port, option))) for option, port in wanted.items()]
        http, grpc, metrics = (bound.getsockname()[1] for bound in sockets)
    return Addresses(ip, http, grpc, metrics)


def _check_distinct(wanted: dict[str, int]) -> None:
    seen: dict[int, str] = {}
    for option, port in wanted.items():
        if port and port in seen:
            raise PortTakenError(f"{seen[port]} and {option} are both {port}. Give each its own port.")
        seen[port] = option


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

"""What the blocking and the asynchronous gRPC transport share: settings, and whose fault an error is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from grpc.aio import UsageError
from tritonclient.utils import InferenceServerException

from ocdrnet_client.address import Address
from ocdrnet_client.error_mapping import from_triton
from ocdrnet_client.errors import ClientClosedError
from ocdrnet_client.replicas import SILENCE_S

_UNLIMITED = -1
# A ping within 300 s of another is a strike to a Triton with its defaults, and the third strike ends the connection
# (`--grpc-http2-min-recv-ping-interval-without-data`, `--grpc-http2-max-ping-strikes`).
_PING_MS = 330_000
# For an acknowledgement by the other machine's kernel where there is no other server to turn to; gRPC's own default.
_LONE_SILENCE_MS = 20_000


def channel_target(address: Address) -> str:
    """Where a channel connects to, as gRPC names it."""
    if not address.ip:
        return address.target
    return f"ipv6:[{address.ip}]:{address.port}" if ":" in address.ip else f"ipv4:{address.ip}:{address.port}"


def channel_arguments(address: Address) -> list[tuple[str, int | str]]:
    """Options of a gRPC channel to one server, as named in grpc's `grpc_types.h`."""
    silence_ms = round(1000 * SILENCE_S) if address.ip else _LONE_SILENCE_MS
    arguments: list[tuple[str, int | str]] = [
        ("grpc.max_send_message_length", _UNLIMITED),
        ("grpc.max_receive_message_length", _UNLIMITED),
        # By default a channel that failed once waits 1 to 120 s before it dials again and fails every call
        # meanwhile, so that retries would be spent without ever reaching a server that has come back.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
        # With keepalive pings gRPC sets TCP_USER_TIMEOUT to their timeout: what the other machine does not acknowledge
        # in time ends the connection, which otherwise takes Linux 15 minutes (tcp(7), tcp_retries2).
        ("grpc.keepalive_time_ms", _PING_MS),
        ("grpc.keepalive_timeout_ms", silence_ms),
    ]
    if address.ip:
        # For a proxy that tells services apart by name, and for the certificate.
        arguments.append(("grpc.default_authority", address.authority))
        if address.is_secure:
            arguments.append(("grpc.ssl_target_name_override", address.host))
        # Also of an attempt to connect; or else a node that has come back waits for the attempt's end.
        arguments.append(("grpc.min_reconnect_backoff_ms", 2000))
    # gRPC obeys http_proxy even for this machine's own address, where no proxy can help.
    return [*arguments, ("grpc.enable_http_proxy", 0)] if address.is_loopback or address.ip else arguments


def metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as gRPC takes them: HTTP/2 has lower-case names only (RFC 9113, section 8.2)."""
    return {name.lower(): value for name, value in headers.items()}


@contextmanager
def own_errors(address: Address, is_closed: Callable[[], bool]) -> Iterator[None]:
    """Turn what a call raises into the package's errors."""
    try:
        yield
    except InferenceServerException as error:
        raise from_triton(error, address) from None
    except (ValueError, UsageError, asyncio.CancelledError):
        # grpc has no exception of its own for a call that a closing channel refuses or cancels.
        if not is_closed():
            raise
        raise ClientClosedError("the client was closed while the request was under way") from None

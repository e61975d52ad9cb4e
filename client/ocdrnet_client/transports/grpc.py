"""gRPC: the channel's settings, and the blocking and the asynchronous transport."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from grpc.aio import UsageError
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.grpc.aio import InferenceServerClient as AsyncInferenceServerClient
from tritonclient.utils import InferenceServerException

from ocdrnet_client.address import Address
from ocdrnet_client.errors import ClientClosedError
from ocdrnet_client.protocol import InferRequest, Tensors
from ocdrnet_client.replicas import SILENCE_S, has_replicas, look_up
from ocdrnet_client.transports.base import infer_arguments, output_tensors
from ocdrnet_client.transports.errors import from_triton

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


def channel_arguments(address: Address, *, has_others: bool | None = None) -> list[tuple[str, int | str]]:
    """Options of a gRPC channel, as named in grpc's `grpc_types.h`.

    Args:
        address: of one server.
        has_others: other servers can be asked when this one is silent; by default where the address has an `ip`.
    """
    silence_ms = (
        round(1000 * SILENCE_S) if (bool(address.ip) if has_others is None else has_others) else _LONE_SILENCE_MS
    )
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


def round_robin_channel(address: Address) -> tuple[str, list[tuple[str, int | str]]]:
    """Target and options of one channel to all servers of an address, by gRPC's own `round_robin`.

    For a caller that wants nothing but its requests spread: it asks no server whether it is ready, see
    `ocdrnet_client.replicas`, and a failed request fails. Blocks while a list of several addresses is looked up.

    Raises:
        ServerUnavailableError: no name of a list leads anywhere.
    """
    if not has_replicas(address):
        return address.target, channel_arguments(address)
    arguments = [
        *channel_arguments(address, has_others=True),
        ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
        ("grpc.dns_min_time_between_resolutions_ms", 1000),
    ]
    if not address.more:
        return address.target, arguments
    found = [channel_target(each).partition(":") for each in look_up(address)]
    # gRPC takes a list of addresses, all of one family.
    family = found[0][0]
    return f"{family}:{','.join(at for kind, _, at in found if kind == family)}", arguments


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


class GrpcTransport:
    """See `ocdrnet_client.transports.base.Transport`."""

    def __init__(self, address: Address, headers: Mapping[str, str]) -> None:
        self._address = address
        self._headers = metadata(headers)
        self._closed = False
        self._client: Any = InferenceServerClient(
            channel_target(address), ssl=address.is_secure, channel_args=channel_arguments(address)
        )

    def infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        """One call, with `timeout` as its deadline."""
        arguments = infer_arguments(InferInput, request, self._headers)
        with own_errors(self._address, lambda: self._closed):
            return output_tensors(self._client.infer(**arguments, client_timeout=timeout))

    def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """One call, with `timeout` as its deadline."""
        with own_errors(self._address, lambda: self._closed):
            return bool(self._client.is_model_ready(model, headers=self._headers, client_timeout=timeout))

    def close(self) -> None:
        """Close the channel, which cancels calls under way."""
        self._closed = True
        self._client.close()


class AsyncGrpcTransport:
    """See `ocdrnet_client.transports.base.AsyncTransport`."""

    def __init__(self, address: Address, headers: Mapping[str, str]) -> None:
        self._address = address
        self._headers = metadata(headers)
        self._closed = False
        self._client: Any = AsyncInferenceServerClient(
            channel_target(address), ssl=address.is_secure, channel_args=channel_arguments(address)
        )

    async def infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        """One call, with `timeout` as its deadline."""
        arguments = infer_arguments(InferInput, request, self._headers)
        with own_errors(self._address, lambda: self._closed):
            result = await self._client.infer(**arguments, client_timeout=timeout)
        return output_tensors(result)

    async def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """One call, with `timeout` as its deadline."""
        with own_errors(self._address, lambda: self._closed):
            return bool(await self._client.is_model_ready(model, headers=self._headers, client_timeout=timeout))

    async def close(self) -> None:
        """Close the channel, which cancels calls under way."""
        self._closed = True
        await self._client.close()

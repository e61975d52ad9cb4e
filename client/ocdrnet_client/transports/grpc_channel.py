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

_UNLIMITED = -1


def channel_arguments(address: Address) -> list[tuple[str, int]]:
    """Options of a gRPC channel, as named in grpc's `grpc_types.h`."""
    arguments = [
        ("grpc.max_send_message_length", _UNLIMITED),
        ("grpc.max_receive_message_length", _UNLIMITED),
        # By default a channel that failed once waits 1 to 120 s before it dials again and fails every call
        # meanwhile, so that retries would be spent without ever reaching a server that has come back.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
    ]
    # gRPC obeys http_proxy even for this machine's own address, where no proxy can help.
    return [*arguments, ("grpc.enable_http_proxy", 0)] if address.is_loopback else arguments


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

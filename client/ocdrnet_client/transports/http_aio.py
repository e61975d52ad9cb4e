"""HTTP for an event loop; made inside the loop that uses it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import aiohttp
from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from tritonclient.http import InferInput
from tritonclient.http.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from ocdrnet_client.address import Address
from ocdrnet_client.error_mapping import describe, from_triton
from ocdrnet_client.errors import RequestTimeoutError, ServerUnavailableError, UnexpectedResponseError
from ocdrnet_client.protocol import InferRequest, Tensors
from ocdrnet_client.replicas import SILENCE_S
from ocdrnet_client.transports.tensors import infer_arguments, output_tensors

T = TypeVar("T")
# Of requests at once, as tritonclient has it.
_CONNECTIONS = 100
_NO_RIGHTS = ("401", "403")


class _PinnedResolver(AbstractResolver):
    """Knows one address, whatever the name."""

    def __init__(self, ip: str) -> None:
        self._ip = ip

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[ResolveResult]:
        """The address."""
        own = socket.AF_INET6 if ":" in self._ip else socket.AF_INET
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [ResolveResult(hostname=host, host=self._ip, port=port, family=own, proto=0, flags=flags)]

    async def close(self) -> None:
        """Nothing to release."""


def http_client(address: Address) -> InferenceServerClient:
    """A client of tritonclient for one server, without a limit of time of its own."""
    # Without a context tritonclient turns the check of certificates off.
    context = ssl.create_default_context() if address.is_secure else None
    client = InferenceServerClient(address.target, ssl=address.is_secure, ssl_context=context, conn_timeout=None)
    if address.ip:
        # tritonclient has no argument for it. Its own session has no connection yet, so nothing is left open.
        client._stub.detach()
        client._stub = aiohttp.ClientSession(
            connector=pinned_connector(address),
            # TCP_USER_TIMEOUT does not count while a connection is made.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=SILENCE_S),
            auto_decompress=False,
        )
    return client


def pinned_connector(address: Address, connections: int = _CONNECTIONS) -> aiohttp.TCPConnector:
    """Connects to `address.ip`, whatever the url's host; that one stays in the Host header and in the certificate.

    Args:
        address: of one server.
        connections: at once; 0 for any number.
    """
    return aiohttp.TCPConnector(
        resolver=_PinnedResolver(address.ip),
        socket_factory=_impatient_socket,
        limit=connections,
        ssl=ssl.create_default_context() if address.is_secure else True,
    )


def _impatient_socket(address_info: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address_info
    made = socket.socket(family, kind, protocol)
    # HTTP/1.1 has no pings, and an answer may take a while: the kernel asks the other one's after each second without a
    # packet. tcp(7); the names are Linux's, another system leaves it at the requests' timeout.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    silence_ms = round(1000 * SILENCE_S)
    for name, value in (("TCP_KEEPIDLE", 1), ("TCP_KEEPINTVL", 1), ("TCP_USER_TIMEOUT", silence_ms)):
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


class AsyncHttpTransport:
    """See `ocdrnet_client.transports.base.AsyncTransport`."""

    def __init__(self, address: Address, headers: Mapping[str, str]) -> None:
        self._address = address
        self._headers = dict(headers)
        self._client: Any = http_client(address)

    async def infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        """One POST; `timeout` covers it from the connection to the last byte."""
        arguments = infer_arguments(InferInput, request)
        # A copy of the headers, for tritonclient adds the length of this request to them.
        return output_tensors(
            await self._bounded(self._client.infer(**arguments, headers=dict(self._headers)), timeout)
        )

    async def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """One GET, or two for a no; `timeout` covers them from the connection to the last byte."""
        return await self._bounded(self._is_model_ready(model), timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _is_model_ready(self, model: str) -> bool:
        if await self._client.is_model_ready(model, headers=self._headers):
            return True
        try:
            # tritonclient keeps the reason of a no to itself; this question gets the same one, in words.
            await self._client.get_model_metadata(model, headers=self._headers)
        except InferenceServerException as error:
            if error.status() in _NO_RIGHTS:
                raise
        return False

    async def _bounded(self, call: Awaitable[T], timeout: float | None) -> T:
        try:
            return await asyncio.wait_for(call, timeout)
        except aiohttp.ConnectionTimeoutError as error:
            # Also an asyncio.TimeoutError, but not the caller's.
            raise describe(ServerUnavailableError, str(error), self._address) from None
        except asyncio.TimeoutError:
            raise describe(RequestTimeoutError, f"{timeout:.3g} s have passed", self._address) from None
        except InferenceServerException as error:
            raise from_triton(error, self._address) from None
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError) as error:
            raise describe(ServerUnavailableError, str(error), self._address) from None
        except (aiohttp.ClientError, ValueError, TypeError, LookupError, AttributeError) as error:
            # The last four come from tritonclient where an answer is no JSON, or JSON of another shape.
            raise describe(UnexpectedResponseError, f"{type(error).__name__}: {error}", self._address) from None

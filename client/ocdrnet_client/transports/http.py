"""HTTP: the asynchronous transport, and a blocking one that runs it on a thread.

tritonclient's own blocking HTTP client is bound to one thread by gevent and can bound the silence between two
bytes only. This way all threads share one pool of connections and a timeout is a timeout.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import socket
import ssl
import threading
from collections.abc import Awaitable, Coroutine, Mapping
from typing import Any, TypeVar

import aiohttp
from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from tritonclient.http import InferInput
from tritonclient.http.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from ocdrnet_client.address import Address
from ocdrnet_client.errors import (
    ClientClosedError,
    RequestTimeoutError,
    ServerUnavailableError,
    UnexpectedResponseError,
)
from ocdrnet_client.protocol import InferRequest, Tensors
from ocdrnet_client.replicas import SILENCE_S
from ocdrnet_client.transports import opening
from ocdrnet_client.transports.base import AsyncTransport, cancel_all, infer_arguments, output_tensors
from ocdrnet_client.transports.errors import describe, from_triton

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
        arguments = infer_arguments(InferInput, request, self._headers)
        return output_tensors(await self._bounded(self._client.infer(**arguments), timeout))

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


_CLOSED = "the client was closed while the request was under way"


class HttpTransport:
    """See `ocdrnet_client.transports.base.Transport`."""

    def __init__(self, address: Address, headers: Mapping[str, str], model: str) -> None:
        # Without it, a request could be handed to the loop just after its last round, and wait for ever.
        self._handing_over = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ocdrnet-http", daemon=True)
        self._thread.start()
        try:
            self._transport = self._wait_for(_open(address, headers, model))
        except BaseException:
            self._stop_loop()
            raise

    def infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        """One POST; `timeout` covers it from the connection to the last byte."""
        return self._wait_for(self._transport.infer(request, timeout))

    def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """One GET; `timeout` covers it from the connection to the last byte."""
        return self._wait_for(self._transport.is_model_ready(model, timeout))

    def close(self) -> None:
        """Cancel requests under way, close the connections and end the thread."""
        with self._handing_over:
            if self._closed:
                return
            self._closed = True
            closing = asyncio.run_coroutine_threadsafe(self._cancel_and_close(), self._loop)
        closing.result()
        self._stop_loop()

    def _wait_for(self, call: Coroutine[Any, Any, T]) -> T:
        with self._handing_over:
            if self._closed:
                call.close()
                raise ClientClosedError(_CLOSED)
            future = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise ClientClosedError(_CLOSED) from None
        finally:
            # Ctrl-C interrupts only this thread; the call must not live on in the other one.
            future.cancel()

    async def _cancel_and_close(self) -> None:
        await cancel_all(lambda: [task for task in asyncio.all_tasks() if task is not asyncio.current_task()])
        await self._transport.close()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _open(address: Address, headers: Mapping[str, str], model: str) -> AsyncTransport:
    return opening.open_async_transport(address, headers, model)

"""HTTP, blocking: the asynchronous transport on a thread of its own.

tritonclient's own blocking HTTP client is bound to one thread by gevent and can bound the silence between two
bytes only. This way all threads share one pool of connections and a timeout is a timeout.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from ocdrnet_client.address import Address
from ocdrnet_client.errors import ClientClosedError
from ocdrnet_client.protocol import InferRequest, Tensors
from ocdrnet_client.transports import opening
from ocdrnet_client.transports.base import AsyncTransport

T = TypeVar("T")
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
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._transport.close()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _open(address: Address, headers: Mapping[str, str], model: str) -> AsyncTransport:
    return opening.open_async_transport(address, headers, model)

"""HTTP for an event loop; made inside the loop that uses it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import aiohttp
from tritonclient.http import InferInput
from tritonclient.http.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from ocdrnet_client.address import Address
from ocdrnet_client.error_mapping import describe, from_triton
from ocdrnet_client.errors import RequestTimeoutError, ServerUnavailableError, UnexpectedResponseError
from ocdrnet_client.protocol import InferRequest, Tensors
from ocdrnet_client.transports.tensors import infer_arguments, output_tensors

T = TypeVar("T")
_NO_RIGHTS = ("401", "403")


class AsyncHttpTransport:
    """See `ocdrnet_client.transports.base.AsyncTransport`."""

    def __init__(self, address: Address, headers: Mapping[str, str]) -> None:
        self._address = address
        self._headers = dict(headers)
        self._client: Any = InferenceServerClient(
            address.target,
            ssl=address.is_secure,
            # Without a context tritonclient turns the check of certificates off.
            ssl_context=ssl.create_default_context() if address.is_secure else None,
            conn_timeout=None,
        )

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
        except asyncio.TimeoutError:
            raise describe(RequestTimeoutError, f"{timeout:.3g} s have passed", self._address) from None
        except InferenceServerException as error:
            raise from_triton(error, self._address) from None
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError) as error:
            raise describe(ServerUnavailableError, str(error), self._address) from None
        except (aiohttp.ClientError, ValueError, TypeError, LookupError, AttributeError) as error:
            # The last four come from tritonclient where an answer is no JSON, or JSON of another shape.
            raise describe(UnexpectedResponseError, f"{type(error).__name__}: {error}", self._address) from None

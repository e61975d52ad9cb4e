"""gRPC for an event loop; made inside the loop that uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient

from ocdrnet_client.address import Address
from ocdrnet_client.protocol import InferRequest, Tensors
from ocdrnet_client.transports.grpc_channel import channel_arguments, channel_target, metadata, own_errors
from ocdrnet_client.transports.tensors import infer_arguments, output_tensors


class AsyncGrpcTransport:
    """See `ocdrnet_client.transports.base.AsyncTransport`."""

    def __init__(self, address: Address, headers: Mapping[str, str]) -> None:
        self._address = address
        self._headers = metadata(headers)
        self._closed = False
        self._client: Any = InferenceServerClient(
            channel_target(address), ssl=address.is_secure, channel_args=channel_arguments(address)
        )

    async def infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        """One call, with `timeout` as its deadline."""
        arguments = infer_arguments(InferInput, request)
        with own_errors(self._address, lambda: self._closed):
            result = await self._client.infer(**arguments, headers=self._headers, client_timeout=timeout)
        return output_tensors(result)

    async def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """One call, with `timeout` as its deadline."""
        with own_errors(self._address, lambda: self._closed):
            return bool(await self._client.is_model_ready(model, headers=self._headers, client_timeout=timeout))

    async def close(self) -> None:
        """Close the channel, which cancels calls under way."""
        self._closed = True
        await self._client.close()

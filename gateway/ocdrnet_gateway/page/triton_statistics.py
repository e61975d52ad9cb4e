"""Triton's counters of its models: how many requests each has answered, and in what time."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import grpc
from tritonclient.grpc import aio as triton_grpc
from tritonclient.http import aio as triton_http
from tritonclient.utils import InferenceServerException

from ocdrnet_client.address import Address
from ocdrnet_client.protocol import MODEL
from ocdrnet_client.transports.grpc_channel import channel_arguments

# A server that cannot say this at once must not hold up a reading.
_TIMEOUT_S = 0.5
_UNKNOWN = (InferenceServerException, grpc.RpcError, aiohttp.ClientError, asyncio.TimeoutError, OSError)


@dataclass(frozen=True)
class Tally:
    """One model's counters since its start.

    Attributes:
        requests: answered without an error.
        ns: nanoseconds from arrival to answer, summed over them.
        queue_ns: of these, waiting for the model.
    """

    requests: int = 0
    ns: int = 0
    queue_ns: int = 0

    def since(self, before: Tally) -> Tally:
        """How far the counters moved."""
        return Tally(self.requests - before.requests, self.ns - before.ns, self.queue_ns - before.queue_ns)


Tallies = Mapping[str, Tally]


class Statistics(Protocol):
    """What tells the counters; a test can pass its own."""

    async def tallies(self) -> Tallies | None:
        """Every model's counters; None where the server does not say."""

    async def uses(self) -> Mapping[str, int] | None:
        """How often one request passes each step of the ensemble, in its order; None where the server does not say."""

    async def close(self) -> None:
        """Release the connection."""


class TritonStatistics:
    """See `Statistics`. It belongs to the event loop in which it is made."""

    def __init__(self, url: str) -> None:
        """Connect with the first question.

        Args:
            url: see `ocdrnet_client.address`.
        """
        address = Address.parse(url)
        self._is_http = address.is_http
        self._client = _client(address)
        self._uses: Mapping[str, int] | None = None

    async def tallies(self) -> Tallies | None:
        """See `Statistics.tallies`."""
        answer = await self._asked("get_inference_statistics")
        return None if answer is None else {model["name"]: _tally(model) for model in answer["model_stats"]}

    async def uses(self) -> Mapping[str, int] | None:
        """See `Statistics.uses`; asked once."""
        if self._uses is None and (answer := await self._asked("get_model_config", MODEL)) is not None:
            steps = answer.get("config", answer)["ensemble_scheduling"]["step"]
            self._uses = Counter(step["model_name"] for step in steps)
        return self._uses

    async def close(self) -> None:
        """See `Statistics.close`."""
        await self._client.close()

    async def _asked(self, question: str, *arguments: str) -> dict[str, Any] | None:
        # Over HTTP an answer is JSON anyway, and there is no such argument.
        as_json = {} if self._is_http else {"as_json": True}
        asked = getattr(self._client, question)(*arguments, **as_json)
        try:
            answer: dict[str, Any] = await asyncio.wait_for(asked, _TIMEOUT_S)
        except _UNKNOWN:
            return None
        return answer


def _client(address: Address) -> triton_grpc.InferenceServerClient | triton_http.InferenceServerClient:
    if not address.is_http:
        arguments = channel_arguments(address)
        return triton_grpc.InferenceServerClient(address.target, ssl=address.is_secure, channel_args=arguments)
    # Without a context tritonclient turns the check of certificates off.
    context = ssl.create_default_context() if address.is_secure else None
    return triton_http.InferenceServerClient(address.target, ssl=address.is_secure, ssl_context=context)


def _tally(model: dict[str, Any]) -> Tally:
    # Protobuf's JSON leaves zeros out, and writes 64-bit numbers as strings.
    inferences = model.get("inference_stats", {})
    success, queue = inferences.get("success", {}), inferences.get("queue", {})
    return Tally(int(success.get("count", 0)), int(success.get("ns", 0)), int(queue.get("ns", 0)))

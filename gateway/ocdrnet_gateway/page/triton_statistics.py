"""Triton's counters of its models: how many requests each has answered, and in what time."""

from __future__ import annotations

import asyncio
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
from ocdrnet_client.errors import OcdrnetError, ServerUnavailableError
from ocdrnet_client.protocol import MODEL
from ocdrnet_client.transports.grpc_channel import channel_arguments, channel_target
from ocdrnet_client.transports.http_aio import http_client
from ocdrnet_client.transports.replicated_aio import AsyncReplicas

# A server that cannot say this at once must not hold up a reading.
_TIMEOUT_S = 0.5
_UNKNOWN = (InferenceServerException, grpc.RpcError, aiohttp.ClientError, asyncio.TimeoutError, OSError, OcdrnetError)


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

    def plus(self, other: Tally) -> Tally:
        """Two servers' counters together."""
        return Tally(self.requests + other.requests, self.ns + other.ns, self.queue_ns + other.queue_ns)

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
        self._servers = AsyncReplicas(Address.parse(url), MODEL, _Server)
        self._uses: Mapping[str, int] | None = None

    async def tallies(self) -> Tallies | None:
        """See `Statistics.tallies`; of several servers the sums, for any of them may read the picture."""
        answers = await self._asked("get_inference_statistics")
        if answers is None:
            return None
        sums: dict[str, Tally] = {}
        for model in (model for answer in answers for model in answer["model_stats"]):
            sums[model["name"]] = sums.get(model["name"], Tally()).plus(_tally(model))
        return sums

    async def uses(self) -> Mapping[str, int] | None:
        """See `Statistics.uses`; asked once."""
        if self._uses is None and (answers := await self._asked("get_model_config", MODEL)) is not None:
            steps = answers[0].get("config", answers[0])["ensemble_scheduling"]["step"]
            self._uses = Counter(step["model_name"] for step in steps)
        return self._uses

    async def close(self) -> None:
        """See `Statistics.close`."""
        await self._servers.close()

    async def _asked(self, question: str, *arguments: str) -> list[dict[str, Any]] | None:
        """Every server's answer; None where one is missing, or there is none in time."""

        async def ask() -> list[dict[str, Any]]:
            servers = await self._servers.all(None)
            return await asyncio.gather(*(server.asked(question, *arguments) for server in servers))

        try:
            return await asyncio.wait_for(ask(), _TIMEOUT_S)
        except _UNKNOWN:
            return None


class _Server:
    """One Triton, and questions to it."""

    def __init__(self, address: Address) -> None:
        self._is_http = address.is_http
        self._client = _client(address)

    async def asked(self, question: str, *arguments: str) -> dict[str, Any]:
        """The answer to one of tritonclient's questions."""
        # Over HTTP an answer is JSON anyway, and there is no such argument.
        as_json = {} if self._is_http else {"as_json": True}
        answer: dict[str, Any] = await getattr(self._client, question)(*arguments, **as_json)
        return answer

    async def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """Whether the server would take a request for the model now."""
        try:
            return bool(await asyncio.wait_for(self._client.is_model_ready(model), timeout))
        except _UNKNOWN as error:
            raise ServerUnavailableError(str(error)) from None

    async def close(self) -> None:
        """Release the connection."""
        await self._client.close()


def _client(address: Address) -> triton_grpc.InferenceServerClient | triton_http.InferenceServerClient:
    if address.is_http:
        return http_client(address)
    arguments = channel_arguments(address)
    return triton_grpc.InferenceServerClient(channel_target(address), ssl=address.is_secure, channel_args=arguments)


def _tally(model: dict[str, Any]) -> Tally:
    # Protobuf's JSON leaves zeros out, and writes 64-bit numbers as strings.
    inferences = model.get("inference_stats", {})
    success, queue = inferences.get("success", {}), inferences.get("queue", {})
    return Tally(int(success.get("count", 0)), int(success.get("ns", 0)), int(queue.get("ns", 0)))

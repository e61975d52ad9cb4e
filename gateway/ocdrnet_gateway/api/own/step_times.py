"""What one reading cost in each step inside Triton, from how far its counters moved meanwhile."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import grpc
from pydantic import BaseModel, Field
from tritonclient.grpc import aio as triton_grpc
from tritonclient.http import aio as triton_http
from tritonclient.utils import InferenceServerException

from ocdrnet_client.address import Address
from ocdrnet_client.errors import OcdrnetError, ServerUnavailableError
from ocdrnet_client.protocol import MODEL
from ocdrnet_client.transports.grpc import channel_arguments, channel_target
from ocdrnet_client.transports.http import http_client
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
        """See `Statistics.tallies`; of several servers the sums, for any of them may read the image."""
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


_NS_PER_MS = 1e6
# Triton counts a request a moment after it has answered it.
_LATE_S = 0.005
_LOOKS = 4


class StepTime(BaseModel):
    """One step of the ensemble."""

    model: str = Field(description="name of the model in Triton's repository")
    ms: float = Field(description="milliseconds from the step's request to its answer, the queue included")
    queue_ms: float = Field(description="of these, milliseconds in the step's queue")


class StepTimes(BaseModel):
    """The steps of one reading, in their order."""

    requests: int = Field(
        description="requests that the counters moved by: with 1 the times are this request's own, with more the mean"
    )
    models: list[StepTime] = Field(description="the steps; one that is passed twice has both times in one")


class StepWatch:
    """Looks at the counters before and after a reading."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._before: Tallies | None = None

    async def start(self) -> None:
        """Look before."""
        self._before = await self._statistics.tallies()

    async def stop(self) -> StepTimes | None:
        """Look after; None where the server does not say, or another one behind the same address answered."""
        uses = await self._statistics.uses()
        if self._before is None or uses is None:
            return None
        for look in range(_LOOKS):
            after = await self._statistics.tallies()
            moved = after and {name: after.get(name, Tally()).since(self._before.get(name, Tally())) for name in uses}
            if moved and all(moved[name].requests >= count for name, count in uses.items()):
                return step_times(moved, uses)
            await asyncio.sleep(_LATE_S * (look + 1))
        return None


def step_times(moved: Mapping[str, Tally], uses: Mapping[str, int]) -> StepTimes:
    """Times of one request.

    Args:
        moved: how far the counters moved, one request of every step at least.
        uses: how often one request passes each step.
    """
    requests = max(math.ceil(moved[name].requests / count) for name, count in uses.items())
    return StepTimes(requests=requests, models=[_step(name, moved[name], count) for name, count in uses.items()])


def _step(name: str, tally: Tally, uses: int) -> StepTime:
    share = uses / tally.requests / _NS_PER_MS
    return StepTime(model=name, ms=round(tally.ns * share, 3), queue_ms=round(tally.queue_ns * share, 3))

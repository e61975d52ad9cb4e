"""What one reading cost in each step inside Triton, from how far its counters moved meanwhile."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping

from pydantic import BaseModel, Field

from ocdrnet_gateway.page.triton_statistics import Statistics, Tallies, Tally

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

"""Something that several jobs share: the cores of a server, or its GPU."""

from __future__ import annotations

import heapq
import math
from typing import Generic, TypeVar

T = TypeVar("T")


class Processor(Generic[T]):
    """Processor sharing with a limit: jobs run at full speed until together they ask for more than there is.

    A job alone would use `demand` cores for `duration` seconds. When the demands add up to more than the capacity, all
    are slowed down alike, as by a fair scheduler that gives every thread the same share. The common speed makes one
    clock of progress enough: a job is done when that clock has moved on by its duration, whatever came and went.
    """

    def __init__(self, capacity: float) -> None:
        """Begin idle at time 0.

        Args:
            capacity: cores, or 1 for a GPU; infinite for what nobody shares.
        """
        self.capacity = capacity
        self.work = 0.0
        self._demand = 0.0
        self._now = 0.0
        self._progress = 0.0
        self._jobs: list[tuple[float, int, float, T]] = []
        self._count = 0

    def start(self, now: float, duration: float, demand: float, job: T) -> None:
        """Begin a job."""
        self._advance(now)
        self._count += 1
        heapq.heappush(self._jobs, (self._progress + duration, self._count, demand, job))
        self._demand += demand
        self.work += duration * demand

    def next_finish(self) -> float:
        """When the next job is done if none is started before; infinite when idle."""
        if not self._jobs:
            return math.inf
        return self._now + max(0.0, self._jobs[0][0] - self._progress) / self._speed()

    def finish(self, now: float) -> T:
        """Take out the job that is done at `now`, which is what `next_finish` said."""
        self._advance(now)
        self._progress, _, demand, job = heapq.heappop(self._jobs)
        # Started anew from an idle processor, so that rounding does not add up.
        self._demand = self._demand - demand if self._jobs else 0.0
        return job

    def _advance(self, now: float) -> None:
        self._progress += (now - self._now) * self._speed()
        self._now = now

    def _speed(self) -> float:
        return self.capacity / self._demand if self._demand > self.capacity else 1.0

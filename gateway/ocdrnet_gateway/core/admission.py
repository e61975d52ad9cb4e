"""The bounded queue before Triton: a few requests are under way, some wait, the rest hear 429 at once."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ocdrnet_gateway.http_errors import DeadlineError, OverloadedError

# Weight of the newest duration in the running mean: about the last ten count.
_NEWEST = 0.1


class Admission:
    """Hands out places before Triton, first come, first served. It belongs to one event loop.

    Triton's ensemble has no queue of its own that could refuse, and before 26.03 a step that refuses leaves the
    caller waiting for ever (triton-inference-server/core#466); so the limit stands here.
    """

    def __init__(self, max_in_flight: int, max_waiting: int) -> None:
        self._places = asyncio.Semaphore(max_in_flight)
        self._max_in_flight = max_in_flight
        self._limit = max_in_flight + max_waiting
        self._mean_s = 0.0
        self.in_flight = 0
        self.waiting = 0

    @property
    def is_full(self) -> bool:
        """The next request would be refused."""
        return self.in_flight + self.waiting >= self._limit

    def check(self) -> None:
        """Refuse before a body is read, if the request would be refused afterwards.

        Raises:
            OverloadedError: the queue is full.
        """
        if self.is_full:
            raise OverloadedError(
                f"the server is busy: {self._limit} requests are under way or waiting, which is the limit; try again"
                " later",
                self.retry_after_s,
            )

    @property
    def retry_after_s(self) -> int:
        """Whole seconds until those who are here now will be done, by how long the last ones took."""
        rounds = (self.waiting + self.in_flight) / self._max_in_flight
        return max(1, math.ceil(rounds * self._mean_s))

    @asynccontextmanager
    async def place(self, timeout_s: float) -> AsyncIterator[float]:
        """A place before Triton for the block; yields the seconds waited for it.

        Args:
            timeout_s: the longest wait.

        Raises:
            OverloadedError: the queue is full; raised at once.
            DeadlineError: no place came free in time.
        """
        self.check()
        begin = time.monotonic()
        await self._wait(timeout_s)
        got = time.monotonic()
        self.in_flight += 1
        try:
            yield got - begin
        finally:
            self.in_flight -= 1
            self._places.release()
            self._note(time.monotonic() - got)

    async def _wait(self, timeout_s: float) -> None:
        self.waiting += 1
        try:
            await asyncio.wait_for(self._places.acquire(), timeout_s)
        except asyncio.TimeoutError:
            raise DeadlineError(
                f"no place before the server came free within {timeout_s:.3g} s; try again later"
            ) from None
        finally:
            self.waiting -= 1

    def _note(self, seconds: float) -> None:
        self._mean_s = seconds if self._mean_s == 0 else (1 - _NEWEST) * self._mean_s + _NEWEST * seconds

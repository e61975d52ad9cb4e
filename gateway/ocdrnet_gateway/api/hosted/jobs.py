"""Slow requests: the work goes on after 202, its state lies in the store.

Requests under way, which may outlive the connection that brought them.

The work runs in the gateway that took the request, and nowhere else. What others need to know is in the store: the
result, or a `JobState` written when the caller was told to poll. So a poll may reach any gateway on the store.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Literal

from ocdrnet_gateway.core.job_record import KeptFailureError
from ocdrnet_gateway.http_errors import (
    DeadlineError,
    GatewayError,
    InternalError,
    NotFoundError,
    OverloadedError,
    UnavailableError,
)
from ocdrnet_gateway.store import Label, Place, Store

JOB_TYPE = "application/json"


@dataclass(frozen=True)
class JobState:
    """The state of a request that was answered 202. A success needs none: its result is in the store.

    Attributes:
        status: of the work.
        ends: seconds since 1970 by which it is over, whatever happens.
        code: HTTP status of a failure.
        detail: of a failure.
        headers: of a failure, such as `retry-after`.
    """

    status: Literal["running", "failed"]
    ends: float
    code: int = 500
    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """As it is kept."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> JobState:
        """The inverse of `to_json`."""
        return cls(**json.loads(data))

    @classmethod
    def failed(cls, error: GatewayError, ends: float) -> JobState:
        """The state of a request that ended with an error."""
        return cls("failed", ends, error.status_code, str(error.detail), dict(error.headers or {}))


_LOG = logging.getLogger(__name__)
RESULT_TYPE = "application/zip"
# How often a job of another gateway is looked up in the store.
_LOOK_S = 0.5
# How long after its deadline the state of a job may still say that it runs, before its gateway is taken for dead.
_GRACE_S = 5.0

Work = Callable[[], Awaitable[bytes]]


@dataclass
class _Job:
    """One request under way here."""

    ends: float
    expires: float
    payer: str = ""
    is_announced: bool = False
    # Keeps "running" from being written over "failed".
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Jobs:
    """The requests under way in this gateway. It belongs to one event loop."""

    def __init__(self, store: Store, *, limit: int, deadline_s: float, lifetime_s: float) -> None:
        """Nothing runs before `start`.

        Args:
            store: keeps results and states.
            limit: jobs at once.
            deadline_s: seconds that one may take.
            lifetime_s: seconds that its result is kept.
        """
        self._store = store
        self._limit = limit
        self._deadline_s = deadline_s
        self._lifetime_s = lifetime_s
        self._running: dict[Place, tuple[_Job, asyncio.Task[None]]] = {}

    def check(self) -> None:
        """Refuse what would be refused by `start`.

        Raises:
            OverloadedError: so many requests are under way as are allowed.
        """
        if len(self._running) >= self._limit:
            raise OverloadedError(f"{self._limit} requests are under way, which is the limit; try again later")

    async def run(self, place: Place, work: Work, hold_s: float, payer: str = "") -> bool:
        """Start the work and wait for it.

        A caller that leaves during this wait was not told the request's id, so nobody could ask for the result, and
        the work is cancelled. Once it was answered 202, the work goes on without it.

        Args:
            place: of the result.
            work: gives the zip.
            hold_s: seconds to wait.
            payer: whose share of the store the result uses; see `Principal.payer`.

        Returns:
            Whether the result is in the store; False: the caller has to poll.

        Raises:
            GatewayError: the work failed, or there are too many jobs.
        """
        self.check()
        now = time.time()
        job = _Job(now + self._deadline_s, now + self._deadline_s + self._lifetime_s, payer)
        task = asyncio.create_task(self._do(place, job, work))
        self._running[place] = (job, task)
        task.add_done_callback(lambda _: self._forget(place))
        try:
            await asyncio.wait({task}, timeout=hold_s)
            if not task.done():
                await self._announce(place, job, task)
        except BaseException:
            task.cancel()
            raise
        return _outcome(task)

    async def poll(self, place: Place, hold_s: float) -> bool:
        """Wait for a request that was answered 202; a caller that leaves loses nothing.

        Args:
            place: of the result.
            hold_s: seconds to wait.

        Returns:
            As `run` does.

        Raises:
            NotFoundError: there is no such request, or it is another caller's.
            GatewayError: the work failed.
        """
        end = time.monotonic() + hold_s
        if place in self._running:
            _, task = self._running[place]
            await asyncio.wait({task}, timeout=hold_s)
            return _outcome(task)
        while not await self._is_over(place):
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(min(_LOOK_S, max(0.0, end - time.monotonic())))
        return True

    async def close(self) -> None:
        """Break off what is under way; whoever polls for it hears 503."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, place: Place) -> None:
        _, task = self._running.pop(place)
        if not task.cancelled():
            # A failure that nobody waits for is in the store already; asked for here, asyncio does not complain.
            task.exception()

    async def _do(self, place: Place, job: _Job, work: Work) -> None:
        try:
            # Not asyncio.timeout: Python 3.10 has none.
            content = await asyncio.wait_for(work(), self._deadline_s)
            label = Label(RESULT_TYPE, time.time() + self._lifetime_s, payer=job.payer)
            await self._store.put(place, label, content)
        except GatewayError as error:
            await self._fail(place, job, error)
            raise
        except asyncio.TimeoutError:
            late = DeadlineError(f"the server did not answer within {self._deadline_s:g} s; try a smaller image")
            await self._fail(place, job, late)
            raise late from None
        except asyncio.CancelledError:
            stopped = UnavailableError("the gateway was stopped while it worked on this request; send it again")
            with suppress(GatewayError):
                await self._fail(place, job, stopped)
            raise
        except Exception as error:
            _LOG.exception("fault in a job")
            fault = InternalError("the gateway failed on this request; its log has the details under the request's id")
            await self._fail(place, job, fault)
            raise fault from error

    async def _fail(self, place: Place, job: _Job, error: GatewayError) -> None:
        async with job.lock:
            if job.is_announced:
                await self._write(place, job, JobState.failed(error, job.ends))

    async def _announce(self, place: Place, job: _Job, task: asyncio.Task[None]) -> None:
        async with job.lock:
            if not task.done():
                job.is_announced = True
                await self._write(place, job, JobState("running", job.ends))

    async def _write(self, place: Place, job: _Job, state: JobState) -> None:
        label = Label(JOB_TYPE, job.expires, payer=job.payer)
        await self._store.put(_state_place(place), label, state.to_json())

    async def _is_over(self, place: Place) -> bool:
        """Whether the result is there; raises what became of it otherwise."""
        # The state first: a job that ends between the two looks has its result by the second.
        data = await self._store.get(_state_place(place))
        if await self._store.has_content(place):
            return True
        if data is None:
            raise NotFoundError("there is no such request, or it has expired; send the image again")
        state = JobState.from_json(data)
        if state.status == "failed":
            raise KeptFailureError(state.code, state.detail, state.headers)
        if state.ends + _GRACE_S < time.time():
            raise DeadlineError("the gateway that worked on this request is gone; send it again")
        return False


def _state_place(place: Place) -> Place:
    return Place("job", place.space, place.id)


def _outcome(task: asyncio.Task[None]) -> bool:
    if not task.done():
        return False
    if task.cancelled():
        raise UnavailableError("the gateway is being stopped; send the request again")
    task.result()
    return True

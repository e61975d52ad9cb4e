"""Slow requests: the work goes on after 202, here, or in another gateway where this one is gone.

Until a caller is told to poll, its request lives in this gateway's memory alone. Before it is told, the store has the
request's image and its `JobState`; once the result is there, both are deleted. So a poll may reach any gateway on the
store. One that finds the working gateway gone, as it gives no sign of life any more (see `Heartbeat`), takes the
request over and does the work again; after `_MOST_ATTEMPTS` it fails. What nobody polls for, nobody takes over.

Two gateways may at worst work on one request for a moment, and both answer it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from ocdrnet_gateway.core.heartbeat import Heartbeat
from ocdrnet_gateway.core.job_record import KeptFailureError, known_fields
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.http_errors import (
    DeadlineError,
    GatewayError,
    InternalError,
    NotFoundError,
    OverloadedError,
    QuotaError,
    ReaderFailedError,
    UnavailableError,
    set_request_id,
)
from ocdrnet_gateway.store import Label, Place, Store

RESULT_TYPE = "application/zip"
_LOG = logging.getLogger(__name__)
_JOB_TYPE, _IMAGE_TYPE = "application/json", "application/octet-stream"
_MOST_ATTEMPTS = 3
# How often a job of another gateway is looked up in the store.
_LOOK_S = 0.5
# How long after its deadline the state of a job may still say that it runs, before its end is taken for lost.
_GRACE_S = 5.0


@dataclass(frozen=True)
class Wanted:
    """What a request asks for.

    Attributes:
        caller: whose limits count, and whose share of the store is used.
        with_labels: see `Renderer.render`.
    """

    caller: Principal
    with_labels: bool


@dataclass(frozen=True)
class JobState:
    """The state of a request that was answered 202. A success needs none: its result is in the store.

    Attributes:
        wanted: what was asked.
        gateway: the id of the gateway that works on it; empty: of none, since that was stopped.
        ends: seconds since 1970 by which that one is done, whatever happens.
        image_bytes: of the image, encoded.
        attempts: gateways that began with it.
        status: of the work.
        code: HTTP status of a failure.
        detail: of a failure.
        headers: of a failure, such as `retry-after`.
    """

    wanted: Wanted
    gateway: str
    ends: float
    image_bytes: int
    attempts: int = 1
    status: Literal["running", "failed"] = "running"
    code: int = 500
    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """As it is kept."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> JobState:
        """The inverse of `to_json`; what a newer gateway wrote besides is left out."""
        said = known_fields(cls, json.loads(data))
        wanted = known_fields(Wanted, said.pop("wanted"))
        caller = Principal(**known_fields(Principal, wanted.pop("caller")))
        return cls(Wanted(caller, **wanted), **said)

    def failed(self, error: GatewayError) -> JobState:
        """The state of a request that ended with an error."""
        return replace(
            self,
            status="failed",
            code=error.status_code,
            detail=str(error.detail),
            headers=dict(error.headers or {}),
        )


# What the next try may not meet: a full queue, a spent quota, a server or a store that is away.
PASSING = (OverloadedError, QuotaError, UnavailableError)
Work = Callable[[], Awaitable[bytes]]
# The zip of a request whose state and image are in the store, by its place, its state, and the place of its image;
# patient until the state's end.
WorkAgain = Callable[[Place, JobState, Place], Awaitable[bytes]]


@dataclass
class _Job:
    """One request under way here.

    Attributes:
        state: as the store has it, or will have it.
        task: does the work; its result is false where another gateway does it by now.
        is_announced: the store has the state, and the caller may poll.
        lock: keeps "running" from being written over "failed".
    """

    state: JobState
    task: asyncio.Task[bool] | None = None
    is_announced: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def outcome(self) -> bool:
        """Whether the result is in the store; raises what the work failed with."""
        if self.task is None or not self.task.done():
            return False
        if not self.task.cancelled():
            return self.task.result()
        if self.is_announced:
            return False  # another gateway goes on with it
        raise UnavailableError("the gateway is being stopped; send the request again")


class _LostError(Exception):
    """Another gateway has the request now, or has answered it."""


class Jobs:
    """The requests under way in this gateway. It belongs to one event loop."""

    def __init__(
        self,
        store: Store,
        heartbeat: Heartbeat,
        work_again: WorkAgain,
        *,
        limit: int,
        deadline_s: float,
        lifetime_s: float,
    ) -> None:
        """Nothing runs before `run`.

        Args:
            store: keeps results, and what other gateways need to know.
            heartbeat: tells them that this one works.
            work_again: does what another one had begun with, or this one when the server was away.
            limit: jobs at once.
            deadline_s: seconds that one may take in one gateway.
            lifetime_s: seconds that its result is kept.
        """
        self._store = store
        self._heartbeat = heartbeat
        self._work_again = work_again
        self._limit = limit
        self._deadline_s = deadline_s
        self._lifetime_s = lifetime_s
        self._running: dict[Place, _Job] = {}
        heartbeat.give_while(lambda: any(job.is_announced for job in self._running.values()))

    def check(self) -> None:
        """Refuse what would be refused by `run`.

        Raises:
            OverloadedError: so many requests are under way as are allowed.
        """
        if len(self._running) >= self._limit:
            raise OverloadedError(f"{self._limit} requests are under way, which is the limit; try again later")

    async def run(self, place: Place, wanted: Wanted, image: bytes, work: Work, hold_s: float) -> bool:
        """Start the work and wait for it.

        A caller that leaves during this wait was not told the request's id, so nobody could ask for the result, and
        the work is cancelled. Once it was answered 202, the work goes on without it.

        Args:
            place: of the result.
            wanted: what is asked.
            image: that is read.
            work: gives the zip.
            hold_s: seconds to wait.

        Returns:
            Whether the result is in the store; False: the caller has to poll.

        Raises:
            GatewayError: the work failed, there are too many jobs, or the store has no room for one more to poll for.
        """
        self.check()
        state = JobState(wanted, self._heartbeat.id, time.time() + self._deadline_s, len(image))
        job = _Job(state)
        task = self._begin(place, job, self._do(place, job, work))
        try:
            await asyncio.wait({task}, timeout=hold_s)
            if not task.done():
                await self._announce(place, job, image, task)
        except BaseException:
            task.cancel()
            raise
        return job.outcome()

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
        while True:
            job = self._running.get(place)
            if job is not None and job.task is not None:
                await asyncio.wait({job.task}, timeout=max(0.0, end - time.monotonic()))
                is_over = job.outcome()
                if job.task.cancelled():
                    return False  # this gateway is being stopped
            else:
                is_over = await self._is_over(place)
            if is_over or time.monotonic() >= end:
                return is_over
            await asyncio.sleep(min(_LOOK_S, max(0.0, end - time.monotonic())))

    async def close(self) -> None:
        """Break off what is under way; what was answered 202 is left to other gateways, or to the next start."""
        tasks = [job.task for job in self._running.values() if job.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, place: Place, job: _Job, work: Coroutine[Any, Any, bool]) -> asyncio.Task[bool]:
        job.task = task = asyncio.create_task(work)
        self._running[place] = job
        task.add_done_callback(lambda _: self._forget(place, task))
        return task

    def _forget(self, place: Place, task: asyncio.Task[bool]) -> None:
        del self._running[place]
        if not task.cancelled():
            # A failure that nobody waits for is in the store already; asked for here, asyncio does not complain.
            task.exception()

    async def _do(self, place: Place, job: _Job, work: Work) -> bool:
        try:
            await self._finish(place, job, work)
            await self._clean(place, job)
            return True
        except _LostError:
            return False
        except GatewayError as error:
            if not await self._fail(place, job, error):
                return False
            raise
        except asyncio.CancelledError:
            with suppress(GatewayError):
                await self._leave(place, job)
            raise

    async def _finish(self, place: Place, job: _Job, work: Work) -> None:
        """Put the result into the store; whatever goes wrong becomes an error for the caller."""
        try:
            # Not asyncio.timeout: Python 3.10 has none.
            content = await asyncio.wait_for(self._content(place, job, work), self._deadline_s)
            label = Label(RESULT_TYPE, time.time() + self._lifetime_s, payer=job.state.wanted.caller.payer)
            await self._store.put(place, label, content)
        except asyncio.TimeoutError:
            late = f"the server did not answer within {self._deadline_s:g} s; try a smaller image"
            raise DeadlineError(late) from None
        except (GatewayError, _LostError):
            raise
        except Exception as error:
            _LOG.exception("fault in a job")
            fault = "the gateway failed on this request; its log has the details under the request's id"
            raise InternalError(fault) from error

    async def _content(self, place: Place, job: _Job, work: Work) -> bytes:
        """The zip; what its caller is told to poll for does not fail where trying again in a moment may do."""
        try:
            return await work()
        except PASSING:
            async with job.lock:
                if not job.is_announced:
                    raise
        return await self._work_again(place, job.state, _image_place(place))

    async def _fail(self, place: Place, job: _Job, error: GatewayError) -> bool:
        """Whether that is the end of it; else another gateway has the request by now, or has answered it."""
        async with job.lock:
            if not job.is_announced:
                return True
            if not await self._is_own(place):
                return False
            await self._write(place, job.state.failed(error))
            await self._store.delete(_image_place(place))
            return True

    async def _leave(self, place: Place, job: _Job) -> None:
        """To any other gateway: that this one was stopped is no fault of the request's."""
        async with job.lock:
            if job.is_announced and await self._is_own(place):
                await self._write(place, replace(job.state, gateway="", attempts=job.state.attempts - 1))

    async def _clean(self, place: Place, job: _Job) -> None:
        """Delete what a result makes needless; where that fails, it expires, or the next poll does it."""
        async with job.lock:
            if job.is_announced:
                with suppress(GatewayError):
                    await self._delete_kept(place)

    async def _delete_kept(self, place: Place) -> None:
        # The state last: while it is there, the rest can be deleted again.
        await self._store.delete(_image_place(place))
        await self._store.delete(_state_place(place))

    async def _announce(self, place: Place, job: _Job, image: bytes, task: asyncio.Task[bool]) -> None:
        async with job.lock:
            if task.done():
                return
            await self._heartbeat.give()
            label = Label(_IMAGE_TYPE, self._expires(job.state), payer=job.state.wanted.caller.payer)
            try:
                await self._store.put(_image_place(place), label, image)
                await self._write(place, job.state)
            except BaseException:
                with suppress(GatewayError):
                    await self._delete_kept(place)
                raise
            job.is_announced = True

    async def _write(self, place: Place, state: JobState) -> None:
        label = Label(_JOB_TYPE, self._expires(state), payer=state.wanted.caller.payer)
        await self._store.put(_state_place(place), label, state.to_json())

    def _expires(self, state: JobState) -> float:
        return state.ends + self._lifetime_s

    # Jobs of other gateways.

    async def _is_own(self, place: Place) -> bool:
        """Whether the store says that this gateway works on it."""
        data = await self._store.get(_state_place(place))
        if data is None:
            return False
        state = JobState.from_json(data)
        return state.status == "running" and state.gateway == self._heartbeat.id

    async def _is_over(self, place: Place) -> bool:
        """Whether the result is there; raises what became of it otherwise, or takes over what its gateway left."""
        # The state first: a job that ends between the two looks has its result by the second.
        data = await self._store.get(_state_place(place))
        if await self._store.has_content(place):
            if data is not None:  # its gateway had no time to delete it
                with suppress(GatewayError):
                    await self._delete_kept(place)
            return True
        if data is None:
            raise NotFoundError("there is no such request, or it has expired; send the image again")
        state = JobState.from_json(data)
        if state.status == "failed":
            raise KeptFailureError(state.code, state.detail, state.headers)
        if await self._is_left(state) and place not in self._running and len(self._running) < self._limit:
            self._begin_again(place, state)
        return False

    async def _is_left(self, state: JobState) -> bool:
        """Whether no gateway works on it; one of this gateway's own is here where its end could not be written."""
        if state.gateway in ("", self._heartbeat.id) or state.ends + _GRACE_S < time.time():
            return True
        return not await self._heartbeat.is_alive(state.gateway)

    def _begin_again(self, place: Place, state: JobState) -> None:
        _LOG.warning("a request is taken over", extra={"job": place.id, "attempts": state.attempts})
        ends, attempts = time.time() + self._deadline_s, state.attempts + 1
        job = _Job(replace(state, gateway=self._heartbeat.id, ends=ends, attempts=attempts), is_announced=True)
        self._begin(place, job, self._do_again(place, job))

    async def _do_again(self, place: Place, job: _Job) -> bool:
        set_request_id(place.id)  # for the logs, here and in Triton

        async def work() -> bytes:
            await self._claim(place, job)
            if job.state.attempts > _MOST_ATTEMPTS:
                raise ReaderFailedError(
                    f"{_MOST_ATTEMPTS} gateways ended while they worked on this request; send it again if you are sure"
                    " that its image is not at fault"
                )
            return await self._work_again(place, job.state, _image_place(place))

        return await self._do(place, job, work)

    async def _claim(self, place: Place, job: _Job) -> None:
        await self._heartbeat.give()
        await self._write(place, job.state)
        # Of several gateways that saw the same, the last one to write has it.
        await asyncio.sleep(_LOOK_S * (1 + random.random()))
        if not await self._is_own(place) or await self._store.has_content(place):
            raise _LostError


def _state_place(place: Place) -> Place:
    return Place("job", place.space, place.id)


def _image_place(place: Place) -> Place:
    return Place("document", place.space, place.id)

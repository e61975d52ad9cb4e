"""Jobs: documents read without a caller that waits, by whichever gateway on the store is there.

Four objects of the store are a job: its `document`, its `progress` (a `JobRecord`), and its results: the pages as a
JSON object a line, and the searchable PDF where one was asked for. The gateway that took a job works on it and alone
writes its progress, see `JobRunner`. Where that one gives no sign of life any more (see `Heartbeat`), another gateway
takes the job over and begins again with the document from the store, three times at most.

Two gateways may at worst work on one job for a moment, and write the same.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from ocdrnet_gateway.core.heartbeat import for_ever
from ocdrnet_gateway.core.job_record import (
    JobRecord,
    Order,
    delete_job,
    document_place,
    job_label,
    pages_place,
    payer_of,
    pdf_place,
)
from ocdrnet_gateway.core.job_run import Job, JobRunner
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.services import Services
from ocdrnet_gateway.core.spool import Spool
from ocdrnet_gateway.http_errors import (
    GatewayError,
    NotFoundError,
    OverloadedError,
    QuotaError,
)
from ocdrnet_gateway.store import Place, space_of

_LOG = logging.getLogger(__name__)
_CLAIM_S = 0.5  # the least time in which another gateway may claim the same job
_CANCEL_AGAIN_S = 5.0  # where the first cancel was lost
_UNKNOWN = "there is no such job of this key, or it has expired or was deleted"


class DocumentJobs:
    """See the module. It belongs to one event loop."""

    def __init__(self, services: Services) -> None:
        """Nothing runs before `start`."""
        self._services = services
        self._settings = services.settings
        self._store = services.store
        self._heartbeat = services.heartbeat
        self._id = self._heartbeat.id
        self._jobs: dict[Place, Job] = {}
        self._heartbeat.give_while(lambda: self._jobs)
        self.spool = Spool(self._settings.spool_bytes)
        self._runner = JobRunner(services, self.spool)
        self._settled: set[Place] = set()
        self._owners: dict[Place, str] = {}
        self._adopting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look after jobs that others left."""
        self._adopting = asyncio.create_task(for_ever(self._adopt, self._settings.job_lease_s / 4))

    async def close(self) -> None:
        """Leave what is under way to other gateways, or to the next start of this one."""
        tasks = [task for task in (self._adopting, *(job.task for job in self._jobs.values())) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def check(self, caller: Principal) -> None:
        """Refuse before a body is read what `submit` would refuse.

        Raises:
            OverloadedError: as many jobs are here as may be.
            QuotaError: as many of the caller's are.
        """
        limit = self._settings.max_jobs
        share = max(1, limit // 2)
        if len(self._jobs) >= limit:
            raise OverloadedError(f"{limit} jobs wait or are under way, which is the limit; try again later", 10)
        if sum(payer_of(job.record.caller) == payer_of(caller) for job in self._jobs.values()) >= share:
            raise QuotaError(f"{share} of your jobs wait or are under way, which is one caller's limit", 10)

    async def submit(self, caller: Principal, document: bytes | Path, order: Order, password: str = "") -> Place:
        """Take a job; once this returns, the store has it.

        Args:
            caller: whose limits count, and whose job it is.
            document: a PDF or an image file, or where it lies.
            order: what to do.
            password: of an encrypted PDF.

        Returns:
            The place of its progress, whose id is the job's.

        Raises:
            GatewayError: as `check` does, or the store is full or away.
        """
        self.check(caller)
        if order.webhook:
            self._services.allowed_hosts.check(order.webhook)
        place = Place("progress", space_of(caller.name), str(uuid.uuid4()))
        size = document.stat().st_size if isinstance(document, Path) else len(document)
        record = JobRecord(
            replace(order, has_password=bool(password)), caller, time.time(), self._id, document_bytes=size
        )
        job = Job(place, record, password)
        self._jobs[place] = job  # counts from now on
        try:
            await self._heartbeat.give()
            label = job_label(record, self._settings, "application/octet-stream")
            if isinstance(document, Path):
                await self._store.put_file(document_place(place), label, document)
            else:
                await self._store.put(document_place(place), label, document)
            await self._store.put(place, job_label(record, self._settings), record.to_json())
        except BaseException:
            del self._jobs[place]
            with suppress(GatewayError):
                await delete_job(self._store, place)
            raise
        self._begin(job)
        return place

    async def find(self, caller: Principal, job_id: str) -> tuple[Place, JobRecord]:
        """A job of the caller's; where no keys are needed, the id is all that it takes.

        Raises:
            NotFoundError: there is none, or it has expired, or is another caller's.
        """
        place = Place("progress", space_of(caller.name), job_id)
        if place in self._jobs:
            return place, self._jobs[place].record
        if data := await self._store.get(place):
            return place, JobRecord.from_json(data)
        raise NotFoundError(_UNKNOWN)

    async def find_own(self, caller: Principal, job_id: str) -> tuple[Place, JobRecord]:
        """A job that the caller may delete: where no keys are needed, the id alone does not do.

        Raises:
            NotFoundError: as `find`, or another one made it.
        """
        place, record = await self.find(caller, job_id)
        if record.caller.owner != caller.owner:
            raise NotFoundError(_UNKNOWN)
        return place, record

    @asynccontextmanager
    async def pages(self, place: Place, record: JobRecord) -> AsyncIterator[Path]:
        """The pages of a job that is done, as a file for the block, with a JSON object in each line.

        Raises:
            NotFoundError: they are gone.
            OverloadedError: the temporary folder has no room for them now.
            QuotaError: the caller's share of it has none.
        """
        async with self._result(pages_place(place), record.pages_bytes, record) as path:
            yield path

    @asynccontextmanager
    async def pdf(self, place: Place, record: JobRecord) -> AsyncIterator[Path]:
        """The searchable PDF of a job that is done, and that has one, as a file for the block.

        Raises:
            NotFoundError: it is gone.
            OverloadedError: the temporary folder has no room for it now.
            QuotaError: the caller's share of it has none.
        """
        async with self._result(pdf_place(place), record.pdf_bytes, record) as path:
            yield path

    async def cancel(self, place: Place) -> None:
        """Delete a job and all of it; its pages in flight end now, or within a second where another gateway has it.

        Raises:
            UnavailableError: the store is away; what is left of the job can be deleted again.
        """
        job = self._jobs.get(place)
        if job is not None and job.task is not None:
            if not job.is_deleted:
                job.is_deleted = True
                job.task.cancel()
            # In Python 3.11 `wait_for` loses a cancel that comes as it ends.
            while not (await asyncio.wait({job.task}, timeout=_CANCEL_AGAIN_S))[0]:
                job.task.cancel()
        await delete_job(self._store, place)  # here, where the caller hears of a store that is away

    @asynccontextmanager
    async def _result(self, place: Place, size: int, record: JobRecord) -> AsyncIterator[Path]:
        with self.spool.folder(size, payer_of(record.caller)) as folder:
            if not await self._store.get_file(place, folder / "result"):
                raise NotFoundError("the result gave way to newer ones, or has expired; send the document again")
            self._store.note_fetched(place)
            yield folder / "result"

    # What other gateways must know.

    async def _adopt(self) -> None:
        """Take over the jobs whose gateway is gone."""
        places = set(await self._store.list_places("progress"))
        self._settled &= places
        self._owners = {place: owner for place, owner in self._owners.items() if place in places}
        alive: dict[str, bool] = {}
        left: list[tuple[Place, JobRecord]] = []
        for place in places - self._settled - set(self._jobs):
            owner = self._owners.get(place)
            if owner not in (None, self._id) and await self._is_alive(owner, alive):
                continue
            data = await self._store.get(place)
            if data is None:
                continue
            try:
                record = JobRecord.from_json(data)
            except (ValueError, TypeError, LookupError, AttributeError):
                _LOG.warning("a job's record cannot be read", extra={"job": place.id})
                self._settled.add(place)  # it expires
                continue
            self._owners[place] = record.gateway
            # One of this gateway's own is here where its end could not be written.
            if record.gateway != self._id and await self._is_alive(record.gateway, alive):
                continue
            if not record.is_settled:
                left.append((place, record))
                continue
            self._settled.add(place)
            if await self._store.label(document_place(place)):  # which its gateway could not delete
                await self._store.delete(document_place(place))
        if left:
            await self._take_over([each for each in left if each[0] not in self._jobs])

    async def _is_alive(self, gateway: str, known: dict[str, bool]) -> bool:
        if gateway not in known:
            known[gateway] = await self._heartbeat.is_alive(gateway)
        return known[gateway]

    async def _take_over(self, left: list[tuple[Place, JobRecord]]) -> None:
        await self._heartbeat.give()
        for place, record in left:
            _LOG.warning("a job is taken over", extra={"job": place.id, "attempts": record.attempts})
            status = record.status if record.is_over else "waiting"
            mine = replace(record, gateway=self._id, status=status)
            await self._store.fill(place, mine.to_json(), payer_of(record.caller))
        # Of several gateways that saw the same, the last one to write has it.
        await asyncio.sleep(_CLAIM_S * (1 + random.random()))
        for place, _ in left:
            data = await self._store.get(place)
            now = JobRecord.from_json(data) if data else None
            if now is not None and now.gateway == self._id and place not in self._jobs:
                self._jobs[place] = job = Job(place, now)
                self._begin(job)

    def _begin(self, job: Job) -> None:
        job.task = asyncio.create_task(self._do(job))

    async def _do(self, job: Job) -> None:
        try:
            await self._runner.run(job)
        finally:
            del self._jobs[job.place]


def _jobs_of(request: Request) -> DocumentJobs:
    jobs: DocumentJobs = request.app.state.document_jobs
    return jobs


DocumentJobsDep = Annotated[DocumentJobs, Depends(_jobs_of)]

"""Jobs: documents read without a caller that waits, by whichever gateway on the store is there.

Four objects of the store are a job: its `document`, its `progress` (a `JobRecord`), and its results: the pages as a
JSON object a line, and the searchable PDF where one was asked for. The gateway that took a job works on it and alone
writes its progress. Where that one gives no sign of life any more (see `Heartbeat`), another gateway takes the job over
and begins again with the document from the store; after `_MOST_ATTEMPTS` it fails.

Whoever deletes a job deletes its document first: a gateway that works on it looks for that twice a second, and ends;
one where it waits for its turn looks every five seconds.
Two gateways may at worst work on one job for a moment, and write the same.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.opened import OpenDocument
from ocdrnet_client.documents.reading import is_document
from ocdrnet_gateway.core.documents import (
    DRAWING_BYTES,
    DocumentChoice,
    PageRefusedError,
    SlowDocumentError,
    open_document,
    read_patiently,
    searchable_pdf,
)
from ocdrnet_gateway.core.heartbeat import for_ever
from ocdrnet_gateway.core.job_record import JobRecord, Order, WebhookStatus, job_answer
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.memory import Hold
from ocdrnet_gateway.core.services import Services
from ocdrnet_gateway.core.spool import Spool
from ocdrnet_gateway.core.webhooks import PAUSES_S, call_webhook
from ocdrnet_gateway.http_errors import (
    DeadlineError,
    GatewayError,
    InternalError,
    NotFoundError,
    OverloadedError,
    QuotaError,
    ReaderFailedError,
    StoreFullError,
    TooLargeError,
    UnavailableError,
    set_request_id,
)
from ocdrnet_gateway.store import Label, Place, space_of

PAGES_TYPE, PDF_TYPE = "application/x-ndjson", "application/pdf"
_LOG = logging.getLogger(__name__)
_MOST_ATTEMPTS = 3
_LOOK_S = 0.5  # between two looks for the document of a job that is being read
_LOOKS_WAITING = (
    10  # of a job that waits for its turn, every so many of them: there may be many, and a store is not free
)
_SAVE_S = 1.0  # between two records of a job's pages
_WAIT_S = 1.0  # for memory, for a place, for a store that is away
_STORE_AWAY_S = 120.0  # that the end of a job is written again and again
_CANCEL_AGAIN_S = 5.0  # where the first cancel was lost
_PDF_S = 600.0  # for writing a searchable PDF; 500 pages take 13
_SPARE_S = 3600.0  # that documents and records are kept beyond the last moment of their job
_TEXT_BYTES = 128 * 1024 * 1024  # of the pages' text and boxes; 500 pages of 600 words are 50 MiB
_COPIES = 2  # of an image that is read, in memory
_UNKNOWN = "there is no such job of this key, or it has expired or was deleted"


@dataclass
class _Job:
    """A job that this gateway works on."""

    place: Place
    record: JobRecord
    password: str = ""
    task: asyncio.Task[None] | None = None
    saved_at: float = 0.0
    is_deleted: bool = False
    has_turn: bool = False
    is_paused: bool = False  # it has had a turn, and its pages so far lie in the store


class _LostError(Exception):
    """Another gateway has the job now, or it was deleted."""


class DocumentJobs:
    """See the module. It belongs to one event loop."""

    def __init__(self, services: Services) -> None:
        """Nothing runs before `start`."""
        self._services = services
        self._settings = services.settings
        self._store = services.store
        self._heartbeat = services.heartbeat
        self._id = self._heartbeat.id
        self._jobs: dict[Place, _Job] = {}
        self._heartbeat.give_while(lambda: self._jobs)
        self.spool = Spool(self._settings.spool_bytes)
        # Requests of their own find a place beside the jobs.
        self._turns = asyncio.Semaphore(max(1, self._settings.max_documents // 2))
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
        job = _Job(place, record, password)
        self._jobs[place] = job  # counts from now on
        try:
            await self._heartbeat.give()
            label = self._label(record, "application/octet-stream")
            if isinstance(document, Path):
                await self._store.put_file(_document(place), label, document)
            else:
                await self._store.put(_document(place), label, document)
            await self._store.put(place, self._label(record), record.to_json())
        except BaseException:
            del self._jobs[place]
            with suppress(GatewayError):
                await self._delete(place)
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
        async with self._result(_pages(place), record.pages_bytes, record) as path:
            yield path

    @asynccontextmanager
    async def pdf(self, place: Place, record: JobRecord) -> AsyncIterator[Path]:
        """The searchable PDF of a job that is done, and that has one, as a file for the block.

        Raises:
            NotFoundError: it is gone.
            OverloadedError: the temporary folder has no room for it now.
            QuotaError: the caller's share of it has none.
        """
        async with self._result(_pdf(place), record.pdf_bytes, record) as path:
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
        await self._delete(place)  # here, where the caller hears of a store that is away

    @asynccontextmanager
    async def _result(self, place: Place, size: int, record: JobRecord) -> AsyncIterator[Path]:
        with self.spool.folder(size, payer_of(record.caller)) as folder:
            if not await self._store.get_file(place, folder / "result"):
                raise NotFoundError("the result gave way to newer ones, or has expired; send the document again")
            self._store.note_fetched(place)
            yield folder / "result"

    async def _delete(self, place: Place) -> None:
        # The record last: while it is there, the rest can be deleted again.
        for each in (_document(place), _pages(place), _pdf(place), place):
            await self._store.delete(each)

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
            if await self._store.label(_document(place)):  # which its gateway could not delete
                await self._store.delete(_document(place))
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
        await asyncio.sleep(_LOOK_S * (1 + random.random()))
        for place, _ in left:
            data = await self._store.get(place)
            now = JobRecord.from_json(data) if data else None
            if now is not None and now.gateway == self._id and place not in self._jobs:
                self._jobs[place] = job = _Job(place, now)
                self._begin(job)

    # One job.

    def _begin(self, job: _Job) -> None:
        job.task = asyncio.create_task(self._do(job))

    async def _do(self, job: _Job) -> None:
        set_request_id(job.place.id)  # for the logs, here and in Triton
        try:
            if not job.record.is_over:
                await self._finish(job, await self._outcome(job))
            if job.record.webhook == "pending":
                await self._tell(job)
        except _LostError:
            with suppress(GatewayError):
                if await self._store.label(job.place) is None:
                    await self._delete(job.place)  # the results that came after its deletion
        except asyncio.CancelledError:
            with suppress(GatewayError, _LostError):
                if job.is_deleted:
                    await self._delete(job.place)
                else:
                    await self._save(job, _left(job.record))
            raise
        except Exception:
            # Not even its end could be written: another gateway finds it when this one is gone, or this one again.
            _LOG.exception("a job's end could not be written", extra={"job": job.place.id})
        finally:
            del self._jobs[job.place]

    async def _outcome(self, job: _Job) -> JobRecord:
        """The record of its end."""
        record = job.record
        try:
            if record.attempts >= _MOST_ATTEMPTS:
                raise ReaderFailedError(
                    f"{record.attempts} gateways ended while they worked on this job; the last one had read"
                    f" {record.pages_done} of {record.pages} pages"
                )
            if record.order.has_password and not job.password:
                raise UnavailableError(
                    "the gateway that worked on this job is gone, and its document's password is kept nowhere else;"
                    " send it again"
                )
            left_s = record.created + self._settings.max_job_s - time.time()
            await asyncio.wait_for(self._read(job), max(0.0, left_s))
            return replace(
                job.record, status="done", ended=time.time(), webhook="pending" if record.order.webhook else ""
            )
        except GatewayError as error:
            return job.record.failed(error, time.time())
        except asyncio.TimeoutError:
            late = DeadlineError(
                f"the job was not done within {self._settings.max_job_s:g} s, which is the limit:"
                f" {job.record.pages_done} of {job.record.pages} pages were read"
            )
            return job.record.failed(late, time.time())
        except (asyncio.CancelledError, _LostError):
            raise
        except Exception:
            _LOG.exception("fault in a job", extra={"job": job.place.id})
            fault = InternalError("the gateway failed on this job; its log has the details under the job's id")
            return job.record.failed(fault, time.time())

    async def _read(self, job: _Job) -> None:
        """From its turn to its results in the store; while the caller's quota is spent, others have the turn."""
        looking = asyncio.create_task(self._look(job))
        try:
            while not await self._read_in_turn(job):
                job.is_paused, job.has_turn = True, False
                while self._services.quotas.is_spent(job.record.caller):
                    await asyncio.sleep(_WAIT_S)
        finally:
            looking.cancel()

    async def _read_in_turn(self, job: _Job) -> bool:
        """Whether it was read to its end; else its pages so far lie in the store, and it goes on after them."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._turns)
            job.has_turn = True
            folder = await self._take_folder(stack, job.record)
            source, spool = folder / "document", folder / "pages.jsonl"
            if not await self._store.get_file(_document(job.place), source):
                raise UnavailableError("the job's document is not in the store any more; send it again")
            if not (job.is_paused and await self._store.get_file(_pages(job.place), spool)):
                started = replace(
                    job.record,
                    status="running",
                    started=time.time(),
                    attempts=job.record.attempts + (not job.is_paused),
                    pages_done=0,
                    pages_failed=0,
                    failed_page=0,
                    lines=0,
                    words=0,
                    seconds=0.0,
                )
                await self._save(job, started)
            is_pages = await asyncio.to_thread(is_document, source)
            hold = self._services.memory.hold()
            stack.callback(hold.release)
            await self._take_memory(hold, DRAWING_BYTES if is_pages else _COPIES * source.stat().st_size)
            document: OpenDocument | bytes
            if is_pages:
                document = await self._open(stack, source, job)
            else:
                document = await asyncio.to_thread(source.read_bytes)
            if not await self._read_pages(job, document, spool):
                return False
            job.record = replace(job.record, pages_bytes=spool.stat().st_size)
            await self._keep(_pages(job.place), job, spool, PAGES_TYPE)
            if job.record.order.wants_pdf:
                if isinstance(document, bytes):
                    await self._take_memory(hold, hold.size + DRAWING_BYTES)
                    document = await self._open(stack, source, job)
                written = folder / "searchable.pdf"
                searchable = await searchable_pdf(document, spool)
                await asyncio.to_thread(written.write_bytes, searchable)
                job.record = replace(job.record, pdf_bytes=written.stat().st_size)
                await self._keep(_pdf(job.place), job, written, PDF_TYPE)
            return True

    async def _read_pages(self, job: _Job, document: OpenDocument | bytes, spool: Path) -> bool:
        """Those that are not in the file yet; False: the caller's quota was spent before the last."""
        record = job.record
        begin = time.monotonic() - record.seconds
        count, wanted = (1, 1) if isinstance(document, bytes) else (document.page_count, len(document.numbers))
        job.record = replace(record, page_count=count, pages=wanted)
        if not isinstance(document, bytes):
            document.numbers = document.numbers[record.pages_done :]
        pages = read_patiently(self._services, record.caller, document, record.order.options)
        try:
            await self._write_pages(job, pages, spool, begin)
        except QuotaError:
            if job.record.pages_done:
                label = self._label(job.record, PAGES_TYPE)
                await _again(lambda: self._store.put_file(_pages(job.place), label, spool))
            return False
        return True

    async def _write_pages(
        self, job: _Job, pages: AsyncGenerator[DocumentPage, None], spool: Path, begin: float
    ) -> None:
        with open(spool, "ab") as file:
            written = file.tell()
            async with aclosing(pages):
                async for page in pages:
                    line = await asyncio.to_thread(_json_line, page)
                    written += len(line)
                    if written > _TEXT_BYTES:
                        raise TooLargeError(
                            f"the words of pages up to {page.number} have more than {_TEXT_BYTES:,} bytes with their"
                            " boxes, which is the limit of a job; send it in parts (pages)"
                        )
                    file.write(line)
                    job.record = _with_page(job.record, page, time.monotonic() - begin)
                    if time.monotonic() - job.saved_at >= _SAVE_S:
                        with suppress(UnavailableError, StoreFullError):  # the next one may find it back
                            await self._save(job, job.record)

    async def _open(self, stack: AsyncExitStack, source: Path, job: _Job) -> OpenDocument:
        choice: DocumentChoice = job.record.order.choice(job.password)
        late = 0
        while True:
            try:
                return await stack.enter_async_context(open_document(self._services, source, choice, write_s=_PDF_S))
            except (OverloadedError, DeadlineError):  # no place came free yet
                await asyncio.sleep(_WAIT_S)
            except SlowDocumentError:
                # A gateway that has no CPU for a while starts no process in time, whatever the document.
                late += 1
                if late == _MOST_ATTEMPTS:
                    raise
                await asyncio.sleep(_WAIT_S)

    async def _take_folder(self, stack: AsyncExitStack, record: JobRecord) -> Path:
        """For the document, its pages, and the PDF, which has the document and its text in it."""
        size = record.document_bytes * (2 if record.order.wants_pdf else 1) + _TEXT_BYTES
        while True:
            try:
                return stack.enter_context(self.spool.folder(size))
            except OverloadedError:
                await asyncio.sleep(_WAIT_S)

    async def _take_memory(self, hold: Hold, size: int) -> None:
        """Wait for it; one hold a job, so that what can never fit is refused and not waited for.

        Raises:
            TooLargeError: it is more than bodies may take.
        """
        while True:
            try:
                hold.resize(size)
                return
            except OverloadedError:
                await asyncio.sleep(_WAIT_S)

    async def _look(self, job: _Job) -> None:
        """End the work where the job was deleted through another gateway, or is another one's by now."""
        for number in itertools.count(1):
            await asyncio.sleep(_LOOK_S)
            if not job.has_turn and number % _LOOKS_WAITING:
                continue
            with suppress(UnavailableError):
                # In this order: whoever ends a job writes its record before it deletes its document.
                is_kept = await self._store.label(_document(job.place)) is not None
                data = await self._store.get(job.place)
                is_own = data is None or JobRecord.from_json(data).gateway == self._id
                if not is_kept or not is_own:
                    # What another gateway has done is not to be deleted.
                    assert job.task is not None
                    if not job.is_deleted:  # else it is being cancelled
                        job.is_deleted = is_own
                        job.task.cancel()
                    return

    async def _keep(self, place: Place, job: _Job, path: Path, media_type: str) -> None:
        label = Label(media_type, time.time() + self._settings.result_lifetime_s, payer=payer_of(job.record.caller))
        await _again(lambda: self._store.put_file(place, label, path))

    async def _save(self, job: _Job, record: JobRecord) -> None:
        """Write the progress, unless the job is another gateway's by now.

        Raises:
            _LostError: it is, or it was deleted.
        """
        data = await self._store.get(job.place)
        if data is None or JobRecord.from_json(data).gateway != self._id:
            raise _LostError
        await self._store.fill(job.place, record.to_json(), payer_of(record.caller))
        job.record, job.saved_at = record, time.monotonic()

    async def _finish(self, job: _Job, record: JobRecord) -> None:
        """Write the end, then delete the document."""
        if job.is_deleted:  # and the cancel was lost
            await self._delete(job.place)
            raise _LostError
        document, was_full = _document(job.place), False
        try:
            await _again(lambda: self._save(job, record))
        except StoreFullError:
            was_full = True
            await self._store.delete(document)
            await _again(lambda: self._save(job, record))
        if not was_full and record.status == "done" and await self._store.label(document) is None:
            await self._delete(job.place)  # its caller deleted it just now
            raise _LostError
        # Results and record expire together.
        label = replace(self._label(record), expires=time.time() + self._settings.result_lifetime_s)
        await self._store.announce(job.place, label)
        await self._store.delete(document)

    async def _tell(self, job: _Job) -> None:
        """Call the webhook until it is taken, or was called often."""
        secret = (self._settings.webhook_secret or self._settings.secret).get_secret_value()
        body = json.dumps(job_answer(job.place.id, replace(job.record, webhook=""))).encode()
        for number in range(job.record.webhook_attempts, len(PAUSES_S)):
            await asyncio.sleep(PAUSES_S[number])
            taken, answer = await call_webhook(self._services.allowed_hosts, job.record.order.webhook, secret, body)
            is_last = taken or number + 1 == len(PAUSES_S)
            status: WebhookStatus = "pending" if not is_last else "delivered" if taken else "failed"
            await self._save(
                job, replace(job.record, webhook=status, webhook_attempts=number + 1, webhook_answer=answer)
            )
            if is_last:
                return

    def _label(self, record: JobRecord, media_type: str = "application/json") -> Label:
        expires = record.created + self._settings.max_job_s + self._settings.result_lifetime_s + _SPARE_S
        return Label(media_type, expires, owner=record.caller.owner, payer=payer_of(record.caller))


def _json_line(page: DocumentPage) -> bytes:
    return (json.dumps(page.to_dict(), ensure_ascii=False) + "\n").encode()


def _with_page(record: JobRecord, page: DocumentPage, seconds: float) -> JobRecord:
    lines = page.page.lines if page.page else ()
    if page.error and not record.failed_page:
        code = page.error.cause.status_code if isinstance(page.error, PageRefusedError) else 422
        record = replace(record, failed_page=page.number, failed_code=code, failed_detail=str(page.error))
    return replace(
        record,
        pages_done=record.pages_done + 1,
        pages_failed=record.pages_failed + (page.page is None),
        lines=record.lines + len(lines),
        words=record.words + sum(len(line.words) for line in lines),
        seconds=seconds,
    )


def _left(record: JobRecord) -> JobRecord:
    """Of a job whose gateway was stopped, which is no fault of the job's."""
    return replace(record, gateway="", attempts=record.attempts - (record.status == "running"))


def payer_of(caller: Principal) -> str:
    """Whose share of the store and of the temporary folder a caller uses."""
    return caller.payer or space_of(caller.name)


def _document(place: Place) -> Place:
    return Place("document", place.space, place.id)


def _pages(place: Place) -> Place:
    return Place("result", place.space, place.id)


def _pdf(place: Place) -> Place:
    return Place("result", place.space, str(uuid.uuid5(uuid.UUID(place.id), "pdf")))


async def _again(write: Callable[[], Awaitable[None]]) -> None:
    """Write something that must not be lost, for as long as a store may be away."""
    end = time.monotonic() + _STORE_AWAY_S
    while True:
        try:
            await write()
            return
        except UnavailableError:
            if time.monotonic() >= end:
                raise
            await asyncio.sleep(_WAIT_S)


def _jobs_of(request: Request) -> DocumentJobs:
    jobs: DocumentJobs = request.app.state.document_jobs
    return jobs


DocumentJobsDep = Annotated[DocumentJobs, Depends(_jobs_of)]

"""One job: from its turn over its document's pages to its results, and the call of its webhook.

The gateway that has a job alone writes its record; it looks whether it still has it each time, and every now and then
whether the job was deleted through another gateway: whoever deletes one deletes its document first. It looks for that
twice a second while it reads, and every five seconds while the job waits for its turn.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

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
from ocdrnet_gateway.core.job_record import (
    JobRecord,
    WebhookStatus,
    delete_job,
    document_place,
    job_answer,
    job_label,
    pages_place,
    payer_of,
    pdf_place,
)
from ocdrnet_gateway.core.memory import Hold
from ocdrnet_gateway.core.services import Services
from ocdrnet_gateway.core.spool import Spool
from ocdrnet_gateway.core.webhooks import PAUSES_S, call_webhook
from ocdrnet_gateway.http_errors import (
    DeadlineError,
    GatewayError,
    InternalError,
    OverloadedError,
    QuotaError,
    ReaderFailedError,
    StoreFullError,
    TooLargeError,
    UnavailableError,
    set_request_id,
)
from ocdrnet_gateway.store import Label, Place

_PAGES_TYPE, _PDF_TYPE = "application/x-ndjson", "application/pdf"
_LOG = logging.getLogger(__name__)
_MOST_ATTEMPTS = 3
_LOOK_S = 0.5  # between two looks for the document of a job that is being read
_LOOKS_WAITING = (
    10  # of a job that waits for its turn, every so many of them: there may be many, and a store is not free
)
_SAVE_S = 1.0  # between two records of a job's pages
_WAIT_S = 1.0  # for memory, for a place, for a store that is away
_STORE_AWAY_S = 120.0  # that the end of a job is written again and again
_PDF_S = 600.0  # for writing a searchable PDF; 500 pages take 13
_TEXT_BYTES = 128 * 1024 * 1024  # of the pages' text and boxes; 500 pages of 600 words are 50 MiB
_COPIES = 2  # of an image that is read, in memory


@dataclass
class Job:
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


class JobRunner:
    """Does jobs, of which so many read at a time. It belongs to one event loop."""

    def __init__(self, services: Services, spool: Spool) -> None:
        """Nothing runs before the first `run`.

        Args:
            services: of the application.
            spool: where documents and results lie while they are read and written.
        """
        self._services = services
        self._settings = services.settings
        self._store = services.store
        self._id = services.heartbeat.id
        self._spool = spool
        # Requests of their own find a place beside the jobs.
        self._turns = asyncio.Semaphore(max(1, self._settings.max_documents // 2))

    async def run(self, job: Job) -> None:
        """From its turn to its end and its webhook; a cancel deletes it, or leaves it to other gateways."""
        set_request_id(job.place.id)  # for the logs, here and in Triton
        try:
            if not job.record.is_over:
                await self._finish(job, await self._outcome(job))
            if job.record.webhook == "pending":
                await self._tell(job)
        except _LostError:
            with suppress(GatewayError):
                if await self._store.label(job.place) is None:
                    await delete_job(self._store, job.place)  # the results that came after its deletion
        except asyncio.CancelledError:
            with suppress(GatewayError, _LostError):
                if job.is_deleted:
                    await delete_job(self._store, job.place)
                else:
                    await self._save(job, _left(job.record))
            raise
        except Exception:
            # Not even its end could be written: another gateway finds it when this one is gone, or this one again.
            _LOG.exception("a job's end could not be written", extra={"job": job.place.id})

    async def _outcome(self, job: Job) -> JobRecord:
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

    async def _read(self, job: Job) -> None:
        """From its turn to its results in the store; while the caller's quota is spent, others have the turn."""
        looking = asyncio.create_task(self._look(job))
        try:
            while not await self._read_in_turn(job):
                job.is_paused, job.has_turn = True, False
                while self._services.quotas.is_spent(job.record.caller):
                    await asyncio.sleep(_WAIT_S)
        finally:
            looking.cancel()

    async def _read_in_turn(self, job: Job) -> bool:
        """Whether it was read to its end; else its pages so far lie in the store, and it goes on after them."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._turns)
            job.has_turn = True
            folder = await self._take_folder(stack, job.record)
            source, spool = folder / "document", folder / "pages.jsonl"
            if not await self._store.get_file(document_place(job.place), source):
                raise UnavailableError("the job's document is not in the store any more; send it again")
            if not (job.is_paused and await self._store.get_file(pages_place(job.place), spool)):
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
            await self._keep(pages_place(job.place), job, spool, _PAGES_TYPE)
            if job.record.order.wants_pdf:
                if isinstance(document, bytes):
                    await self._take_memory(hold, hold.size + DRAWING_BYTES)
                    document = await self._open(stack, source, job)
                written = folder / "searchable.pdf"
                searchable = await searchable_pdf(document, spool)
                await asyncio.to_thread(written.write_bytes, searchable)
                job.record = replace(job.record, pdf_bytes=written.stat().st_size)
                await self._keep(pdf_place(job.place), job, written, _PDF_TYPE)
            return True

    async def _read_pages(self, job: Job, document: OpenDocument | bytes, spool: Path) -> bool:
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
                label = job_label(job.record, self._settings, _PAGES_TYPE)
                await _again(lambda: self._store.put_file(pages_place(job.place), label, spool))
            return False
        return True

    async def _write_pages(
        self, job: Job, pages: AsyncGenerator[DocumentPage, None], spool: Path, begin: float
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

    async def _open(self, stack: AsyncExitStack, source: Path, job: Job) -> OpenDocument:
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
                return stack.enter_context(self._spool.folder(size))
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

    async def _look(self, job: Job) -> None:
        """End the work where the job was deleted through another gateway, or is another one's by now."""
        for number in itertools.count(1):
            await asyncio.sleep(_LOOK_S)
            if not job.has_turn and number % _LOOKS_WAITING:
                continue
            with suppress(UnavailableError):
                # In this order: whoever ends a job writes its record before it deletes its document.
                is_kept = await self._store.label(document_place(job.place)) is not None
                data = await self._store.get(job.place)
                is_own = data is None or JobRecord.from_json(data).gateway == self._id
                if not is_kept or not is_own:
                    # What another gateway has done is not to be deleted.
                    assert job.task is not None
                    if not job.is_deleted:  # else it is being cancelled
                        job.is_deleted = is_own
                        job.task.cancel()
                    return

    async def _keep(self, place: Place, job: Job, path: Path, media_type: str) -> None:
        label = Label(media_type, time.time() + self._settings.result_lifetime_s, payer=payer_of(job.record.caller))
        await _again(lambda: self._store.put_file(place, label, path))

    async def _save(self, job: Job, record: JobRecord) -> None:
        """Write the progress, unless the job is another gateway's by now.

        Raises:
            _LostError: it is, or it was deleted.
        """
        data = await self._store.get(job.place)
        if data is None or JobRecord.from_json(data).gateway != self._id:
            raise _LostError
        await self._store.fill(job.place, record.to_json(), payer_of(record.caller))
        job.record, job.saved_at = record, time.monotonic()

    async def _finish(self, job: Job, record: JobRecord) -> None:
        """Write the end, then delete the document."""
        if job.is_deleted:  # and the cancel was lost
            await delete_job(self._store, job.place)
            raise _LostError
        document, was_full = document_place(job.place), False
        try:
            await _again(lambda: self._save(job, record))
        except StoreFullError:
            was_full = True
            await self._store.delete(document)
            await _again(lambda: self._save(job, record))
        if not was_full and record.status == "done" and await self._store.label(document) is None:
            await delete_job(self._store, job.place)  # its caller deleted it just now
            raise _LostError
        # Results and record expire together.
        label = replace(job_label(record, self._settings), expires=time.time() + self._settings.result_lifetime_s)
        await self._store.announce(job.place, label)
        await self._store.delete(document)

    async def _tell(self, job: Job) -> None:
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

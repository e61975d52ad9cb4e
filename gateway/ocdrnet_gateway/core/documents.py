"""Documents: a PDF or a TIFF read page by page, each page under the queue, the quota and the deadline that images have.

A process of its own draws the pages, because PDFs are hostile; so many documents may be open as `max_documents` says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.opened import DEFAULT_DPI, DocumentLimits, OpenDocument, TextLayer
from ocdrnet_client.documents.reading import read_pages_async
from ocdrnet_client.errors import InvalidRequestError, OcdrnetError, RequestTimeoutError
from ocdrnet_client.results import Page
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.quotas import Charge
from ocdrnet_gateway.core.reading import image_dpi
from ocdrnet_gateway.core.services import Services
from ocdrnet_gateway.http_errors import (
    DeadlineError,
    GatewayError,
    OverloadedError,
    QuotaError,
    ReaderFailedError,
    UnavailableError,
    UnprocessableError,
    current_request_id,
)

_MEBIBYTE = 1024 * 1024
MOST_PIXELS = 25_000_000  # of a page: A4 at 480 dpi
DRAWING_BYTES = 256 * _MEBIBYTE  # resident, of the process that draws such pages; measured: 243 MiB
_ADDRESS_SPACE = 1024 * _MEBIBYTE
_DRAWING_S = 10.0
PAGES_AT_ONCE = 4
_LOOK_AGAIN_S = 0.05
QUOTA_PATIENCE_S = 30.0  # then others have the turn
PATIENCE_S = 300.0  # a Triton that starts again has its networks by then
_TRY_AGAIN_S = 1.0
_TRIES = 3


@dataclass(frozen=True)
class DocumentChoice:
    """What a caller asks of a document, see `ocdrnet_client.documents.opened.OpenDocument`."""

    pages: str = ""
    dpi: float = DEFAULT_DPI
    text_layer: TextLayer = "auto"
    password: str = ""
    preview: int = 0


class SlowDocumentError(UnprocessableError):
    """It was not open in time, for which the document may be at fault, or a machine that is too busy."""


class PageRefusedError(OcdrnetError):
    """A page was not read; `cause` is what its caller should hear."""

    def __init__(self, cause: GatewayError) -> None:
        super().__init__(str(cause.detail))
        self.cause = cause


@asynccontextmanager
async def open_document(
    services: Services, source: bytes | Path, choice: DocumentChoice, *, write_s: float | None = None
) -> AsyncIterator[OpenDocument]:
    """A document, open for the block, as soon as there is a place for it.

    Args:
        services: of the application.
        source: the file's bytes, or where it lies.
        choice: of its pages.
        write_s: seconds for the writing of a searchable PDF; as many as a request has by default.

    Raises:
        UnprocessableError: it cannot be opened, or the choice does not fit it; `SlowDocumentError` where it took too
            long.
        OverloadedError: too many documents are open or wait.
        DeadlineError: no place came free in time.
    """
    limits = DocumentLimits(
        memory=_ADDRESS_SPACE,
        open_s=_DRAWING_S,
        page_s=_DRAWING_S,
        write_s=write_s or services.settings.deadline_s,
        pages=services.settings.max_document_pages,
        pixels=MOST_PIXELS,
    )

    def opened() -> OpenDocument:
        return OpenDocument(
            source,
            pages=choice.pages,
            dpi=choice.dpi,
            text_layer=choice.text_layer,
            password=choice.password,
            preview=choice.preview,
            limits=limits,
        )

    async with services.documents.place(services.settings.deadline_s):
        try:
            document = await asyncio.to_thread(opened)
        except (InvalidRequestError, RequestTimeoutError) as error:
            size = source.stat().st_size if isinstance(source, Path) else len(source)
            kind = SlowDocumentError if isinstance(error, RequestTimeoutError) else UnprocessableError
            raise kind(f"the document ({size:,} bytes) cannot be read: {error}") from None
        try:
            yield document
        finally:
            await asyncio.to_thread(document.close)


async def read_document(
    services: Services, caller: Principal, document: OpenDocument, options: Mapping[str, object]
) -> AsyncGenerator[DocumentPage, None]:
    """Read the pages, a few at a time; each has a place in the queue and a deadline of its own.

    Args:
        services: of the application.
        caller: whose quota pays for each page.
        document: stays open.
        options: of every page.

    Returns:
        The pages in order; an error is an `InvalidRequestError` where the page cannot be drawn, else a
        `PageRefusedError`.

    Raises:
        QuotaError: the caller may not have so many pages read now.
    """

    async def read(image: bytes) -> Page:
        return await _read_page(services, image, options)

    async with services.quotas.use(caller, len(document.numbers)) as charge:
        pages = read_pages_async(document, read, PAGES_AT_ONCE)
        try:
            async for page in pages:
                cause = page.error.cause if isinstance(page.error, PageRefusedError) else None
                if cause is None or isinstance(cause, UnprocessableError):
                    charge.note_read()
                else:
                    charge.note_refused()
                yield page
        finally:
            await pages.aclose()


async def read_patiently(
    services: Services, caller: Principal, document: OpenDocument | bytes, options: Mapping[str, object]
) -> AsyncGenerator[DocumentPage, None]:
    """`read_document` for a job, which has time.

    Each page that is read waits until the caller's quota has one, for `QUOTA_PATIENCE_S` after the last; and while the
    queue is full or no Triton answers, for up to `PATIENCE_S` without any page read. One that Triton failed on, or was
    late with, is read `_TRIES` times: its fellows on a batch, or a step that ended, may have been at fault.

    Args:
        services: of the application.
        caller: whose quota pays for each page that is read.
        document: stays open; or one encoded image.
        options: of every page.

    Raises:
        UnavailableError: no Triton answered for so long.
        OverloadedError: the queue was full for so long.
        QuotaError: the caller's quota had no page for `QUOTA_PATIENCE_S`; the pages that came before are good.
    """
    away_since: float | None = None
    paid_at = time.monotonic()

    async def read(image: bytes) -> Page:
        nonlocal away_since, paid_at
        tries = 0
        async with _paid_page(services, caller, lambda: paid_at) as charge:
            paid_at = time.monotonic()
            while True:
                try:
                    page = await _read_page(services, image, options)
                except PageRefusedError as error:
                    if isinstance(error.cause, (UnavailableError, OverloadedError)):
                        away_since = away_since or time.monotonic()
                        if time.monotonic() - away_since > PATIENCE_S:
                            raise error.cause from None  # of the whole document
                        await asyncio.sleep(_TRY_AGAIN_S)
                        continue
                    tries += 1
                    if isinstance(error.cause, (ReaderFailedError, DeadlineError)) and tries < _TRIES:
                        await asyncio.sleep(_TRY_AGAIN_S)
                        continue
                    if isinstance(error.cause, UnprocessableError):
                        charge.note_read()
                    raise
                away_since = None
                charge.note_read()
                return page

    if isinstance(document, bytes):
        yield await _only_page(document, read)
        return
    pages = read_pages_async(document, read, PAGES_AT_ONCE)
    try:
        async for page in pages:
            yield page
    finally:
        await pages.aclose()


async def _only_page(image: bytes, read: Callable[[bytes], Awaitable[Page]]) -> DocumentPage:
    begin, dpi = time.monotonic(), await asyncio.to_thread(image_dpi, image)
    try:
        page = await read(image)
        return DocumentPage(1, page, dpi=dpi, seconds=time.monotonic() - begin)
    except PageRefusedError as error:
        return DocumentPage(1, error=error, seconds=time.monotonic() - begin)


@asynccontextmanager
async def _paid_page(services: Services, caller: Principal, paid_at: Callable[[], float]) -> AsyncIterator[Charge]:
    async with AsyncExitStack() as stack:
        while True:
            try:
                charge = await stack.enter_async_context(services.quotas.use(caller, 1, is_request=False))
                break
            except QuotaError:
                if time.monotonic() - paid_at() > QUOTA_PATIENCE_S:
                    raise
                await asyncio.sleep(_TRY_AGAIN_S)
        yield charge


async def _read_page(services: Services, image: bytes, options: Mapping[str, object]) -> Page:
    """One page, from its place in the queue to its answer.

    Raises:
        PageRefusedError: whatever went wrong.
    """
    name = current_request_id()
    end = time.monotonic() + services.settings.deadline_s
    try:
        async with _place(services, end) as waited_s:
            begin = time.monotonic()
            with services.tracing.span("read", request_id=name, pictures=1):
                page = await services.reader.read(image, options, request_id=name, deadline_s=end - begin)
    except GatewayError as error:
        if not isinstance(error, (OverloadedError, DeadlineError)):
            services.readiness.note(error)
        raise PageRefusedError(error) from None
    services.readiness.note(None)
    services.metrics.note_reading(1, waited_s, time.monotonic() - begin)
    return page


async def searchable_pdf(document: OpenDocument, pages: Iterable[DocumentPage] | Path) -> bytes:
    """The document with the text that was read, invisibly over it; `pages` as `OpenDocument.searchable` takes them.

    Raises:
        UnprocessableError: it is signed, cannot be changed, or took too long.
    """
    try:
        return await asyncio.to_thread(document.searchable, pages)
    except InvalidRequestError as error:
        raise UnprocessableError(str(error)) from None


@asynccontextmanager
async def _place(services: Services, end: float) -> AsyncIterator[float]:
    """A place before Triton; where others fill the queue, a page waits on, since its document was taken in."""
    begin = time.monotonic()
    while services.admission.is_full:
        if time.monotonic() >= end:
            services.admission.check()
        await asyncio.sleep(_LOOK_AGAIN_S)
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(services.admission.place(end - time.monotonic()))
        except DeadlineError as error:
            # Others' load, which passes; what Triton was late with is another thing.
            raise OverloadedError(str(error.detail)) from None
        yield time.monotonic() - begin

"""Documents: a PDF or a TIFF read page by page, each page under the queue, the quota and the deadline that images have.

A process of its own draws the pages, because PDFs are hostile; so many documents may be open as `max_documents` says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.opened import DEFAULT_DPI, DocumentLimits, OpenDocument, TextLayer
from ocdrnet_client.documents.reading import read_pages_async
from ocdrnet_client.errors import InvalidRequestError, OcdrnetError, RequestTimeoutError
from ocdrnet_client.results import Page
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.services import Services
from ocdrnet_gateway.http_errors import (
    DeadlineError,
    GatewayError,
    OverloadedError,
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


@dataclass(frozen=True)
class DocumentChoice:
    """What a caller asks of a document, see `ocdrnet_client.documents.opened.OpenDocument`."""

    pages: str = ""
    dpi: float = DEFAULT_DPI
    text_layer: TextLayer = "auto"
    password: str = ""
    preview: int = 0


class PageRefusedError(OcdrnetError):
    """A page was not read; `cause` is what its caller should hear."""

    def __init__(self, cause: GatewayError) -> None:
        super().__init__(str(cause.detail))
        self.cause = cause


@asynccontextmanager
async def open_document(services: Services, data: bytes, choice: DocumentChoice) -> AsyncIterator[OpenDocument]:
    """A document, open for the block, as soon as there is a place for it.

    Raises:
        UnprocessableError: it cannot be opened, or the choice does not fit it.
        OverloadedError: too many documents are open or wait.
        DeadlineError: no place came free in time.
    """
    limits = DocumentLimits(
        memory=_ADDRESS_SPACE,
        open_s=_DRAWING_S,
        page_s=_DRAWING_S,
        write_s=services.settings.deadline_s,
        pages=services.settings.max_document_pages,
        pixels=MOST_PIXELS,
    )

    def opened() -> OpenDocument:
        return OpenDocument(
            data,
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
            raise UnprocessableError(f"the document ({len(data):,} bytes) cannot be read: {error}") from None
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
    name = current_request_id()

    async def read(image: bytes) -> Page:
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


async def searchable_pdf(document: OpenDocument, pages: Iterable[DocumentPage]) -> bytes:
    """The document with the text that was read, invisibly over it.

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
    async with services.admission.place(end - time.monotonic()):
        yield time.monotonic() - begin

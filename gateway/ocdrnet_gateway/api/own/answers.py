"""Answers of `POST /v1/read` that are more than one image's JSON: documents, and every other format."""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ocdrnet_client import Page
from ocdrnet_client.documents.document import Document, DocumentPage
from ocdrnet_client.documents.formats import Format
from ocdrnet_gateway.core.documents import (
    DocumentChoice,
    open_document,
    read_document,
    searchable_pdf,
)
from ocdrnet_gateway.core.file_reading import hold_document, words_of
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.services import Services
from ocdrnet_ops.options import OptionValue

PDF_TYPE = "application/pdf"
_PAGES_AHEAD = 2  # of what the caller has taken


@dataclass(frozen=True)
class Asked:
    """What the query and the headers ask for.

    Attributes:
        options: of the reading.
        wants_steps: whether the steps' times are wanted.
        output: the answer's format; None for a searchable PDF.
        choice: of a document.
    """

    options: dict[str, OptionValue]
    wants_steps: bool
    output: Format | None
    choice: DocumentChoice


async def answer_document(
    request: Request, services: Services, caller: Principal, body: bytes, asked: Asked
) -> Response:
    """All pages: as they are read where the format allows it, and as one JSON object otherwise."""
    begin = time.monotonic()
    hold_document(request, body)
    stack = AsyncExitStack()
    try:
        document = await stack.enter_async_context(open_document(services, body, asked.choice))
        pages = read_document(services, caller, document, asked.options)
        stack.push_async_callback(pages.aclose)
        if asked.output and asked.output.is_streamed:
            # What is wrong with the whole is said by a status, so the answer begins with the first page.
            first = await anext(pages)
            headers = {"x-ocdrnet-pages": str(len(document.numbers))}
            return PagesResponse(_chunks(first, pages, asked.output), stack, asked.output.media_type, headers)
        found, words = [], 0
        async for page in pages:
            found.append(page)
            words += words_of(page)
            hold_document(request, body, words)
        if asked.output is None:
            answer = Response(await searchable_pdf(document, found), media_type=PDF_TYPE)
        else:
            answer = JSONResponse(Document(None, tuple(found), document.page_count, time.monotonic() - begin).to_dict())
        await stack.aclose()
        return answer
    except BaseException:
        await stack.aclose()
        raise


class PagesResponse(StreamingResponse):
    """An answer that is sent as the pages are read, and then closes the document, or removes the file, behind it."""

    def __init__(
        self, chunks: AsyncIterator[str | bytes], stack: AsyncExitStack, media_type: str, headers: Mapping[str, str]
    ) -> None:
        super().__init__(chunks, media_type=media_type, headers=headers)
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with self._stack:
            await super().__call__(scope, receive, send)


async def _chunks(first: DocumentPage, pages: AsyncIterator[DocumentPage], output: Format) -> AsyncIterator[str]:
    """A format's pieces, each as soon as its page is there; a slow caller holds up the reading."""
    assert output.of_pages is not None
    loop, room, taken = asyncio.get_running_loop(), asyncio.Semaphore(_PAGES_AHEAD), queue.SimpleQueue[Any]()
    taken.put(first)

    async def feed() -> None:
        try:
            async for page in pages:
                await room.acquire()
                taken.put(page)
        finally:
            taken.put(None)

    def fed() -> Iterator[DocumentPage]:
        while page := taken.get():
            yield page
            loop.call_soon_threadsafe(room.release)

    feeding = asyncio.create_task(feed())
    pieces = output.of_pages(fed(), None)
    try:
        # In a thread, where it may wait for the next page.
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece
        await feeding
    finally:
        feeding.cancel()
        await asyncio.wait([feeding])


async def answer_image(
    request: Request, services: Services, body: bytes, page: Page, output: Format | None
) -> Response:
    """An image's text in another format than JSON; None is a searchable PDF."""
    pages = [DocumentPage(1, page)]
    if output:
        return Response(await asyncio.to_thread(_written, output, pages), media_type=output.media_type)
    hold_document(request, body)
    async with open_document(services, body, DocumentChoice()) as document:
        return Response(await searchable_pdf(document, pages), media_type=PDF_TYPE)


def _written(output: Format, pages: list[DocumentPage]) -> str:
    assert output.of_pages is not None
    return "".join(output.of_pages(pages, None))

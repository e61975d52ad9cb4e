"""Reads the pages of an open document by a client: several under way at a time, answers in the order of the file."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ocdrnet_client.documents.document import SIGNATURE_WITHIN, DocumentPage, is_pdf
from ocdrnet_client.documents.opened import DrawnPage, OpenDocument
from ocdrnet_client.errors import OcdrnetError
from ocdrnet_client.ordered import check_concurrency, map_in_tasks, map_in_threads
from ocdrnet_client.results import Page

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_pages(document: OpenDocument, read: Callable[[bytes], Page], concurrency: int) -> Iterator[DocumentPage]:
    """Draw the pages of a document one after the other, and read several at a time.

    Args:
        document: stays open; its `numbers` are read.
        read: reads one encoded image.
        concurrency: images under way at once, 1 or more.

    Returns:
        The pages in order, each with its text or its error.
    """

    def drawn() -> Iterator[tuple[DrawnPage, float]]:
        for number in document.numbers:
            start = time.monotonic()
            yield document.draw(number), start

    def answered(given: tuple[DrawnPage, float]) -> DocumentPage:
        page, start = given
        if page.page or page.error:
            return _done(page, start)
        try:
            return _done(page, start, read(page.image))
        except OcdrnetError as error:
            return _done(page, start, error)

    return map_in_threads(answered, drawn(), check_concurrency(concurrency))


def read_pages_async(
    document: OpenDocument, read: Callable[[bytes], Awaitable[Page]], concurrency: int
) -> AsyncGenerator[DocumentPage, None]:
    """`read_pages` in an event loop, which the drawing does not hold up."""

    async def drawn() -> AsyncIterator[tuple[DrawnPage, float]]:
        for number in document.numbers:
            start = time.monotonic()
            yield await asyncio.to_thread(document.draw, number), start

    async def answered(given: tuple[DrawnPage, float]) -> DocumentPage:
        page, start = given
        if page.page or page.error:
            return _done(page, start)
        try:
            return _done(page, start, await read(page.image))
        except OcdrnetError as error:
            return _done(page, start, error)

    return map_in_tasks(answered, drawn(), check_concurrency(concurrency))


def _done(drawn: DrawnPage, start: float, read: Page | OcdrnetError | None = None) -> DocumentPage:
    found = read or drawn.page or drawn.error
    page = found if isinstance(found, Page) else None
    error = found if isinstance(found, OcdrnetError) else None
    seconds = time.monotonic() - start
    return DocumentPage(drawn.number, page, error, drawn.dpi, drawn.text_source, seconds, drawn.preview)


def is_tiff(head: bytes) -> bool:
    """Whether a file is a TIFF by its first bytes; it may be given whole."""
    return head.startswith(_TIFF)


def is_document(source: Path | bytes) -> bool:
    """Whether a file is read page by page: a PDF, or a TIFF of several pages. A file that is not there is none."""
    try:
        if isinstance(source, bytes):
            head = source[:SIGNATURE_WITHIN]
        else:
            with source.open("rb") as file:
                head = file.read(SIGNATURE_WITHIN)
        return is_pdf(head) or (is_tiff(head) and _frames(source) > 1)
    except OSError:
        return False


def _frames(source: Path | bytes) -> int:
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return int(getattr(image, "n_frames", 1))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return 1  # the server says what is wrong with it

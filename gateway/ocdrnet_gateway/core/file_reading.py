"""A file of any kind that is read, to all its pages: for interfaces that answer a document in one piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing

from fastapi import Request

from ocdrnet_client import Page
from ocdrnet_client.documents.document import Document, DocumentPage
from ocdrnet_client.documents.opened import page_numbers
from ocdrnet_client.documents.reading import is_document
from ocdrnet_client.errors import InvalidRequestError
from ocdrnet_gateway.core.body_limit import hold_of, keep_images
from ocdrnet_gateway.core.documents import (
    DRAWING_BYTES,
    DocumentChoice,
    PageRefusedError,
    open_document,
    read_document,
)
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.reading import check_image, image_dpi, read_image
from ocdrnet_gateway.core.services import Services
from ocdrnet_gateway.http_errors import UnprocessableError

WORD_BYTES = 2_000  # of a word, or a character, in a result that is kept whole, with its JSON
_COPIES = 3  # of the body: itself, the copy on its way to the process that draws, and the PDF that may come back


def hold_document(request: Request, data: bytes, words: int = 0, word_bytes: int = WORD_BYTES) -> None:
    """Count the memory of a document, as `keep_images` does that of an image.

    Args:
        request: pays for it.
        data: the document.
        words: on the pages that are kept until all are there, see `words_of`.
        word_bytes: of one of them, and of what is made of it.

    Raises:
        TooLargeError: it is more than bodies may take.
        OverloadedError: it is more than is free now.
    """
    if hold := hold_of(request):
        hold.resize(_COPIES * len(data) + DRAWING_BYTES + words * word_bytes)


def hold_characters(request: Request, page: Page, character_bytes: int = WORD_BYTES) -> int:
    """Count the memory of a page's characters, where these were asked for, beside what the request holds.

    Args:
        request: pays for it.
        page: as it was read.
        character_bytes: that a character takes, with what the answer makes of it.

    Returns:
        How many there are.

    Raises:
        TooLargeError: it is more than bodies may take.
        OverloadedError: it is more than is free now.
    """
    count = _characters_of(page)
    if hold := hold_of(request):
        hold.resize(hold.size + count * character_bytes)
    return count


def words_of(page: DocumentPage) -> int:
    """Words of a page, and their characters where these were asked for; a line without any is one itself."""
    if page.page is None:
        return 0
    return sum(len(line.words) or 1 for line in page.page.lines) + _characters_of(page.page)


def _characters_of(page: Page) -> int:
    return sum(len(word.characters) for line in page.lines for word in line.words)


async def read_file(
    request: Request,
    services: Services,
    caller: Principal,
    data: bytes,
    choice: DocumentChoice,
    options: Mapping[str, object],
    *,
    word_bytes: int = WORD_BYTES,
) -> Document:
    """All chosen pages of a file of any kind that is read: a PDF or a TIFF page by page, another image as one page.

    Args:
        request: that brought the file or led to it; it pays for the memory.
        services: of the application.
        caller: whose quota pays for each page.
        data: the file.
        choice: of a document; `pages` holds for an image, too.
        options: of every page, see `docs/options.md`.
        word_bytes: that a word takes, with what the answer makes of it.

    Raises:
        GatewayError: the file, the choice, an option or a page is at fault, or a limit is reached: an answer without
            one of its pages, for clients that know no such thing, would be a loss that nobody sees.
    """
    begin = time.monotonic()
    if await asyncio.to_thread(is_document, data):
        hold_document(request, data)
        async with open_document(services, data, choice) as document:
            async with aclosing(read_document(services, caller, document, options)) as read:
                pages, words = [], 0
                async for page in read:
                    pages.append(_whole(page))
                    words += words_of(page)
                    hold_document(request, data, words, word_bytes)
            return Document(None, tuple(pages), document.page_count, time.monotonic() - begin)
    keep_images(request, len(data))
    await asyncio.to_thread(check_image, data, services.settings.max_pixels)
    try:
        page_numbers(choice.pages, 1)
    except InvalidRequestError as error:
        raise UnprocessableError(str(error)) from None
    reading = await read_image(services, caller, data, options)
    dpi = await asyncio.to_thread(image_dpi, data)
    seconds = time.monotonic() - begin
    return Document(None, (DocumentPage(1, reading.page, dpi=dpi, seconds=seconds),), 1, seconds)


def _whole(page: DocumentPage) -> DocumentPage:
    if page.error is None:
        return page
    cause = page.error.cause if isinstance(page.error, PageRefusedError) else UnprocessableError(str(page.error))
    cause.detail = f"page {page.number}: {cause.detail}; without it the others can be asked for by their numbers"
    raise cause

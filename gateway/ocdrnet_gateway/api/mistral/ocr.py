"""`POST /v1/ocr` with a `document`: the file, wherever it is, and its pages as Mistral's clients expect them."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import replace

from fastapi import Request, Response

from ocdrnet_client import Line, Page
from ocdrnet_client.documents.document import Document, DocumentPage
from ocdrnet_client.documents.markdown import markdown_of
from ocdrnet_gateway.api.mistral.files import file_by_id, file_by_url
from ocdrnet_gateway.api.mistral.schemas import (
    Block,
    BlockConfidence,
    Dimensions,
    OcrAnswer,
    OcrDocument,
    OcrPage,
    OcrRequest,
    PageConfidence,
    UsageInfo,
    WordConfidence,
)
from ocdrnet_gateway.api.nim.schemas import MODEL
from ocdrnet_gateway.core.body_limit import hold_of
from ocdrnet_gateway.core.documents import DocumentChoice
from ocdrnet_gateway.core.file_reading import read_file
from ocdrnet_gateway.core.json_body import image_of
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.services import Services
from ocdrnet_gateway.http_errors import BadRequestError, UnprocessableError

_MODELS = (MODEL, "mistral-ocr")
_DATA = "data:"
# At which a pixel is a point.
_DPI_UNKNOWN = 72


async def answer_ocr(request: Request, services: Services, caller: Principal, wanted: OcrRequest) -> Response:
    """Read the document.

    Raises:
        BadRequestError: the model is not known.
        GatewayError: the document cannot be got or read, or a limit is reached.
    """
    if wanted.model is not None and not wanted.model.startswith(_MODELS):
        raise BadRequestError(f"there is no model {wanted.model[:40]!r}; there are ocdrnet and mistral-ocr-latest")
    data = await _document(request, services, caller, wanted)
    wanted.document = OcrDocument.model_construct()  # its base64 is not held while the pages are read
    try:
        document = await read_file(request, services, caller, data, DocumentChoice(pages=wanted.pages_from_one), {})
    except UnprocessableError as error:
        if wanted.pages is not None:
            error.detail = f"{error.detail} (this message counts pages from 1, a request from 0)"
        raise
    answer = await asyncio.to_thread(ocr_answer, document, len(data), wanted)
    return Response(answer.model_dump_json(), media_type="application/json")


async def _document(request: Request, services: Services, caller: Principal, wanted: OcrRequest) -> bytes:
    if wanted.document.file_id is not None:
        return await file_by_id(services, caller, wanted.document.file_id)
    url = wanted.document.address or ""
    if url[: len(_DATA)].lower() == _DATA:
        return await asyncio.to_thread(image_of, url)
    own = await file_by_url(services, url)
    if own is not None:
        return own
    services.allowed_hosts.check(url)
    max_bytes = services.settings.max_upload_bytes
    if hold := hold_of(request):
        hold.resize(max_bytes)  # what comes is not known before it is there
    fetched = await services.allowed_hosts.fetch(url, max_bytes=max_bytes, timeout_s=services.settings.upload_timeout_s)
    return fetched.content


def ocr_answer(document: Document, size: int, wanted: OcrRequest) -> OcrAnswer:
    """The answer for a document of so many bytes, all of whose pages were read."""
    pages = [_page(page, page.page, wanted) for page in document.pages if page.page]
    return OcrAnswer(pages=pages, usage_info=UsageInfo(pages_processed=len(pages), doc_size_bytes=size))


def _page(place: DocumentPage, page: Page, wanted: OcrRequest) -> OcrPage:
    # As if it was the only page: without a comment that names it.
    markdown = "".join(markdown_of([replace(place, number=1)], None)).rstrip("\n")
    granularity = wanted.confidence_scores_granularity
    blocks = [_block(lines, granularity == "block") for lines in page.paragraphs]
    return OcrPage(
        index=place.number - 1,
        markdown=markdown,
        dimensions=Dimensions(dpi=round(place.dpi) or _DPI_UNKNOWN, height=page.height, width=page.width),
        blocks=blocks if wanted.include_blocks is not False else None,
        confidence_scores=_page_confidence(page, markdown, granularity == "word") if granularity else None,
    )


def _block(lines: Sequence[Line], with_confidence: bool) -> Block:
    xs, ys = zip(*(point for line in lines for point in line.box), strict=True)
    scores = [score for line in lines for score in _scores(line)]
    confidence = BlockConfidence(
        average_content_confidence_score=statistics.fmean(scores), minimum_content_confidence_score=min(scores)
    )
    return Block(
        top_left_x=round(min(xs)),
        top_left_y=round(min(ys)),
        bottom_right_x=round(max(xs)),
        bottom_right_y=round(max(ys)),
        content="\n".join(line.text for line in lines),
        confidence_scores=confidence if with_confidence else None,
    )


def _scores(line: Line) -> list[float]:
    return [_bounded(word.score) for word in line.words] or [_bounded(line.score)]


def _bounded(score: float) -> float:
    return min(max(score, 0.0), 1.0)


def _page_confidence(page: Page, markdown: str, with_words: bool) -> PageConfidence | None:
    """None for a page without text, of which nothing can be sure."""
    scores = [score for line in page.lines for score in _scores(line)]
    if not scores:
        return None
    return PageConfidence(
        average_page_confidence_score=statistics.fmean(scores),
        minimum_page_confidence_score=min(scores),
        word_confidence_scores=_words(page, markdown) if with_words else None,
    )


def _words(page: Page, markdown: str) -> list[WordConfidence]:
    """Every word, with the place in the Markdown where it stands.

    Where Markdown writes it otherwise, escaped or without the hyphen at a line's end, its beginning is looked for, and
    then the place of the word before stands for it.
    """
    words, cursor = [], 0
    for word in (word for line in page.lines for word in line.words):
        for text in (word.text, word.text[:-1], word.text[:1]):
            start = markdown.find(text, cursor) if text else -1
            if start >= 0:
                cursor = start + len(text)
                break
        else:
            start = cursor
        words.append(WordConfidence(text=word.text, confidence=_bounded(word.score), start_index=start))
    return words

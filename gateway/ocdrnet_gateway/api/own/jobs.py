"""`/v1/jobs`: long documents. A job is sent, asked after page by page, fetched in any format, and deleted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.datastructures import QueryParams

from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.formats import FORMATS
from ocdrnet_client.documents.reading import is_document
from ocdrnet_gateway.api.own.answers import PDF_TYPE, Asked, PagesResponse
from ocdrnet_gateway.api.own.read import BODY, OUTPUT, PDF, TEXTS, TIMING, DocumentAnswer, asked_by, described_options
from ocdrnet_gateway.core.body_limit import declared_size, keep_images, read_body_to
from ocdrnet_gateway.core.document_jobs import DocumentJobsDep
from ocdrnet_gateway.core.job_record import JobRecord, KeptFailureError, Order, job_answer, payer_of
from ocdrnet_gateway.core.reading import check_image
from ocdrnet_gateway.core.services import PrincipalDep, ServicesDep
from ocdrnet_gateway.http_errors import NotFoundError, NotReadyError, TooLargeError, UnprocessableError, documented
from ocdrnet_gateway.settings import GatewaySettings
from ocdrnet_gateway.store import parse_id
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.options import TextOption

_WEBHOOK = TextOption("webhook", 2000, "URL that is told of the job's end, at a host that the operator allows.")
_PIECE = 256 * 1024
_ASK_AGAIN_S = 1


class JobFailure(BaseModel):
    """Why a job failed."""

    status: int = Field(description="the HTTP status that its result is answered with")
    detail: str


class WebhookAnswer(BaseModel):
    """What became of the webhook."""

    status: Literal["waiting", "pending", "delivered", "failed"]
    attempts: int
    answer: str = Field(description="to the last call")


class JobAnswer(BaseModel):
    """One job; times in seconds since 1970."""

    id: str
    status: Literal["waiting", "running", "done", "failed"]
    created: float
    started: float | None = Field(description="when its reading began, or began again in another gateway")
    ended: float | None
    page_count: int = Field(description="pages that the file has; 0 until it was opened")
    pages: int = Field(description="of them, to be read")
    pages_done: int = Field(description="that are read, or failed")
    pages_failed: int = Field(description="whose `error` says why they were not read")
    lines: int
    words: int
    seconds: float = Field(description="of reading")
    attempts: int = Field(description="gateways that began with it; more than one where some ended")
    output: str = Field(description="format of the result, where none is asked for")
    error: JobFailure | None = None
    webhook: WebhookAnswer | None = None


router = APIRouter(tags=["jobs"])
_FOUND = documented(401, 404, 503)
_OUTPUT_HELP = "Format of the result; left out, the one that the job was sent with."
_CHOICES: dict[str, Any] = {"enum": list(OUTPUT.choices)}
_RESULTS: dict[str, Any] = {PDF_TYPE: {"schema": {"type": "string", "format": "binary"}}, **TEXTS}
_LOCATION = {"location": {"schema": {"type": "string"}, "description": "path of the job"}}


def _parameters() -> list[dict[str, Any]]:
    webhook = {
        "name": _WEBHOOK.name,
        "in": "query",
        "required": False,
        "description": _WEBHOOK.help,
        "schema": {"type": "string", "minLength": 1, "maxLength": _WEBHOOK.longest},
    }
    return [*(each for each in described_options() if each["name"] != TIMING.name), webhook]


@router.post(
    "/v1/jobs",
    status_code=202,
    summary="Take a document or an image, to be read without a caller that waits",
    response_model=JobAnswer,
    responses={202: {"headers": _LOCATION}, **documented(401, 408, 413, 422, 429, 503, 507)},
    openapi_extra={"parameters": _parameters(), "requestBody": BODY},
)
async def submit(request: Request, services: ServicesDep, jobs: DocumentJobsDep, caller: PrincipalDep) -> Response:
    """The body and the options are those of `POST /v1/read`; a TIFF is read page by page.

    A job that is answered 202 is in the store: where its gateway ends, another one goes on with it.
    """
    asked, webhook = _asked(request)
    jobs.check(caller)
    if webhook:
        services.allowed_hosts.check(webhook)
    limit = services.settings.max_document_bytes
    async with services.quotas.use(caller, 0):
        with jobs.spool.folder(min(declared_size(request, limit), limit), payer_of(caller)) as folder:
            await read_body_to(request, folder / "document", limit)
            if not await asyncio.to_thread(is_document, folder / "document"):
                await _check_image(request, folder / "document", services.settings)
            place = await jobs.submit(caller, folder / "document", _order(asked, webhook), asked.choice.password)
    _, record = await jobs.find(caller, place.id)
    headers = {"location": f"/v1/jobs/{place.id}", "retry-after": str(_ASK_AGAIN_S), "cache-control": "no-store"}
    return JSONResponse(job_answer(place.id, record), 202, headers)


@router.get("/v1/jobs/{job_id}", response_model=JobAnswer, responses=_FOUND)
async def progress(job_id: str, jobs: DocumentJobsDep, caller: PrincipalDep) -> Response:
    """How far it is; any gateway on the store answers."""
    place, record = await jobs.find(caller, _known(job_id))
    headers = {"cache-control": "no-store"}
    if not record.is_over:
        headers["retry-after"] = str(_ASK_AGAIN_S)
    return JSONResponse(job_answer(place.id, record), headers=headers)


@router.delete("/v1/jobs/{job_id}", status_code=204, responses=_FOUND)
async def delete(job_id: str, jobs: DocumentJobsDep, caller: PrincipalDep) -> None:
    """End the job, with its pages in flight, and delete all that is kept of it."""
    place, _ = await jobs.find_own(caller, _known(job_id))
    await jobs.cancel(place)


@router.get(
    "/v1/jobs/{job_id}/result",
    summary="The result of a job that is done",
    responses={
        200: {"model": DocumentAnswer, "content": _RESULTS},
        **documented(401, 404, 409, 413, 422, 429, 500, 502, 503, 504, 507),
    },
)
async def result(
    job_id: str,
    jobs: DocumentJobsDep,
    caller: PrincipalDep,
    output: Annotated[str | None, Query(description=_OUTPUT_HELP, json_schema_extra=_CHOICES)] = None,
) -> Response:
    """In the job's own format, or in any other; `pdf` where the job was sent with it.

    A job that failed is answered with its failure, one that is not done with 409.
    """
    place, record = await jobs.find(caller, _known(job_id))
    try:
        name = str(OUTPUT.parse(output)) if output else PDF if record.order.wants_pdf else record.order.output
    except OptionError as error:
        raise UnprocessableError(str(error)) from None
    raise_if_not_done(record)
    if name == PDF and not record.order.wants_pdf:
        raise UnprocessableError("this job made no searchable PDF; send the document with output=pdf")
    async with AsyncExitStack() as stack:
        path = await stack.enter_async_context((jobs.pdf if name == PDF else jobs.pages)(place, record))
        return _answer(name, record, path, stack.pop_all())


def _answer(name: str, record: JobRecord, path: Path, stack: AsyncExitStack) -> Response:
    """A format's pieces, made while they are sent: memory stays flat."""
    if name == PDF:
        return sent(pieces_of(path), stack, PDF_TYPE)
    output = FORMATS[name]
    if output.of_pages is None:
        return sent(_whole(record, path), stack, output.media_type)
    return sent(output.of_pages(pages_of(path), None), stack, output.media_type)


def sent(pieces: Iterator[str] | Iterator[bytes], stack: AsyncExitStack, media_type: str) -> Response:
    """An answer whose pieces are made in a thread, one ahead of the caller; closes the stack behind it."""
    left: Iterator[str | bytes] = pieces

    async def made() -> AsyncIterator[str | bytes]:
        while (piece := await asyncio.to_thread(next, left, None)) is not None:
            yield piece

    return PagesResponse(made(), stack, media_type, {"cache-control": "private, no-store"})


def pieces_of(path: Path) -> Iterator[bytes]:
    """A file's bytes."""
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def pages_of(path: Path) -> Iterator[DocumentPage]:
    """The pages in a job's file of them."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield DocumentPage.from_dict(json.loads(line))


def raise_if_not_done(record: JobRecord) -> None:
    """Refuse what has no result.

    Raises:
        NotReadyError: it is not done yet.
        KeptFailureError: it failed.
    """
    if record.status == "failed":
        raise KeptFailureError(record.code, record.detail, record.headers)
    if record.status != "done":
        raise NotReadyError(
            f"the job is {record.status}: {record.pages_done} of {record.pages} pages are done", _ASK_AGAIN_S
        )


def _whole(record: JobRecord, path: Path) -> Iterator[str]:
    """`Document.to_dict` of all pages."""
    counts = {
        "document": None,
        "page_count": record.page_count,
        "pages_read": record.pages_done - record.pages_failed,
        "lines": record.lines,
        "words": record.words,
        "seconds": round(record.seconds, 3),
    }
    yield json.dumps(counts)[:-1] + ', "pages": ['
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            yield ("," if number else "") + line.rstrip("\n")
    yield "]}"


async def _check_image(request: Request, path: Path, settings: GatewaySettings) -> None:
    """What is no document is an image, and has an image's limits.

    Raises:
        GatewayError: it is none, or too large.
    """
    size, headers = path.stat().st_size, request.headers
    if size > settings.max_upload_bytes:
        raise TooLargeError(f"an image may have {settings.max_upload_bytes:,} bytes; this file has {size:,}")
    keep_images(request, size)
    image = await asyncio.to_thread(path.read_bytes)
    kind, encoding = headers.get("content-type", ""), headers.get("content-encoding", "")
    await asyncio.to_thread(check_image, image, settings.max_pixels, kind, encoding)


def _asked(request: Request) -> tuple[Asked, str]:
    """What is asked for, and the webhook.

    Raises:
        UnprocessableError: a name is unknown or twice there, or a value is out of range.
    """
    items = request.query_params.multi_items()
    webhooks = [value for name, value in items if name == _WEBHOOK.name]
    if any(name == TIMING.name for name, _ in items):
        raise UnprocessableError("a job has no timing of its steps; leave `timing` out")
    if len(webhooks) > 1:
        raise UnprocessableError("the option 'webhook' is given more than once")
    try:
        webhook = _WEBHOOK.parse(webhooks[0]) if webhooks else ""
    except OptionError as error:
        raise UnprocessableError(str(error)) from None
    rest = QueryParams([(name, value) for name, value in items if name != _WEBHOOK.name])
    return asked_by(rest, request.headers), str(webhook)


def _order(asked: Asked, webhook: str) -> Order:
    choice = asked.choice
    return Order(
        options=dict(asked.options),
        pages=choice.pages,
        dpi=choice.dpi,
        text_layer=choice.text_layer,
        output=asked.output.name if asked.output else "json",
        wants_pdf=asked.output is None,
        webhook=webhook,
    )


def _known(job_id: str) -> str:
    known = parse_id(job_id)
    if known is None:
        raise NotFoundError("there is no such job; its id is a UUID, in the answer to POST /v1/jobs")
    return known

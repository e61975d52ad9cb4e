"""The routes of Azure Document Intelligence that its clients call to read: analyze, ask, fetch the PDF, delete."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.datastructures import Headers

from ocdrnet_client.documents.document import is_pdf
from ocdrnet_client.documents.reading import is_document
from ocdrnet_gateway.api.azure.result import (
    API_VERSIONS,
    CONTENT_FORMATS,
    FEATURES,
    INDEX_TYPES,
    NOT_SOUGHT,
    ContentFormat,
    IndexType,
    ResultForm,
    analyze_result,
)
from ocdrnet_gateway.api.hosted.assets import base_address
from ocdrnet_gateway.api.own.answers import PDF_TYPE
from ocdrnet_gateway.api.own.jobs import pieces_of, sent
from ocdrnet_gateway.core.body_limit import keep_images, read_body
from ocdrnet_gateway.core.document_jobs import DocumentJobsDep
from ocdrnet_gateway.core.job_record import JobRecord, Order
from ocdrnet_gateway.core.json_body import bytes_of_base64, parse_json
from ocdrnet_gateway.core.keys import Principal, bearer_key
from ocdrnet_gateway.core.reading import check_image
from ocdrnet_gateway.core.services import Services, ServicesDep, caller_by_key
from ocdrnet_gateway.http_errors import (
    BadRequestError,
    NotFoundError,
    UnprocessableError,
    answers_errors_by,
)
from ocdrnet_gateway.store import parse_id

BASE = "/documentintelligence"
KEY_HEADER = "ocp-apim-subscription-key"
_INTERFACE = "azure"
_ASK_AGAIN_S = 1
_LONGEST_PAGES = 200
_STATUSES = {"waiting": "notStarted", "running": "running", "done": "succeeded", "failed": "failed"}
# Azure's codes, as its error guide has them: of the whole, and of what is inside.
_CODES = {
    400: ("InvalidRequest", "InvalidParameter"),
    401: ("401", ""),
    403: ("Forbidden", ""),
    404: ("NotFound", ""),
    405: ("MethodNotAllowed", ""),
    408: ("InvalidRequest", "InvalidContentLength"),
    409: ("Conflict", ""),
    413: ("InvalidRequest", "InvalidContentLength"),
    422: ("InvalidRequest", "InvalidContent"),
    429: ("429", ""),
    500: ("InternalServerError", ""),
}
_UNAVAILABLE = ("ServiceUnavailable", "")


class InnerError(BaseModel):
    """More about an error."""

    code: str
    message: str


class AzureError(BaseModel):
    """What was wrong."""

    code: str
    message: str
    innererror: InnerError | None = None


class AzureErrorAnswer(BaseModel):
    """An error's body."""

    error: AzureError


class AnalyzeRequest(BaseModel):
    """A document, inline or at a URL; one of both."""

    base64Source: str | None = Field(None, description="the file in base64")
    urlSource: str | None = Field(None, max_length=4096, description="its URL, at a host that the operator allows")


class AnalyzeOperation(BaseModel):
    """An analysis, and what came of it."""

    status: Literal["notStarted", "running", "succeeded", "failed"]
    createdDateTime: str
    lastUpdatedDateTime: str
    analyzeResult: dict[str, Any] | None = None
    error: AzureError | None = None


def azure_error(status: int, detail: str, headers: Any = None) -> JSONResponse:  # noqa: ANN401 - a mapping or None
    """An error in Azure's form; what cannot be read is 400 there, not 422."""
    answer = {"error": _error(status, detail)}
    return JSONResponse(answer, 400 if status == 422 else status, dict(headers or {}))


def _error(status: int, detail: str) -> dict[str, Any]:
    code, inner = _CODES.get(status, _UNAVAILABLE)
    said: dict[str, Any] = {"code": code, "message": detail}
    if inner:
        said["innererror"] = {"code": inner, "message": detail}
    return said


def _key(headers: Headers) -> str:
    return headers.get(KEY_HEADER) or bearer_key(headers.get("authorization"))


CallerDep = Annotated[Principal, Depends(caller_by_key(_key, "Ocp-Apim-Subscription-Key: KEY"))]


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": AzureErrorAnswer} for status in (400, 401, 404, 408, 413, 422, 429, 500, *statuses)}


def _query(name: str, help_text: str, values: tuple[str, ...] = (), *, required: bool = False) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", **({"enum": list(values)} if values else {})}
    return {"name": name, "in": "query", "required": required, "description": help_text, "schema": schema}


_VERSION = _query("api-version", "Version of the interface.", API_VERSIONS, required=True)
_PARAMETERS = [
    _VERSION,
    _query("pages", "Pages of a PDF or TIFF: `1-3,7`."),
    _query("locale", "Taken and not needed: all scripts are read at once."),
    _query("stringIndexType", "What offsets and lengths count.", INDEX_TYPES),
    _query("outputContentFormat", "Of `content`.", CONTENT_FORMATS),
    _query("features", "With commas between; what is not looked for is empty, with a warning."),
    _query("queryFields", "Taken; nothing is looked for."),
    _query("output", "`pdf` for a searchable PDF; `figures` are none."),
]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": AnalyzeRequest.model_json_schema()},
        **dict.fromkeys(("application/octet-stream", "application/pdf", "image/*"), _BINARY),
    },
}

router = APIRouter(tags=["Azure Document Intelligence"], route_class=answers_errors_by(azure_error))
_ANALYZE = f"{BASE}/documentModels/{{model_id}}:analyze"
_RESULT = f"{BASE}/documentModels/{{model_id}}/analyzeResults/{{result_id}}"


@router.post(
    _ANALYZE,
    status_code=202,
    summary="Take a document for prebuilt-read or prebuilt-layout",
    response_class=Response,
    responses={
        202: {"headers": {"operation-location": {"schema": {"type": "string", "format": "uri"}}}},
        **_errors(503, 507),
    },
    openapi_extra={"parameters": _PARAMETERS, "requestBody": _BODY},
)
async def analyze(
    model_id: str, request: Request, services: ServicesDep, jobs: DocumentJobsDep, caller: CallerDep
) -> Response:
    """`Operation-Location` of the answer says where to ask for the result."""
    form, wants_pdf, pages = _asked(model_id, request)
    base = base_address(request, services.settings)  # refuses a Host that is none, before anything is kept
    jobs.check(caller)
    async with services.quotas.use(caller, 0):
        document = await _document(request, services)
        if not await asyncio.to_thread(is_document, document):
            await asyncio.to_thread(check_image, document, services.settings.max_pixels)
        interface = {
            "name": _INTERFACE,
            "model": form.model,
            "index_type": form.index_type,
            "content_format": form.content_format,
            "is_pdf": is_pdf(document),
            "features": list(form.features),
            "version": form.version,
        }
        order = Order(pages=pages, wants_pdf=wants_pdf, interface=interface)
        place = await jobs.submit(caller, document, order)
    result = _RESULT.format(model_id=form.model, result_id=place.id)
    headers = {
        "operation-location": f"{base}{result}?api-version={form.version}",
        "retry-after": str(_ASK_AGAIN_S),
        "apim-request-id": place.id,
    }
    return Response(status_code=202, headers=headers)


@router.get(
    _RESULT,
    response_model=AnalyzeOperation,
    responses=_errors(503),
    openapi_extra={"parameters": [_VERSION]},
)
async def analyze_operation(
    model_id: str, result_id: str, request: Request, jobs: DocumentJobsDep, caller: CallerDep
) -> Response:
    """How far it is, or the result."""
    _check_version(request)
    place, record = await jobs.find(caller, _known(result_id))
    form = _form(model_id, record)
    said = _operation(record)
    if said["status"] != "succeeded":
        headers = {"cache-control": "no-store"}
        if not record.is_over:
            headers["retry-after"] = str(_ASK_AGAIN_S)
        return JSONResponse(said, headers=headers)
    async with AsyncExitStack() as stack:
        path = await stack.enter_async_context(jobs.pages(place, record))
        return sent(_succeeded(said, form, path), stack.pop_all(), "application/json")


@router.get(
    f"{_RESULT}/pdf",
    response_class=Response,
    responses={200: {"content": {PDF_TYPE: _BINARY}}, **_errors(409, 503)},
    openapi_extra={"parameters": [_VERSION]},
)
async def analyze_result_pdf(
    model_id: str, result_id: str, request: Request, jobs: DocumentJobsDep, caller: CallerDep
) -> Response:
    """The searchable PDF of an analysis that was asked for with `output=pdf`."""
    _check_version(request)
    place, record = await jobs.find(caller, _known(result_id))
    _form(model_id, record)
    status = _operation(record)["status"]
    if not record.order.wants_pdf or status != "succeeded":
        why = f"is {status}" if record.order.wants_pdf else "was not asked for with output=pdf"
        raise NotFoundError(f"there is no PDF: the analysis {why}")
    async with AsyncExitStack() as stack:
        path = await stack.enter_async_context(jobs.pdf(place, record))
        return sent(pieces_of(path), stack.pop_all(), PDF_TYPE)


@router.delete(_RESULT, status_code=204, responses=_errors(503), openapi_extra={"parameters": [_VERSION]})
async def delete_analyze_result(
    model_id: str, result_id: str, request: Request, jobs: DocumentJobsDep, caller: CallerDep
) -> None:
    """End the analysis, and delete its result."""
    _check_version(request)
    place, record = await jobs.find_own(caller, _known(result_id))
    _form(model_id, record)
    await jobs.cancel(place)


@router.api_route(BASE + "/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
async def anything_else(path: str) -> Response:
    """Azure's other operations."""
    raise NotFoundError(
        f"this server has prebuilt-read and prebuilt-layout: analyze, analyzeResults and its pdf; not {path[:80]!r}"
    )


def _asked(model_id: str, request: Request) -> tuple[ResultForm, bool, str]:
    """What is asked for: the result's form, whether with a PDF, and which pages.

    Raises:
        NotFoundError: there is no such model.
        BadRequestError: a parameter cannot be used.
    """
    if model_id not in NOT_SOUGHT:
        raise NotFoundError(f"there is no model {model_id[:80]!r}; this server has {' and '.join(NOT_SOUGHT)}")
    version = _check_version(request)
    query = request.query_params
    known = {each["name"] for each in _PARAMETERS}
    if unknown := [name for name in query if name not in known]:
        raise BadRequestError(f"there is no parameter {unknown[0][:80]!r}; there are {', '.join(sorted(known))}")
    features = _several(query.get("features", ""), "features", FEATURES)
    outputs = _several(query.get("output", ""), "output", ("pdf", "figures"))
    index_type = _one(query.get("stringIndexType"), "stringIndexType", INDEX_TYPES)
    content_format = _one(query.get("outputContentFormat"), "outputContentFormat", CONTENT_FORMATS)
    form = ResultForm(
        model_id,
        cast(IndexType, index_type),
        cast(ContentFormat, content_format),
        features=tuple(features),
        version=version,
    )
    pages = query.get("pages", "")
    if len(pages) > _LONGEST_PAGES:
        raise BadRequestError(f"pages has more than {_LONGEST_PAGES} characters; write ranges such as 1-40")
    return form, "pdf" in outputs, pages


def _check_version(request: Request) -> str:
    version: str = request.query_params.get("api-version", "")
    if version not in API_VERSIONS:
        raise BadRequestError(f"api-version is {version[:40]!r}; this server has {' and '.join(API_VERSIONS)}")
    return version


def _one(value: str | None, name: str, choices: tuple[str, ...]) -> str:
    if value is None:
        return choices[0]
    (found, *_) = _several(value, name, choices) or [choices[0]]
    return found


def _several(value: str, name: str, choices: Any) -> list[str]:  # noqa: ANN401 - names
    found = [part for part in map(str.strip, value.split(",")) if part]
    if unknown := [part for part in found if part not in choices]:
        raise BadRequestError(f"{name} is {unknown[0][:80]!r}; it must be one of {', '.join(choices)}")
    return found


async def _document(request: Request, services: Services) -> bytes:
    """The document: the body itself, or what is inline or named in it.

    Raises:
        GatewayError: there is none, or it cannot be fetched.
    """
    body = await read_body(request)
    is_json = request.headers.get("content-type", "").partition(";")[0].strip().lower() in ("application/json", "")
    if not is_json or body[:64].lstrip(b" \t\r\n\xef\xbb\xbf")[:1] != b"{":
        if not body:
            raise BadRequestError("the body is empty; send a file, or JSON with base64Source or urlSource")
        keep_images(request, len(body))
        return body
    said = await asyncio.to_thread(parse_json, AnalyzeRequest, body)
    if (said.base64Source is None) == (said.urlSource is None):
        raise BadRequestError("the body must have either base64Source or urlSource")
    if said.base64Source is not None:
        document = await asyncio.to_thread(bytes_of_base64, said.base64Source, "base64Source")
        keep_images(request, len(document))
        return document
    settings = services.settings
    keep_images(request, settings.max_upload_bytes)  # what may come
    fetched = await services.allowed_hosts.fetch(
        str(said.urlSource), max_bytes=settings.max_upload_bytes, timeout_s=settings.upload_timeout_s
    )
    if not fetched.content:
        raise UnprocessableError("the document at urlSource is empty (0 bytes)")
    keep_images(request, len(fetched.content))
    return fetched.content


def _known(result_id: str) -> str:
    known = parse_id(result_id)
    if known is None:
        raise NotFoundError("there is no such analysis; Operation-Location of the answer to :analyze has its address")
    return known


def _form(model_id: str, record: JobRecord) -> ResultForm:
    said = record.order.interface
    if said.get("name") != _INTERFACE or said.get("model") != model_id:
        raise NotFoundError("there is no such analysis of this model")
    features = tuple(said["features"])
    return ResultForm(
        said["model"], said["index_type"], said["content_format"], said["is_pdf"], features, said["version"]
    )


def _operation(record: JobRecord) -> dict[str, Any]:
    """The operation without its result; failed, too, where a page was not read.

    Azure's clients take the text and look at nothing else: a page that lacks in it would be a loss that nobody sees.
    """
    status, error = _STATUSES[record.status], None
    if record.status == "failed":
        error = _error(record.code, record.detail)
    elif record.status == "done" and record.failed_page:
        others = "; the others can be asked for by pages=" if record.pages > record.pages_failed else ""
        status = "failed"
        error = _error(record.failed_code, f"page {record.failed_page} was not read: {record.failed_detail}{others}")
    said: dict[str, Any] = {
        "status": status,
        "createdDateTime": _time(record.created),
        "lastUpdatedDateTime": _time(record.ended or record.started or record.created),
    }
    return {**said, "error": error} if error else said


def _succeeded(said: dict[str, Any], form: ResultForm, path: Path) -> Iterator[str]:
    yield json.dumps(said)[:-1] + ', "analyzeResult": '
    yield from analyze_result(form, path)
    yield "}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

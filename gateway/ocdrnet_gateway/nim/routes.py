"""The NIM's paths."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from ocdrnet_gateway.body_limit import keep_pictures
from ocdrnet_gateway.json_body import JsonBodyError, read_json
from ocdrnet_gateway.json_schema import inline_schema
from ocdrnet_gateway.nim.about import router as about
from ocdrnet_gateway.nim.answers import detections, infer_answer
from ocdrnet_gateway.nim.bodies import InferAnswer, InferRequest, InvalidBody
from ocdrnet_gateway.nim.infer import InvalidBodyError, Pictures, invalid_fields, invalid_picture, requested_pictures
from ocdrnet_gateway.problems import UnprocessableError, documented, problem_response
from ocdrnet_gateway.reading import PictureFailedError, read_pictures
from ocdrnet_gateway.services import CallerDep, Services, ServicesDep

router = APIRouter(tags=["OCR NIM"])
router.include_router(about)

_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": inline_schema(InferRequest)}}}
}
_INVALID: dict[int | str, dict[str, Any]] = {422: {"model": InvalidBody, "description": "The body is wrong"}}
_RESPONSES = {**documented(401, 429, 502, 503, 504), **_INVALID}


@router.post("/v1/infer", response_model=InferAnswer, responses=_RESPONSES, openapi_extra=_BODY)
@router.post("/v1/ocr", response_model=InferAnswer, responses=_RESPONSES, openapi_extra=_BODY)
async def infer(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    """Read the text in pictures. Each has the deadline of a request of its own; what fails one is told by its index."""
    # Before the body is read: a full queue must answer at once, and cost nothing.
    services.admission.check()
    try:
        pictures = await _pictures(request, services)
        keep_pictures(request, sum(map(len, pictures.images)))
        reading = await read_pictures(services, caller, pictures.images, pictures.options)
    except InvalidBodyError as error:
        return JSONResponse(error.body.model_dump(), 422)
    except PictureFailedError as error:
        return _failure(error, len(pictures.images))
    answer = infer_answer(reading.pages, [len(image) for image in pictures.images])
    return Response(answer.model_dump_json(), media_type="application/json")


async def _pictures(request: Request, services: Services) -> Pictures:
    try:
        body = await read_json(request, InferRequest)
    except JsonBodyError as error:
        raise invalid_fields(error.errors) from None
    return await asyncio.to_thread(requested_pictures, body, services.settings.max_images)


def _failure(error: PictureFailedError, count: int) -> Response:
    if isinstance(error.cause, UnprocessableError):
        return JSONResponse(invalid_picture(error.index, str(error.cause.detail)).body.model_dump(), 422)
    cause = error.cause
    if count == 1:
        return problem_response(cause.status_code, str(cause.detail), cause.headers)
    # RFC 9457 lets a problem carry more: what was read before is not lost.
    more = {"failedIndex": error.index, "data": [item.model_dump() for item in detections(error.pages)]}
    said = f"input[{error.index}], of {count} pictures: {cause.detail}"
    if error.pages:
        said += f"; `data` has the {len(error.pages)} before it, which were read"
    return problem_response(cause.status_code, said, cause.headers, more)

"""The NIM's paths."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from ocdrnet_gateway.json_schema import inline_schema
from ocdrnet_gateway.nim.about import router as about
from ocdrnet_gateway.nim.answers import infer_answer
from ocdrnet_gateway.nim.bodies import FieldError, InferAnswer, InferRequest, InvalidBody
from ocdrnet_gateway.nim.infer import InvalidBodyError, parse_pictures
from ocdrnet_gateway.problems import UnprocessableError, documented
from ocdrnet_gateway.reading import read_pictures
from ocdrnet_gateway.services import CallerDep, ServicesDep

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
    """Read the text in pictures."""
    # Before the body is read: a full queue must answer at once, and cost nothing.
    services.admission.check()
    body = await request.body()
    try:
        # In a thread: base64 and JSON of many megabytes would hold up every other request.
        pictures = await asyncio.to_thread(parse_pictures, body, services.settings.max_images)
        reading = await read_pictures(services, caller, pictures.images, pictures.options)
    except InvalidBodyError as error:
        return JSONResponse(error.body.model_dump(), 422)
    except UnprocessableError as error:
        detail = FieldError(type="image", loc=["body", "input"], msg=str(error.detail))
        return JSONResponse(InvalidBody(detail=[detail]).model_dump(), 422)
    answer = infer_answer(reading.pages, [len(image) for image in pictures.images])
    return Response(answer.model_dump_json(), media_type="application/json")

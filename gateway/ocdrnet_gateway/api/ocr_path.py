"""`POST /v1/ocr`, the OCR NIM's and Mistral's: `input` in the body is the one's, `document` the other's."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Discriminator, RootModel, Tag

from ocdrnet_gateway.api.mistral.ocr import answer_ocr
from ocdrnet_gateway.api.mistral.schemas import MistralError, OcrAnswer, OcrRequest, mistral_error
from ocdrnet_gateway.api.nim.routes import answer_infer, inline_schema, invalid_fields
from ocdrnet_gateway.api.nim.schemas import InferAnswer, InferRequest, InvalidBody
from ocdrnet_gateway.core.json_body import JsonBodyError, read_json
from ocdrnet_gateway.core.services import PrincipalDep, ServicesDep
from ocdrnet_gateway.http_errors import documented, use_error_form

_TAGS = ("nim", "mistral")


def _interface(body: object) -> str:
    is_document = isinstance(body, Mapping) and "document" in body and "input" not in body
    return "mistral" if is_document else "nim"


class OcrBody(RootModel[Any]):
    """Either request."""

    root: Annotated[
        Annotated[InferRequest, Tag("nim")] | Annotated[OcrRequest, Tag("mistral")], Discriminator(_interface)
    ]


router = APIRouter(tags=["OCR NIM", "Mistral OCR"])
_SCHEMA = {"oneOf": [inline_schema(InferRequest), inline_schema(OcrRequest)]}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    # Before the body is read nobody knows whose it is: such an error is a problem, which has a `detail`, too.
    **{
        status: {**said, "model": MistralError}
        for status, said in documented(400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504, 507).items()
    },
    422: {"model": InvalidBody, "description": "The body is wrong"},
}


@router.post("/v1/ocr", response_model=InferAnswer | OcrAnswer, responses=_RESPONSES, openapi_extra=_BODY)
async def ocr(request: Request, services: ServicesDep, caller: PrincipalDep) -> Response:
    """Read images (`input`, as for `/v1/infer`), or a document (`document`)."""
    # Before the body is read: a full queue must answer at once, and cost nothing.
    services.admission.check()
    try:
        body = await read_json(request, _body(services.settings.served))
    except JsonBodyError as error:
        errors = [{**item, "loc": [part for part in item["loc"] if part not in _TAGS]} for item in error.errors]
        return JSONResponse(invalid_fields(errors).body.model_dump(), 422)
    wanted = body.root if isinstance(body, OcrBody) else body
    if isinstance(wanted, OcrRequest):
        use_error_form(request, mistral_error)
        return await answer_ocr(request, services, caller, wanted)
    return await answer_infer(request, services, caller, wanted)


def _body(served: Container[str]) -> type[OcrBody | InferRequest | OcrRequest]:
    if "mistral" not in served:
        return InferRequest
    return OcrBody if "nim" in served else OcrRequest

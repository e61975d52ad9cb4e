"""The OCR NIM's routes that read images."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from ocdrnet_client import Line, Page
from ocdrnet_gateway.api.nim.schemas import (
    MODEL,
    BoundingBox,
    FieldError,
    ImageDetections,
    InferAnswer,
    InferRequest,
    InvalidBody,
    MergeLevel,
    Point,
    TextDetection,
    TextPrediction,
    Usage,
)
from ocdrnet_gateway.core.body_limit import keep_images
from ocdrnet_gateway.core.json_body import JsonBodyError, image_of, read_json
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.reading import PictureFailedError, read_pictures
from ocdrnet_gateway.core.services import PrincipalDep, Services, ServicesDep
from ocdrnet_gateway.http_errors import UnprocessableError, documented, problem_response

# The NIM says sentence for what the server calls a line.
MERGE: dict[MergeLevel, str] = {"word": "word", "sentence": "line", "paragraph": "paragraph"}
_MEBIBYTE = 1024 * 1024


def infer_answer(pages: Sequence[Page], sizes: Sequence[int]) -> InferAnswer:
    """The answer for pages, read from images of so many bytes."""
    return InferAnswer(data=detections(pages), model=MODEL, usage=Usage(images_size_mb=sum(sizes) / _MEBIBYTE))


def detections(pages: Sequence[Page]) -> list[ImageDetections]:
    """What was read in a request's first images."""
    return [
        ImageDetections(index=index, text_detections=[_detection(line, page) for line in page.lines])
        for index, page in enumerate(pages)
    ]


def _detection(line: Line, page: Page) -> TextDetection:
    points = [Point(x=_share(x, page.width), y=_share(y, page.height)) for x, y in line.box]
    prediction = TextPrediction(text=line.text, confidence=_bounded(line.score))
    return TextDetection(text_prediction=prediction, bounding_box=BoundingBox(points=points))


def _share(position: float, side: int) -> float:
    # A box of rotated text may reach a little over the image's edge.
    return _bounded(position / side)


def _bounded(value: float) -> float:
    return min(max(value, 0.0), 1.0)


class InvalidBodyError(Exception):
    """A body that the NIM answers with 422 and its own form of an error."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.body = InvalidBody(detail=errors)


@dataclass(frozen=True)
class Pictures:
    """What a request asks for.

    Attributes:
        images: encoded images.
        options: for the server, one set for each image.
    """

    images: list[bytes]
    options: list[dict[str, Any]]


def requested_images(request: InferRequest, max_images: int) -> Pictures:
    """Take the images out of a body.

    Raises:
        InvalidBodyError: there are too many images, or one is no data URL.
    """
    if len(request.input) > max_images:
        detail = FieldError(
            type="too_many_images",
            loc=["body", "input"],
            msg=f"there are {len(request.input)} images; the limit is {max_images}",
        )
        raise InvalidBodyError([detail])
    images = [_image(index, item.url) for index, item in enumerate(request.input)]
    return Pictures(images, [{"merge": MERGE[level]} for level in request.levels])


def invalid_image(index: int, message: str) -> InvalidBodyError:
    """What is answered for an image that cannot be read; the index tells which of the request's it is."""
    return InvalidBodyError([FieldError(type="image", loc=["body", "input", index, "url"], msg=message)])


def invalid_fields(errors: Sequence[Mapping[str, Any]]) -> InvalidBodyError:
    """What is answered for a body that is no JSON, or has wrong fields."""
    return InvalidBodyError(
        [FieldError(type=item["type"], loc=["body", *item["loc"]], msg=item["msg"]) for item in errors]
    )


def _image(index: int, url: str) -> bytes:
    try:
        return image_of(url)
    except UnprocessableError as error:
        raise invalid_image(index, str(error.detail)) from None


def inline_schema(model: type[BaseModel]) -> dict[str, Any]:
    """A model's JSON schema in one piece: a `$ref` into its own `$defs` leads nowhere inside an OpenAPI document.

    Args:
        model: that does not contain itself.
    """
    schema = model.model_json_schema()
    inlined: dict[str, Any] = _inlined(schema, schema.pop("$defs", {}))
    return inlined


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(part, dict):
        if "$ref" in part:
            return _inlined(definitions[part["$ref"].rpartition("/")[2]], definitions)
        return {name: _inlined(value, definitions) for name, value in part.items()}
    return [_inlined(item, definitions) for item in part] if isinstance(part, list) else part


router = APIRouter(tags=["OCR NIM"])

_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": inline_schema(InferRequest)}}}
}
_INVALID: dict[int | str, dict[str, Any]] = {422: {"model": InvalidBody, "description": "The body is wrong"}}
_RESPONSES = {**documented(401, 429, 502, 503, 504), **_INVALID}


@router.post("/v1/infer", response_model=InferAnswer, responses=_RESPONSES, openapi_extra=_BODY)
async def infer(request: Request, services: ServicesDep, caller: PrincipalDep) -> Response:
    """Read the text in images. Each has the deadline of a request of its own; what fails one is told by its index."""
    # Before the body is read: a full queue must answer at once, and cost nothing.
    services.admission.check()
    try:
        body = await read_json(request, InferRequest)
    except JsonBodyError as error:
        return _invalid(invalid_fields(error.errors))
    return await answer_infer(request, services, caller, body)


async def answer_infer(request: Request, services: Services, caller: Principal, body: InferRequest) -> Response:
    """The answer to a body, of whichever path; its images are taken out of it, so that none is held twice."""
    try:
        pictures = await asyncio.to_thread(requested_images, body, services.settings.max_images)
        body.input.clear()
        keep_images(request, sum(map(len, pictures.images)))
        reading = await read_pictures(services, caller, pictures.images, pictures.options)
    except InvalidBodyError as error:
        return _invalid(error)
    except PictureFailedError as error:
        return _failure(error, len(pictures.images))
    answer = infer_answer(reading.pages, [len(image) for image in pictures.images])
    return Response(answer.model_dump_json(), media_type="application/json")


def _invalid(error: InvalidBodyError) -> Response:
    return JSONResponse(error.body.model_dump(), 422)


def _failure(error: PictureFailedError, count: int) -> Response:
    if isinstance(error.cause, UnprocessableError):
        return _invalid(invalid_image(error.index, str(error.cause.detail)))
    cause = error.cause
    if count == 1:
        return problem_response(cause.status_code, str(cause.detail), cause.headers)
    # RFC 9457 lets a problem carry more: what was read before is not lost.
    more = {"failedIndex": error.index, "data": [item.model_dump() for item in detections(error.pages)]}
    said = f"input[{error.index}], of {count} images: {cause.detail}"
    if error.pages:
        said += f"; `data` has the {len(error.pages)} before it, which were read"
    return problem_response(cause.status_code, said, cause.headers, more)

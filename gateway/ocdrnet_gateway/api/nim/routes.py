"""The OCR NIM's routes: reading, health, metadata, models, manifest, licence, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
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
from ocdrnet_gateway.core.metrics import CONTENT_TYPE
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

_LICENSE = "Apache-2.0"
_LICENSE_URL = "https://www.apache.org/licenses/LICENSE-2.0"
_NETWORKS = "The networks that Triton serves have licences of their own; NVIDIA's fall under NVIDIA's."


class Health(BaseModel):
    """Alive, or ready."""

    object: Literal["health.response"] = "health.response"
    message: str
    status: Literal["live", "ready", "unavailable"]
    ready: bool | None = None
    live: bool | None = None


class Model(BaseModel):
    """One served model."""

    id: str
    object: Literal["model"] = "model"
    owned_by: str = "self-hosted"


class Models(BaseModel):
    """All served models."""

    object: Literal["list"] = "list"
    data: list[Model]


class ModelInfo(BaseModel):
    """A model's short name."""

    shortName: str
    modelUrl: str


class LicenseInfo(BaseModel):
    """Under which terms the gateway is."""

    name: str
    path: str
    url: str
    type: str
    content: str


class Metadata(BaseModel):
    """What runs here."""

    version: str
    assetInfo: list[str]
    modelInfo: list[ModelInfo]
    licenseInfo: LicenseInfo
    repository_override: str = ""


class Manifest(BaseModel):
    """Which profiles there are; here it is the repository that Triton serves, and no other."""

    manifest_file: str
    repository: str


@router.get("/v1/health/live", response_model_exclude_none=True)
async def live() -> Health:
    """The gateway itself answers."""
    return Health(message="Service is live.", status="live", live=True)


@router.get(
    "/v1/health/ready",
    response_model=Health,
    response_model_exclude_none=True,
    responses={503: {"model": Health, "description": "Triton is away, still loading, or reads nothing"}},
)
async def ready(services: ServicesDep) -> Response:
    """An image was read just now, or would be: a small one is, where there was none lately."""
    if await services.readiness.is_ready():
        return _health(Health(message="Service is ready.", status="ready", ready=True), 200)
    return _health(
        Health(message="Triton is away, still loading, or reads nothing.", status="unavailable", ready=False), 503
    )


@router.get("/v1/models")
async def models() -> Models:
    """The one model."""
    return Models(data=[Model(id=MODEL)])


@router.get("/v1/metadata")
async def metadata() -> Metadata:
    """Version, model and licence."""
    return Metadata(
        version=version("ocdrnet"),
        assetInfo=[],
        modelInfo=[ModelInfo(shortName=MODEL, modelUrl=f"triton:{MODEL}")],
        licenseInfo=_license(),
    )


@router.get("/v1/manifest")
async def manifest() -> Manifest:
    """There is one profile: the repository that Triton was started with."""
    return Manifest(manifest_file="", repository=MODEL)


@router.get("/v1/license")
async def license_info() -> LicenseInfo:
    """The gateway's licence."""
    return _license()


_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text format"}
}


@router.get("/v1/metrics", response_class=PlainTextResponse, responses=_METRICS)
async def metrics(services: ServicesDep) -> Response:
    """Counters for Prometheus."""
    return Response(services.metrics.text(), media_type=CONTENT_TYPE)


def _health(health: Health, status: int) -> Response:
    return JSONResponse(health.model_dump(exclude_none=True), status)


def _license() -> LicenseInfo:
    return LicenseInfo(name=_LICENSE, path="LICENSE", url=_LICENSE_URL, type=_LICENSE, content=_NETWORKS)


_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": inline_schema(InferRequest)}}}
}
_INVALID: dict[int | str, dict[str, Any]] = {422: {"model": InvalidBody, "description": "The body is wrong"}}
_RESPONSES = {**documented(401, 429, 502, 503, 504), **_INVALID}


@router.post("/v1/infer", response_model=InferAnswer, responses=_RESPONSES, openapi_extra=_BODY)
@router.post("/v1/ocr", response_model=InferAnswer, responses=_RESPONSES, openapi_extra=_BODY)
async def infer(request: Request, services: ServicesDep, caller: PrincipalDep) -> Response:
    """Read the text in images. Each has the deadline of a request of its own; what fails one is told by its index."""
    # Before the body is read: a full queue must answer at once, and cost nothing.
    services.admission.check()
    try:
        pictures = await _images(request, services)
        keep_images(request, sum(map(len, pictures.images)))
        reading = await read_pictures(services, caller, pictures.images, pictures.options)
    except InvalidBodyError as error:
        return JSONResponse(error.body.model_dump(), 422)
    except PictureFailedError as error:
        return _failure(error, len(pictures.images))
    answer = infer_answer(reading.pages, [len(image) for image in pictures.images])
    return Response(answer.model_dump_json(), media_type="application/json")


async def _images(request: Request, services: Services) -> Pictures:
    try:
        body = await read_json(request, InferRequest)
    except JsonBodyError as error:
        raise invalid_fields(error.errors) from None
    return await asyncio.to_thread(requested_images, body, services.settings.max_images)


def _failure(error: PictureFailedError, count: int) -> Response:
    if isinstance(error.cause, UnprocessableError):
        return JSONResponse(invalid_image(error.index, str(error.cause.detail)).body.model_dump(), 422)
    cause = error.cause
    if count == 1:
        return problem_response(cause.status_code, str(cause.detail), cause.headers)
    # RFC 9457 lets a problem carry more: what was read before is not lost.
    more = {"failedIndex": error.index, "data": [item.model_dump() for item in detections(error.pages)]}
    said = f"input[{error.index}], of {count} images: {cause.detail}"
    if error.pages:
        said += f"; `data` has the {len(error.pages)} before it, which were read"
    return problem_response(cause.status_code, said, cause.headers, more)

"""Requests, answers and errors of Google Vision's `images:annotate`, as far as they are about text.

Clients of Google's write names of fields in camelCase or as protobuf has them, and enums by name or number (the JSON
mapping of protobuf 3); all of these are taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ocdrnet_gateway.settings import MAX_IMAGES

# google/cloud/vision/v1/image_annotator.proto, Feature.Type
_FEATURES = {
    0: "TYPE_UNSPECIFIED",
    1: "FACE_DETECTION",
    2: "LANDMARK_DETECTION",
    3: "LOGO_DETECTION",
    4: "LABEL_DETECTION",
    5: "TEXT_DETECTION",
    6: "SAFE_SEARCH_DETECTION",
    7: "IMAGE_PROPERTIES",
    9: "CROP_HINTS",
    10: "WEB_DETECTION",
    11: "DOCUMENT_TEXT_DETECTION",
    12: "PRODUCT_SEARCH",
    19: "OBJECT_LOCALIZATION",
}
DOCUMENT_TEXT = "DOCUMENT_TEXT_DETECTION"
TEXT_FEATURES = ("TEXT_DETECTION", DOCUMENT_TEXT)
# google/rpc/code.proto, by the status of HTTP that leads there.
CODES: Mapping[int, tuple[int, str]] = {
    400: (3, "INVALID_ARGUMENT"),
    401: (16, "UNAUTHENTICATED"),
    403: (7, "PERMISSION_DENIED"),
    404: (5, "NOT_FOUND"),
    429: (8, "RESOURCE_EXHAUSTED"),
    500: (13, "INTERNAL"),
    503: (14, "UNAVAILABLE"),
    504: (4, "DEADLINE_EXCEEDED"),
}


class _Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class ImageSource(_Message):
    """An image that lies elsewhere."""

    image_uri: str | None = None
    gcs_image_uri: str | None = None


class Image(_Message):
    """An image: its bytes, or where it lies."""

    content: str | None = Field(default=None, description="base64")
    source: ImageSource | None = None


def _feature_name(value: object) -> object:
    return _FEATURES.get(value, str(value)) if isinstance(value, int) else value


class Feature(_Message):
    """What is wanted of it."""

    type: Annotated[str, BeforeValidator(_feature_name), Field(max_length=80)] = _FEATURES[0]
    max_results: int | None = Field(default=None, description="ignored: all text is answered")
    model: str | None = Field(default=None, description="ignored")


class AnnotateImageRequest(_Message):
    """One image."""

    image: Image = Image()
    features: list[Feature] = Field(default=[], max_length=32)
    image_context: Any = Field(default=None, description="ignored: the recognizer reads all languages it knows")


class BatchRequest(_Message):
    """Images to read."""

    requests: Annotated[list[AnnotateImageRequest], Field(min_length=1, max_length=MAX_IMAGES)]


class Vertex(_Message):
    """A corner in pixels."""

    x: int
    y: int


class BoundingPoly(_Message):
    """Four corners, clockwise from the text's top-left."""

    vertices: list[Vertex]


class DetectedBreak(_Message):
    """What follows a symbol."""

    type: Literal["SPACE", "EOL_SURE_SPACE", "LINE_BREAK"]


class TextProperty(_Message):
    """Of a symbol."""

    detected_break: DetectedBreak


class Symbol(_Message):
    """A character; its box and its confidence with DOCUMENT_TEXT_DETECTION."""

    text: str
    property: TextProperty | None = None
    bounding_box: BoundingPoly | None = None
    confidence: float | None = None


class WordBox(_Message):
    """A word."""

    bounding_box: BoundingPoly
    symbols: list[Symbol]
    confidence: float


class Paragraph(_Message):
    """A paragraph."""

    bounding_box: BoundingPoly
    words: list[WordBox]
    confidence: float


class Block(_Message):
    """Here always one paragraph."""

    bounding_box: BoundingPoly
    paragraphs: list[Paragraph]
    block_type: Literal["TEXT"] = "TEXT"
    confidence: float


class PageBox(_Message):
    """The image."""

    width: int
    height: int
    blocks: list[Block]
    confidence: float


class TextAnnotation(_Message):
    """All text with its structure."""

    pages: list[PageBox]
    text: str


class EntityAnnotation(_Message):
    """All text, or one word of it."""

    description: str
    bounding_poly: BoundingPoly


class RpcStatus(_Message):
    """What is wrong with one image."""

    code: int = Field(description="of google.rpc.Code")
    message: str


class AnnotateImageAnswer(_Message):
    """What one image says, or its error; an image without text has neither."""

    text_annotations: list[EntityAnnotation] | None = None
    full_text_annotation: TextAnnotation | None = None
    error: RpcStatus | None = None


class BatchAnswer(_Message):
    """One for each image, in order."""

    responses: list[AnnotateImageAnswer]


class ErrorBody(_Message):
    """What was wrong."""

    code: int = Field(description="the HTTP status")
    message: str
    status: str = Field(description="name in google.rpc.Code")


class GoogleError(_Message):
    """An error of Google's APIs."""

    error: ErrorBody


def google_error(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as Google's clients expect it, which know neither 408, 413 and 422 nor 502."""
    known = google_status(status)
    body = ErrorBody(code=known, message=detail or HTTPStatus(status).phrase, status=CODES[known][1])
    return JSONResponse(GoogleError(error=body).model_dump(by_alias=True), known, dict(headers or {}))


def google_status(status: int) -> int:
    """The status of HTTP that Google's APIs have for it."""
    return status if status in CODES else 500 if status >= 500 else 400

"""Amazon Textract's DetectDocumentText at `/textract`: AWS's JSON protocol 1.1, its errors, and its access keys."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.datastructures import Headers

from ocdrnet_client import Page
from ocdrnet_client.documents.document import Document, is_pdf
from ocdrnet_client.results import Point as Corner
from ocdrnet_gateway.api.nim.routes import inline_schema
from ocdrnet_gateway.core.documents import DocumentChoice
from ocdrnet_gateway.core.file_reading import read_file
from ocdrnet_gateway.core.json_body import bytes_of_base64, read_json
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.services import ServicesDep, caller_by_key
from ocdrnet_gateway.http_errors import (
    UnprocessableError,
    answers_errors_by,
    current_request_id,
    documented_as,
)

_JSON = "application/x-amz-json-1.1"
_OPERATION = "Textract.DetectDocumentText"
_WORD_BYTES = 6_000  # of a word: itself, its block, and the block's JSON
_SIGNATURE = re.compile(r"AWS4-HMAC-SHA256\s+Credential=([^/,\s]{1,200})/")
# What AWS calls each; those with a status of 500 or more keep it, the others are 400.
_CODES = {
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "UnknownOperationException",
    413: "DocumentTooLargeException",
    429: "ProvisionedThroughputExceededException",
    503: "ServiceUnavailableException",
}


class AwsError(BaseModel):
    """An error of AWS's JSON protocol."""

    type: str = Field(alias="__type")
    Message: str


def aws_error(status: int, detail: str, headers: Mapping[str, str] | None = None, code: str | None = None) -> Response:
    """An error as botocore expects it."""
    default = "InternalServerError" if status >= 500 else "InvalidParameterException"
    error = AwsError(__type=code or _CODES.get(status, default), Message=detail)
    named = {**(headers or {}), "x-amzn-requestid": current_request_id(), "x-amzn-errortype": error.type}
    return Response(error.model_dump_json(by_alias=True), status if status >= 500 else 400, named, _JSON)


def _access_key(headers: Headers) -> str:
    """The gateway's key, sent as the access key's id.

    The signature is not checked: that takes the secret in clear text, and the gateway keeps hashes alone. So the id is
    what a bearer token is.
    """
    found = _SIGNATURE.match(headers.get("authorization", ""))
    return found[1] if found else ""


Caller = Annotated[Principal, Depends(caller_by_key(_access_key, "aws_access_key_id=KEY, of an AWS signature 4"))]


class BucketObject(BaseModel):
    """Refused."""

    Bucket: str | None = None
    Name: str | None = None
    Version: str | None = None


class AwsDocument(BaseModel):
    """A file."""

    Bytes: str | None = Field(default=None, description="base64 of an image or a PDF")
    S3Object: BucketObject | None = Field(default=None, description="refused: nothing is fetched from a bucket")


class DetectDocumentText(BaseModel):
    """What to read."""

    Document: AwsDocument


class UprightBox(BaseModel):
    """Upright, in shares of the page's sides."""

    Width: float
    Height: float
    Left: float
    Top: float


class Point(BaseModel):
    """In shares of the page's sides."""

    X: float
    Y: float


class BlockGeometry(BaseModel):
    """Where a block is."""

    BoundingBox: UprightBox
    Polygon: list[Point]


class Relationship(BaseModel):
    """The blocks in a block."""

    Type: Literal["CHILD"] = "CHILD"
    Ids: list[str]


class Block(BaseModel):
    """A page, a line or a word."""

    BlockType: Literal["PAGE", "LINE", "WORD"]
    Id: str
    Page: int
    Geometry: BlockGeometry
    Confidence: float | None = Field(default=None, description="0 to 100; a page has none")
    Text: str | None = None
    Relationships: list[Relationship] | None = None


class Metadata(BaseModel):
    """Of the file."""

    Pages: int


class DetectedText(BaseModel):
    """All blocks: a page, its lines, their words."""

    DocumentMetadata: Metadata
    Blocks: list[Block]
    DetectDocumentTextModelVersion: str


router = APIRouter(tags=["Amazon Textract"], route_class=answers_errors_by(aws_error))
_EXTRA: dict[str, Any] = {
    "parameters": [
        {
            "name": "X-Amz-Target",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "enum": [_OPERATION]},
        }
    ],
    "requestBody": {"required": True, "content": {_JSON: {"schema": inline_schema(DetectDocumentText)}}},
}
_ERRORS = {
    status: {"description": str(said["description"]), "content": {_JSON: {"schema": AwsError.model_json_schema()}}}
    for status, said in documented_as(AwsError, 502, 503, 504).items()
    if status == 400 or int(status) >= 500
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "What was read", "content": {_JSON: {"schema": inline_schema(DetectedText)}}}
}


@router.post("/textract", responses={**_ANSWER, **_ERRORS}, openapi_extra=_EXTRA, response_class=Response)
async def textract(request: Request, services: ServicesDep, caller: Caller) -> Response:
    """Read the text in an image, or in all pages of a PDF or a TIFF."""
    operation = request.headers.get("x-amz-target", "")
    if operation != _OPERATION:
        said = f"the operation {operation[:80]!r} is not served; there is {_OPERATION}"
        return aws_error(400, said, code="UnknownOperationException")
    services.admission.check()
    document = (await read_json(request, DetectDocumentText)).Document
    if document.S3Object is not None:
        said = "nothing is fetched from a bucket; send the document's Bytes"
        return aws_error(400, said, code="InvalidS3ObjectException")
    if not document.Bytes:
        raise UnprocessableError("Document.Bytes is missing or empty")
    data = await asyncio.to_thread(bytes_of_base64, document.Bytes, "Document.Bytes")
    document.Bytes = None  # not held while the pages are read
    try:
        found = await read_file(request, services, caller, data, DocumentChoice(), {}, word_bytes=_WORD_BYTES)
    except UnprocessableError as error:
        code = "BadDocumentException" if is_pdf(data) else "UnsupportedDocumentException"
        return aws_error(400, str(error.detail), code=code)
    answer = await asyncio.to_thread(detected_text, found)
    headers = {"x-amzn-requestid": current_request_id()}
    return Response(answer.model_dump_json(exclude_none=True), 200, headers, _JSON)


def detected_text(document: Document) -> DetectedText:
    """The answer for a document, all of whose pages were read."""
    blocks = [block for each in document.pages if each.page for block in _page_blocks(each.number, each.page)]
    return DetectedText(
        DocumentMetadata=Metadata(Pages=len(document.pages)),
        Blocks=blocks,
        DetectDocumentTextModelVersion=version("ocdrnet"),
    )


def _page_blocks(number: int, page: Page) -> Iterable[Block]:
    """The page's own block, then each line's, then each word's, as the service has them."""
    width, height = page.width, page.height
    lines, words = [], []
    for line in page.lines:
        own = [
            Block(
                BlockType="WORD",
                Id=str(uuid.uuid4()),
                Page=number,
                Geometry=_geometry(word.box, width, height),
                Confidence=_percent(word.score),
                Text=word.text,
            )
            for word in line.words
        ]
        words += own
        lines.append(
            Block(
                BlockType="LINE",
                Id=str(uuid.uuid4()),
                Page=number,
                Geometry=_geometry(line.box, width, height),
                Confidence=_percent(line.score),
                Text=line.text,
                Relationships=_children(own),
            )
        )
    whole = ((0, 0), (width, 0), (width, height), (0, height))
    geometry = _geometry(whole, width, height)
    yield Block(BlockType="PAGE", Id=str(uuid.uuid4()), Page=number, Geometry=geometry, Relationships=_children(lines))
    yield from lines
    yield from words


def _children(blocks: Sequence[Block]) -> list[Relationship] | None:
    return [Relationship(Ids=[block.Id for block in blocks])] if blocks else None


def _percent(score: float) -> float:
    return 100 * min(max(score, 0.0), 1.0)


def _geometry(points: Sequence[Corner], width: int, height: int) -> BlockGeometry:
    shares = [(min(max(x / width, 0.0), 1.0), min(max(y / height, 0.0), 1.0)) for x, y in points]
    left, top = (min(point[axis] for point in shares) for axis in (0, 1))
    right, bottom = (max(point[axis] for point in shares) for axis in (0, 1))
    return BlockGeometry(
        BoundingBox=UprightBox(Width=right - left, Height=bottom - top, Left=left, Top=top),
        Polygon=[Point(X=x, Y=y) for x, y in shares],
    )

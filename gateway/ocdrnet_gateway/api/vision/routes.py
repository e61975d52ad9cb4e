"""Google Vision's `images:annotate` for TEXT_DETECTION and DOCUMENT_TEXT_DETECTION.

They are one here, but that the second has a box and a confidence of each symbol.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.datastructures import Headers

from ocdrnet_client import Line, Page, Word
from ocdrnet_client.results import Point
from ocdrnet_gateway.api.nim.routes import inline_schema
from ocdrnet_gateway.api.vision.schemas import (
    CODES,
    DOCUMENT_TEXT,
    TEXT_FEATURES,
    AnnotateImageAnswer,
    AnnotateImageRequest,
    BatchAnswer,
    BatchRequest,
    Block,
    BoundingPoly,
    DetectedBreak,
    EntityAnnotation,
    GoogleError,
    PageBox,
    Paragraph,
    RpcStatus,
    Symbol,
    TextAnnotation,
    TextProperty,
    Vertex,
    WordBox,
    google_error,
    google_status,
)
from ocdrnet_gateway.core.allowed_hosts import NotAllowedError
from ocdrnet_gateway.core.body_limit import hold_of
from ocdrnet_gateway.core.file_reading import hold_characters
from ocdrnet_gateway.core.json_body import bytes_of_base64, read_json
from ocdrnet_gateway.core.keys import Principal, bearer_key
from ocdrnet_gateway.core.reading import check_image, read_image
from ocdrnet_gateway.core.services import Services, ServicesDep, caller_by_key
from ocdrnet_gateway.http_errors import (
    BadRequestError,
    GatewayError,
    TooLargeError,
    UnprocessableError,
    answers_errors_by,
    documented_as,
)
from ocdrnet_ops.options import CHARACTERS

_UNIMPLEMENTED = 12
_SYMBOL_BYTES = 4_200  # of a symbol with its box: as read, as answered, and its JSON
_BREAKS = {"SPACE": " ", "EOL_SURE_SPACE": "\n", "LINE_BREAK": "\n"}


def _key(headers: Headers) -> str:
    return headers.get("x-goog-api-key") or bearer_key(headers.get("authorization"))


Caller = Annotated[
    Principal, Depends(caller_by_key(_key, "x-goog-api-key: KEY, or Authorization: Bearer KEY, and not in the URL"))
]

router = APIRouter(tags=["Google Vision"], route_class=answers_errors_by(google_error))
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": inline_schema(BatchRequest)}}}
}
_ERRORS = {
    status: said
    for status, said in documented_as(GoogleError, 401, 429, 503, 504).items()
    if status not in (408, 413, 422)
}


@router.post("/v1/images:annotate", response_model=BatchAnswer, responses=_ERRORS, openapi_extra=_BODY)
async def annotate(request: Request, services: ServicesDep, caller: Caller) -> Response:
    """Read images, one after the other; what is wrong with one is its own error, and the others are answered."""
    services.admission.check()
    wanted = (await read_json(request, BatchRequest)).requests
    limit = services.settings.max_images
    if len(wanted) > limit:
        raise BadRequestError(f"there are {len(wanted)} images; the limit is {limit}")
    answers: list[AnnotateImageAnswer] = []
    hold = hold_of(request)
    for one in wanted:
        held = hold.size if hold else 0
        try:
            answer, symbols = await _answer(request, services, caller, one)
            answers.append(answer)
            held += symbols * _SYMBOL_BYTES
        except (UnprocessableError, TooLargeError) as error:
            answers.append(_failed(error))
        except GatewayError as error:
            # Where nothing was read before, the status of HTTP says it best: clients try again by it.
            if not any(answer.error is None for answer in answers):
                raise
            answers.append(_failed(error))
        finally:
            if hold:
                hold.resize(held)  # what was fetched for it is there no more
    body = BatchAnswer(responses=answers).model_dump_json(by_alias=True, exclude_none=True)
    return Response(body, media_type="application/json")


async def _answer(
    request: Request, services: Services, caller: Principal, wanted: AnnotateImageRequest
) -> tuple[AnnotateImageAnswer, int]:
    """What an image says, and how many symbols with boxes it holds."""
    others = [feature.type for feature in wanted.features if feature.type not in TEXT_FEATURES]
    if others or not wanted.features:
        said = f"the feature {others[0]!r} is not served" if others else "features is empty"
        message = f"{said}; there are {' and '.join(TEXT_FEATURES)}"
        return AnnotateImageAnswer(error=RpcStatus(code=_UNIMPLEMENTED if others else 3, message=message)), 0
    image = await _image(request, services, wanted)
    await asyncio.to_thread(check_image, image, services.settings.max_pixels)
    is_document = any(feature.type == DOCUMENT_TEXT for feature in wanted.features)
    page = (await read_image(services, caller, image, {CHARACTERS.name: "on"} if is_document else {})).page
    symbols = hold_characters(request, page, _SYMBOL_BYTES)
    return await asyncio.to_thread(annotated, page), symbols


async def _image(request: Request, services: Services, wanted: AnnotateImageRequest) -> bytes:
    if wanted.image.content:
        return await asyncio.to_thread(bytes_of_base64, wanted.image.content, "image.content")
    source = wanted.image.source
    url = (source.image_uri or source.gcs_image_uri) if source else None
    if not url:
        raise UnprocessableError("the image has neither content nor source.imageUri")
    services.allowed_hosts.check(url)
    max_bytes = services.settings.max_upload_bytes
    if hold := hold_of(request):
        hold.resize(hold.size + max_bytes)  # what comes is not known before it is there
    fetched = await services.allowed_hosts.fetch(url, max_bytes=max_bytes, timeout_s=services.settings.upload_timeout_s)
    if hold:
        hold.resize(hold.size - max_bytes + len(fetched.content))
    return fetched.content


def _failed(error: GatewayError) -> AnnotateImageAnswer:
    status = 403 if isinstance(error, NotAllowedError) else google_status(error.status_code)
    return AnnotateImageAnswer(error=RpcStatus(code=CODES[status][0], message=str(error.detail)))


def annotated(page: Page) -> AnnotateImageAnswer:
    """What an image says, as both features have it; nothing at all where there is no text."""
    if not page.lines:
        return AnnotateImageAnswer()
    blocks = [_block(lines) for lines in page.paragraphs]
    boxes = [word for block in blocks for paragraph in block.paragraphs for word in paragraph.words]
    text = "".join(_text(box) for box in boxes)
    words = [EntityAnnotation(description=_letters(box), bounding_poly=box.bounding_box) for box in boxes]
    whole = EntityAnnotation(description=text, bounding_poly=_around(_corners(page.lines)))
    confidence = statistics.fmean(box.confidence for box in boxes)
    full = TextAnnotation(
        pages=[PageBox(width=page.width, height=page.height, blocks=blocks, confidence=confidence)], text=text
    )
    return AnnotateImageAnswer(text_annotations=[whole, *words], full_text_annotation=full)


def _block(lines: Sequence[Line]) -> Block:
    words = [box for line in lines for box in _words(line, line is lines[-1])]
    around, confidence = _around(_corners(lines)), statistics.fmean(word.confidence for word in words)
    paragraph = Paragraph(bounding_box=around, words=words, confidence=confidence)
    return Block(bounding_box=around, paragraphs=[paragraph], confidence=confidence)


def _words(line: Line, is_last: bool) -> Iterator[WordBox]:
    """The line's words; a line that has none is one itself."""
    words = line.words or (Word(line.text, line.score, line.box),)
    cursor = 0
    for index, word in enumerate(words):
        found = line.text.find(word.text, cursor)
        cursor = found + len(word.text) if found >= 0 else cursor
        follows: DetectedBreak | None = None
        if index == len(words) - 1:
            follows = DetectedBreak(type="LINE_BREAK" if is_last else "EOL_SURE_SPACE")
        elif found < 0 or line.text[cursor : cursor + 1].isspace():
            follows = DetectedBreak(type="SPACE")
        symbols = _symbols(word)
        if follows:
            symbols[-1].property = TextProperty(detected_break=follows)
        yield WordBox(bounding_box=_poly(word.box), symbols=symbols, confidence=_bounded(word.score))


def _symbols(word: Word) -> list[Symbol]:
    """The word's characters, with their places where these were asked for."""
    if not word.characters:
        return [Symbol(text=letter) for letter in word.text] or [Symbol(text="")]
    return [
        Symbol(text=each.text, bounding_box=_poly(each.box), confidence=_bounded(each.score))
        for each in word.characters
    ]


def _bounded(score: float) -> float:
    return min(max(score, 0.0), 1.0)


def _letters(box: WordBox) -> str:
    return "".join(symbol.text for symbol in box.symbols)


def _text(box: WordBox) -> str:
    last = box.symbols[-1].property
    return _letters(box) + (_BREAKS[last.detected_break.type] if last else "")


def _corners(lines: Iterable[Line]) -> list[Point]:
    return [point for line in lines for point in line.box]


def _around(points: Sequence[Point]) -> BoundingPoly:
    xs, ys = zip(*points, strict=True)
    left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    return _poly(((left, top), (right, top), (right, bottom), (left, bottom)))


def _poly(points: Iterable[Point]) -> BoundingPoly:
    return BoundingPoly(vertices=[Vertex(x=round(x), y=round(y)) for x, y in points])

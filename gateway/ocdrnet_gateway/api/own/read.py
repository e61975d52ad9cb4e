"""`POST /v1/read`: an image or a document as the body; what `ocdrnet read` prints, and timing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.datastructures import QueryParams

from ocdrnet_client.documents.document import DocumentPage, is_pdf
from ocdrnet_client.documents.formats import FORMATS, Format
from ocdrnet_client.documents.opened import (
    DEFAULT_DPI,
    LEAST_DPI,
    LEAST_PREVIEW,
    MOST_DPI,
    MOST_PREVIEW,
    TEXT_LAYERS,
    TextLayer,
)
from ocdrnet_client.documents.reading import is_document, is_tiff
from ocdrnet_gateway.api.own.answers import PDF_TYPE, Asked, answer_document, answer_image
from ocdrnet_gateway.api.own.step_times import Statistics, StepTimes, StepWatch
from ocdrnet_gateway.core.body_limit import keep_images, read_body
from ocdrnet_gateway.core.documents import DocumentChoice
from ocdrnet_gateway.core.file_reading import hold_characters
from ocdrnet_gateway.core.reading import Reading, check_image, image_dpi, read_image
from ocdrnet_gateway.core.request_timing import current_timing
from ocdrnet_gateway.core.services import PrincipalDep, ServicesDep
from ocdrnet_gateway.http_errors import UnprocessableError, documented
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.options import (
    OPTIONS,
    ChoiceOption,
    NumberOption,
    Option,
    TextOption,
    parse_options,
)

TIMING = ChoiceOption(
    "timing", ("total", "steps"), "Whether `timing` also tells each step inside Triton, at the cost of two questions."
)
PDF = "pdf"
OUTPUT = ChoiceOption(
    "output",
    (*sorted(FORMATS, key="json".__ne__), PDF),  # the default stands first
    "Format of the answer; left out, the Accept header says it.",
)
PAGES = TextOption("pages", 200, "Pages of a PDF, or of a TIFF that is read page by page then: `1-3,7`, `5-`.")
DPI = NumberOption("dpi", float, LEAST_DPI, MOST_DPI, "Dots per inch at which PDF pages are drawn; left out, 200.")
TEXT_LAYER = ChoiceOption(
    "text_layer", TEXT_LAYERS, "Text that a PDF page holds: taken where it is sound, never (ocr), or always (trust)."
)
PREVIEW = NumberOption(
    "preview",
    int,
    LEAST_PREVIEW,
    MOST_PREVIEW,
    "Pixels of the longer side of a JPEG of each page, in base64; for output=jsonl of a PDF or TIFF. Left out, none.",
)
_OWN = (TIMING, OUTPUT, PAGES, DPI, TEXT_LAYER, PREVIEW)
PASSWORD_HEADER = "ocdrnet-password"  # of an encrypted PDF; a query would stand in logs


def asked_by(query: QueryParams, headers: Mapping[str, str]) -> Asked:
    """What a request asks for.

    Raises:
        UnprocessableError: a name is unknown or twice there, or a value is out of range.
    """
    twice = [name for name, count in Counter(name for name, _ in query.multi_items()).items() if count > 1]
    if twice:
        raise UnprocessableError(f"the option {twice[0][:80]!r} is given more than once")
    given = dict(query)
    try:
        own = {option.name: option.parse(given.pop(option.name)) for option in _OWN if option.name in given}
        options = parse_options(given)
    except OptionError as error:
        raise UnprocessableError(str(error)) from None
    choice = DocumentChoice(
        pages=str(own.get("pages", "")),
        dpi=float(own.get("dpi", DEFAULT_DPI)),
        text_layer=cast(TextLayer, own.get("text_layer", TEXT_LAYERS[0])),
        password=password_of(headers),
        preview=int(own.get("preview", 0)),
    )
    output = FORMATS.get(str(own["output"])) if "output" in own else _accepted(headers.get("accept", ""))
    if choice.preview and not (output and output.name == "jsonl"):
        raise UnprocessableError("preview goes with output=jsonl alone, which sends each page as it is read")
    return Asked(options, own.get("timing") == "steps", output, choice)


def password_of(headers: Mapping[str, str]) -> str:
    """The password of an encrypted PDF: in UTF-8, as shells send it, else in Latin-1, as HTTP has it."""
    value = headers.get(PASSWORD_HEADER, "")
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _accepted(accept: str) -> Format | None:
    """The first format that the header names, JSON if it names none: what callers send unasked names none."""
    for kind in (part.partition(";")[0].strip().lower() for part in accept.split(",")):
        if kind == PDF_TYPE:
            return None
        for each in FORMATS.values():
            if kind == each.media_type.partition(";")[0] and kind not in _SENT_UNASKED:
                return each
    return FORMATS["json"]


# Browsers and libraries accept these without having been told.
_SENT_UNASKED = ("text/plain", "application/xml", "application/xhtml+xml")


def described_options() -> list[dict[str, Any]]:
    """OpenAPI's `parameters`."""
    return [
        *(
            {
                "name": option.name,
                "in": "query",
                "required": False,
                "description": option.help,
                "schema": _schema(option),
            }
            for option in (*OPTIONS, *_OWN)
        ),
        {
            "name": PASSWORD_HEADER,
            "in": "header",
            "required": False,
            "description": "Password of an encrypted PDF.",
            "schema": {"type": "string"},
        },
    ]


def _schema(option: Option) -> dict[str, Any]:
    if isinstance(option, NumberOption):
        low, high = option.ends
        return {"type": "integer" if option.kind is int else "number", "minimum": low, "maximum": high}
    if isinstance(option, ChoiceOption):
        return {"type": "string", "enum": list(option.choices), "default": option.choices[0]}
    return {"type": "string", "minLength": 1, "maxLength": option.longest}


Point = tuple[float, float]
Box = tuple[Point, Point, Point, Point]
_BOX = "four corners [x, y] in pixels of the upright image, clockwise from the text's top-left"


class CharacterAnswer(BaseModel):
    """One character of a word."""

    text: str
    score: float = Field(description="0 to 1, how sure the recognizer is")
    box: Box = Field(description=_BOX)


class WordAnswer(CharacterAnswer):
    """One word of a line."""

    characters: list[CharacterAnswer] | None = Field(
        None, description="with characters=on only, in the order of reading"
    )


class LineAnswer(BaseModel):
    """One line; with `merge` one word or one paragraph."""

    text: str
    score: float = Field(description="0 to 1, how sure the recognizer is of the text")
    box: Box = Field(description=_BOX)
    box_score: float = Field(description="0 to 1, how sure the detector is that text is there")
    words: list[WordAnswer]
    paragraph: int = Field(description="index of the paragraph that the line belongs to")
    script: str = Field("Common", description="Unicode script of most of its letters, as a guess; Common of digits")
    polygon: list[Point] | None = Field(None, description="outline of curved text, with geometry=polygon only")


class Timing(BaseModel):
    """Where the time went, in milliseconds."""

    receive_ms: float = Field(description="until the image had arrived")
    wait_ms: float = Field(description="in the gateway's queue")
    read_ms: float = Field(description="with Triton")
    total_ms: float = Field(description="from the request's arrival to its answer")
    steps: StepTimes | None = Field(None, description="with timing=steps, where Triton tells them")


_UNREADABLE = "regions left out that look like text of a script that the recognizer does not know; missing where 0"


class PageAnswer(BaseModel):
    """Everything read in one image, as `ocdrnet read --format json` prints it, and `timing`."""

    image: str | None = Field(description="always null: the image comes without a name")
    width: int = Field(description="pixels, after the image was turned upright by its EXIF orientation")
    height: int
    lines: list[LineAnswer] = Field(description="in reading order")
    truncated: bool = Field(description="more text was found than max_candidates; some is missing")
    frames: int = Field(description="frames or pages in the file, of which the first was read")
    unreadable: int | None = Field(None, description=_UNREADABLE)
    dpi: float = Field(description="pixels per inch, as the file says; 0 where it does not")
    angle: float = Field(description="degrees, clockwise, by which most of its text is turned")
    timing: Timing


class DocumentPageAnswer(BaseModel):
    """One page of a document: what an image has, or `error`, after its place."""

    page: int = Field(description="its place in the file, from 1")
    dpi: float = Field(description="pixels per inch of its boxes")
    angle: float = Field(description="degrees, clockwise, by which most of its text is turned")
    text_source: Literal["ocr", "text_layer"] = Field(description="whether it was read, or held its text")
    seconds: float
    preview: str | None = Field(None, description="a JPEG of the page in base64, with preview only")
    error: str | None = Field(None, description="why it was not read; the other keys are missing then")
    image: str | None = None
    width: int | None = None
    height: int | None = None
    lines: list[LineAnswer] | None = None
    truncated: bool | None = None
    frames: int | None = None
    unreadable: int | None = Field(None, description=_UNREADABLE)


class DocumentAnswer(BaseModel):
    """All pages of a document."""

    document: str | None = Field(description="always null: the document comes without a name")
    page_count: int = Field(description="pages that the file has")
    pages_read: int
    lines: int
    words: int
    seconds: float
    pages: list[DocumentPageAnswer]


router = APIRouter()
# The bytes say what the image is; the header may say any of these, or leave it open.
_TYPES = (
    "application/octet-stream",
    "application/pdf",
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/tiff",
    "image/bmp",
    "image/gif",
)
TEXTS = {  # beside JSON
    each.media_type.partition(";")[0]: {"schema": {"type": "string"}}
    for each in FORMATS.values()
    if each.name != "json"
}
BODY = {"required": True, "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _TYPES}}


@router.post(
    "/v1/read",
    summary="Read the text in an image or a document",
    tags=["read"],
    response_model=PageAnswer | DocumentAnswer,
    responses={200: {"content": TEXTS}, **documented(401, 408, 413, 422, 429, 502, 503, 504)},
    openapi_extra={"parameters": described_options(), "requestBody": BODY},
)
async def read(request: Request, services: ServicesDep, caller: PrincipalDep) -> Response:
    """Send the file as the body; options are query parameters, and nothing is kept of either.

    A PDF is read page by page, and so is a TIFF where `pages` or `preview` is given; each page then has its place in
    the answer.
    """
    begin = time.monotonic()
    asked = asked_by(request.query_params, request.headers)
    # Whoever would be refused afterwards need not send the image first.
    services.admission.check()
    body = await read_body(request)
    if await asyncio.to_thread(_is_document, body, asked.choice):
        return await answer_document(request, services, caller, body, asked)
    keep_images(request, len(body))
    await asyncio.to_thread(_check, request, body, services.settings.max_pixels)
    receive_s = time.monotonic() - begin
    watch = StepWatch(statistics_of(request)) if asked.wants_steps else None
    if watch:
        await watch.start()
    reading = await read_image(services, caller, body, asked.options)
    hold_characters(request, reading.page)
    steps = await watch.stop() if watch else None
    for step in steps.models if steps else ():
        current_timing().note_step(step.model, step.ms / 1000)
    timing = _timing(receive_s, reading, time.monotonic() - begin, steps)
    if asked.output and asked.output.name in ("json", "jsonl"):
        page = DocumentPage(1, reading.page, dpi=await asyncio.to_thread(image_dpi, body))
        extras = {"dpi": page.dpi, "angle": round(page.angle, 1), "timing": timing.model_dump(exclude_none=True)}
        response: Response = JSONResponse({**reading.page.to_dict(), **extras}, media_type=asked.output.media_type)
    else:
        response = await answer_image(request, services, body, reading.page, asked.output)
    return response


def _is_document(body: bytes, choice: DocumentChoice) -> bool:
    return is_pdf(body) or bool(choice.preview and is_tiff(body)) or bool(choice.pages and is_document(body))


def _check(request: Request, image: bytes, max_pixels: int) -> None:
    """Before the queue, and with what the headers tell: whoever sends a form hears so."""
    headers = request.headers
    check_image(image, max_pixels, headers.get("content-type", ""), headers.get("content-encoding", ""))


def statistics_of(request: Request) -> Statistics:
    """Triton's counters, made when the application started."""
    statistics: Statistics = request.app.state.page_statistics
    return statistics


def _timing(receive_s: float, reading: Reading, total_s: float, steps: StepTimes | None) -> Timing:
    return Timing(
        receive_ms=_ms(receive_s),
        wait_ms=_ms(reading.waited_s),
        read_ms=_ms(reading.read_s),
        total_ms=_ms(total_s),
        steps=steps,
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)

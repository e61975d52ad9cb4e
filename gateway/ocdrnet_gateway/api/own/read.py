"""`POST /v1/read`: an image as the body, the page as JSON; what `ocdrnet read --format json` prints, and timing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.datastructures import QueryParams

from ocdrnet_gateway.api.own.step_times import Statistics, StepTimes, StepWatch
from ocdrnet_gateway.core.body_limit import keep_images, read_body
from ocdrnet_gateway.core.reading import Reading, check_image, read_image
from ocdrnet_gateway.core.services import PrincipalDep, ServicesDep
from ocdrnet_gateway.http_errors import UnprocessableError, documented
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.options import OPTIONS, ChoiceOption, NumberOption, Option, OptionValue, parse_options

TIMING = ChoiceOption(
    "timing", ("total", "steps"), "Whether `timing` also tells each step inside Triton, at the cost of two questions."
)


def options_of(query: QueryParams) -> tuple[dict[str, OptionValue], bool]:
    """The reading's options, and whether the steps' times are wanted.

    Raises:
        UnprocessableError: a name is unknown or twice there, or a value is out of range.
    """
    twice = [name for name, count in Counter(name for name, _ in query.multi_items()).items() if count > 1]
    if twice:
        raise UnprocessableError(f"the option {twice[0][:80]!r} is given more than once")
    given = dict(query)
    try:
        timing = TIMING.parse(given.pop(TIMING.name, TIMING.choices[0]))
        return parse_options(given), timing == "steps"
    except OptionError as error:
        raise UnprocessableError(str(error)) from None


def described_options() -> list[dict[str, Any]]:
    """OpenAPI's `parameters`."""
    return [
        {"name": option.name, "in": "query", "required": False, "description": option.help, "schema": _schema(option)}
        for option in (*OPTIONS, TIMING)
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


class WordAnswer(BaseModel):
    """One word of a line."""

    text: str
    score: float = Field(description="0 to 1, how sure the recognizer is")
    box: Box = Field(description=_BOX)


class LineAnswer(BaseModel):
    """One line; with `merge` one word or one paragraph."""

    text: str
    score: float = Field(description="0 to 1, how sure the recognizer is of the text")
    box: Box = Field(description=_BOX)
    box_score: float = Field(description="0 to 1, how sure the detector is that text is there")
    words: list[WordAnswer]
    paragraph: int = Field(description="index of the paragraph that the line belongs to")
    polygon: list[Point] | None = Field(None, description="outline of curved text, with geometry=polygon only")


class Timing(BaseModel):
    """Where the time went, in milliseconds."""

    receive_ms: float = Field(description="until the image had arrived")
    wait_ms: float = Field(description="in the gateway's queue")
    read_ms: float = Field(description="with Triton")
    total_ms: float = Field(description="from the request's arrival to its answer")
    steps: StepTimes | None = Field(None, description="with timing=steps, where Triton tells them")


class PageAnswer(BaseModel):
    """Everything read in one image, as `ocdrnet read --format json` prints it, and `timing`."""

    image: str | None = Field(description="always null: the image comes without a name")
    width: int = Field(description="pixels, after the image was turned upright by its EXIF orientation")
    height: int
    lines: list[LineAnswer] = Field(description="in reading order")
    truncated: bool = Field(description="more text was found than max_candidates; some is missing")
    frames: int = Field(description="frames or pages in the file, of which the first was read")
    timing: Timing


router = APIRouter()
# The bytes say what the image is; the header may say any of these, or leave it open.
_TYPES = ("application/octet-stream", "image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/gif")
_BODY = {"required": True, "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _TYPES}}


@router.post(
    "/v1/read",
    summary="Read the text in an image",
    tags=["read"],
    response_model=PageAnswer,
    responses=documented(401, 408, 413, 422, 429, 502, 503, 504),
    openapi_extra={"parameters": described_options(), "requestBody": _BODY},
)
async def read(request: Request, services: ServicesDep, caller: PrincipalDep) -> JSONResponse:
    """Send the image's file as the body; options are query parameters, and nothing is kept of either."""
    begin = time.monotonic()
    options, wants_steps = options_of(request.query_params)
    # Whoever would be refused afterwards need not send the image first.
    services.admission.check()
    image = await read_body(request)
    keep_images(request, len(image))
    await asyncio.to_thread(_check, request, image, services.settings.max_pixels)
    receive_s = time.monotonic() - begin
    watch = StepWatch(statistics_of(request)) if wants_steps else None
    if watch:
        await watch.start()
    reading = await read_image(services, caller, image, options)
    steps = await watch.stop() if watch else None
    timing = _timing(receive_s, reading, time.monotonic() - begin, steps)
    return JSONResponse({**reading.page.to_dict(), "timing": timing})


def _check(request: Request, image: bytes, max_pixels: int) -> None:
    """Before the queue, and with what the headers tell: whoever sends a form hears so."""
    headers = request.headers
    check_image(image, max_pixels, headers.get("content-type", ""), headers.get("content-encoding", ""))


def statistics_of(request: Request) -> Statistics:
    """Triton's counters, made when the application started."""
    statistics: Statistics = request.app.state.page_statistics
    return statistics


def _timing(receive_s: float, reading: Reading, total_s: float, steps: StepTimes | None) -> dict[str, Any]:
    timing = Timing(
        receive_ms=_ms(receive_s),
        wait_ms=_ms(reading.waited_s),
        read_ms=_ms(reading.read_s),
        total_ms=_ms(total_s),
        steps=steps,
    )
    return timing.model_dump(exclude_none=True)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)

"""`POST /v1/read`: a picture as the body, the page as JSON; what `ocdrnet read --format json` prints, and timing."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from ocdrnet_gateway.body_limit import keep_pictures, read_body
from ocdrnet_gateway.page.option_parameters import described_options, options_of
from ocdrnet_gateway.page.read_answer import PageAnswer, Timing
from ocdrnet_gateway.page.step_times import StepTimes, StepWatch
from ocdrnet_gateway.page.triton_statistics import Statistics
from ocdrnet_gateway.picture_check import check_picture
from ocdrnet_gateway.problems import documented
from ocdrnet_gateway.reading import Reading, read_picture
from ocdrnet_gateway.services import CallerDep, ServicesDep

router = APIRouter()
# The bytes say what the picture is; the header may say any of these, or leave it open.
_TYPES = ("application/octet-stream", "image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/gif")
_BODY = {"required": True, "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _TYPES}}


@router.post(
    "/v1/read",
    summary="Read the text in a picture",
    tags=["read"],
    response_model=PageAnswer,
    responses=documented(401, 408, 413, 422, 429, 502, 503, 504),
    openapi_extra={"parameters": described_options(), "requestBody": _BODY},
)
async def read(request: Request, services: ServicesDep, caller: CallerDep) -> JSONResponse:
    """Send the picture's file as the body; options are query parameters, and nothing is kept of either."""
    begin = time.monotonic()
    options, wants_steps = options_of(request.query_params)
    # Whoever would be refused afterwards need not send the picture first.
    services.admission.check()
    image = await read_body(request)
    keep_pictures(request, len(image))
    await asyncio.to_thread(_check, request, image, services.settings.max_pixels)
    receive_s = time.monotonic() - begin
    watch = StepWatch(statistics_of(request)) if wants_steps else None
    if watch:
        await watch.start()
    reading = await read_picture(services, caller, image, options)
    steps = await watch.stop() if watch else None
    timing = _timing(receive_s, reading, time.monotonic() - begin, steps)
    return JSONResponse({**reading.page.to_dict(), "timing": timing})


def _check(request: Request, image: bytes, max_pixels: int) -> None:
    """Before the queue, and with what the headers tell: whoever sends a form hears so."""
    headers = request.headers
    check_picture(image, max_pixels, headers.get("content-type", ""), headers.get("content-encoding", ""))


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

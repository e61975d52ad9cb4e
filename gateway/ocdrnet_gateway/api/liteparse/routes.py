"""`POST /ocr`, as LiteParse's `OCR_API_SPEC.md` has it: a form with an image in, words with upright boxes out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from ocdrnet_client import Page
from ocdrnet_client.results import Box
from ocdrnet_gateway.core.body_limit import keep_images
from ocdrnet_gateway.core.form_body import described_form, read_form
from ocdrnet_gateway.core.reading import check_image, read_image
from ocdrnet_gateway.core.services import PrincipalDep, ServicesDep
from ocdrnet_gateway.http_errors import answers_errors_by, documented_as


class LiteParseResult(BaseModel):
    """One word."""

    text: str
    bbox: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2 in pixels, x2 > x1 and y2 > y1")
    confidence: float = Field(ge=0, le=1)


class LiteParseAnswer(BaseModel):
    """All words, in reading order."""

    results: list[LiteParseResult]


class LiteParseError(BaseModel):
    """What was wrong."""

    error: str


def liteparse_error(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as the specification has it, which knows 400 for what is wrong with a request."""
    return JSONResponse({"error": detail}, 400 if status == 422 else status, dict(headers or {}))


router = APIRouter(tags=["LiteParse"], route_class=answers_errors_by(liteparse_error))
_FORM = described_form(language={"type": "string", "description": "ignored: the recognizer reads all it knows"})


@router.post("/ocr", responses=documented_as(LiteParseError, 401, 429, 502, 503, 504), openapi_extra=_FORM)
async def ocr(request: Request, services: ServicesDep, caller: PrincipalDep) -> LiteParseAnswer:
    """Read one image."""
    services.admission.check()
    form = await read_form(request, "file")
    keep_images(request, len(form.file))
    await asyncio.to_thread(check_image, form.file, services.settings.max_pixels)
    reading = await read_image(services, caller, form.file, {})
    return liteparse_answer(reading.page)


def liteparse_answer(page: Page) -> LiteParseAnswer:
    """A page's words; a line that has none stands for itself."""
    parts = [part for line in page.lines for part in (line.words or (line,))]
    return LiteParseAnswer(
        results=[
            LiteParseResult(text=part.text, bbox=_upright(part.box), confidence=min(max(part.score, 0.0), 1.0))
            for part in parts
        ]
    )


def _upright(box: Box) -> tuple[float, float, float, float]:
    """The upright box around one; a box of rotated text may reach over the image's edge."""
    left, top = (max(0.0, min(point[axis] for point in box)) for axis in (0, 1))
    right, bottom = (max(point[axis] for point in box) for axis in (0, 1))
    return round(left, 1), round(top, 1), round(max(right, left + 1), 1), round(max(bottom, top + 1), 1)

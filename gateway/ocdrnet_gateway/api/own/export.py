"""`POST /v1/export`: pages that `/v1/read` sent, written in another format, without reading them again."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from starlette.datastructures import QueryParams

from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.formats import FORMATS
from ocdrnet_gateway.api.own.answers import PDF_TYPE
from ocdrnet_gateway.api.own.read import PASSWORD_HEADER, PDF, password_of
from ocdrnet_gateway.core.body_limit import hold_of, read_body
from ocdrnet_gateway.core.document_jobs import DocumentJobsDep
from ocdrnet_gateway.core.documents import DocumentChoice, open_document, searchable_pdf
from ocdrnet_gateway.core.file_reading import hold_document
from ocdrnet_gateway.core.job_record import payer_of
from ocdrnet_gateway.core.services import PrincipalDep, ServicesDep
from ocdrnet_gateway.http_errors import UnprocessableError, described, documented
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.options import ChoiceOption

OUTPUT = ChoiceOption(
    "output",
    (PDF, *(name for name, each in FORMATS.items() if each.is_streamed)),
    "Format to write. A searchable PDF needs the document, too: an empty line after the pages, then the file.",
)
_BETWEEN = b"\n\n"
# A dense page of 600 words has 15,000, with its characters 100,000. Parsed, so many take some 50 MB.
_MOST_VALUES = 500_000
_SIGNS = b",:[{"
# What a body of one byte takes: itself, and what is written of it: 1.4 bytes of ALTO as a rule, 4 of ampersands alone,
# 4.5 of characters of three code points.
_COPIES = 6
# A byte of the lines as the process that writes the PDF gets it: 1e6 becomes 1000000.0, with a blank after each comma.
_SPOOLED = 3

Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
Score = Annotated[float, Field(ge=0, le=1)]
Pixels = Annotated[int, Field(ge=1, le=1_000_000)]
Corner = tuple[Coordinate, Coordinate]


class _Given(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)


class GivenCharacter(_Given):
    """A character as `/v1/read` sent it."""

    text: str
    score: Score
    box: tuple[Corner, Corner, Corner, Corner]


class GivenWord(GivenCharacter):
    """A word as `/v1/read` sent it."""

    characters: list[GivenCharacter] = []


class GivenLine(GivenCharacter):
    """A line as `/v1/read` sent it."""

    box_score: Score
    words: list[GivenWord]
    paragraph: int = Field(ge=0, le=1_000_000)
    polygon: list[Corner] = []

    @field_validator("polygon")
    @classmethod
    def _has_two_sides(cls, polygon: list[Corner]) -> list[Corner]:
        if 0 < len(polygon) < 4:
            raise ValueError(f"it has {len(polygon)} points; an outline has 4 or more")
        return polygon


class GivenPage(_Given):
    """A page as `/v1/read` sent it: read, or with an `error`."""

    page: int = Field(1, ge=1, le=1_000_000)
    dpi: float = Field(0, ge=0, le=100_000)
    text_source: str = "ocr"
    seconds: float = Field(0, ge=0)
    error: str | None = None
    image: str | None = None
    width: Pixels | None = None
    height: Pixels | None = None
    lines: list[GivenLine] | None = None
    truncated: bool = False
    frames: int = Field(1, ge=1)
    unreadable: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _is_read_or_failed(self) -> GivenPage:
        if self.error is None and None in (self.width, self.height, self.lines):
            raise ValueError("a page has width, height and lines, or an error")
        return self


router = APIRouter()
_ANSWERS = {PDF_TYPE: {"schema": {"type": "string", "format": "binary"}}} | {
    each.media_type.partition(";")[0]: {"schema": {"type": "string"}} for each in FORMATS.values() if each.is_streamed
}
_BODY = {
    "required": True,
    "content": {
        "application/x-ndjson": {"schema": {"type": "string"}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}
_PARAMETERS = [
    {
        "name": OUTPUT.name,
        "in": "query",
        "required": True,
        "description": OUTPUT.help,
        "schema": {"type": "string", "enum": list(OUTPUT.choices)},
    },
    {
        "name": PASSWORD_HEADER,
        "in": "header",
        "required": False,
        "description": "Password of an encrypted PDF.",
        "schema": {"type": "string"},
    },
]


@router.post(
    "/v1/export",
    summary="Write pages that were read in another format",
    tags=["read"],
    response_class=Response,
    responses={200: {"content": _ANSWERS}, **documented(401, 408, 413, 422, 429, 504)},
    openapi_extra={"parameters": _PARAMETERS, "requestBody": _BODY},
)
async def export(request: Request, services: ServicesDep, jobs: DocumentJobsDep, caller: PrincipalDep) -> Response:
    """Send the lines of `POST /v1/read?output=jsonl` as the body, and after an empty line the document for a PDF.

    Nothing is read, so no page is counted against the caller's quota.
    """
    output = _output(request.query_params)
    body = await read_body(request)
    lines, between, document = body.partition(_BETWEEN)
    async with services.quotas.use(caller, 0):
        if output == PDF:
            if not document:
                raise UnprocessableError("a PDF needs the document: send an empty line after the pages, then the file")
            hold_document(request, body)
            choice = DocumentChoice(password=password_of(request.headers))
            async with open_document(services, document, choice) as file:
                with jobs.spool.folder(_SPOOLED * len(lines), payer_of(caller)) as folder:
                    await asyncio.to_thread(_spool, lines, folder / "pages.jsonl")
                    return Response(await searchable_pdf(file, folder / "pages.jsonl"), media_type=PDF_TYPE)
        if between and document.strip():
            raise UnprocessableError(f"output={output} takes pages alone; there is something after an empty line")
        if hold := hold_of(request):
            hold.resize(_COPIES * len(body))
        async with services.documents.place(services.settings.deadline_s):
            written = await asyncio.to_thread(_written, output, lines)
    return Response(written, media_type=FORMATS[output].media_type)


def _output(query: QueryParams) -> str:
    """The only option."""
    if unknown := [name for name, _ in query.multi_items() if name != OUTPUT.name]:
        raise UnprocessableError(f"there is no option {unknown[0][:80]!r}; there is {OUTPUT.name}")
    given = query.getlist(OUTPUT.name)
    if len(given) != 1:
        raise UnprocessableError(f"give output once: one of {', '.join(OUTPUT.choices)}")
    try:
        return str(OUTPUT.parse(given[0]))
    except OptionError as error:
        raise UnprocessableError(str(error)) from None


def _written(output: str, lines: bytes) -> bytes:
    of_pages = FORMATS[output].of_pages
    assert of_pages is not None
    written = io.BytesIO()
    for piece in of_pages(_pages(lines), None):
        written.write(piece.encode())
    return written.getvalue()


def _spool(lines: bytes, path: Path) -> None:
    """Write the pages to a file, one by one, so that no more than one is in memory."""
    with open(path, "w", encoding="utf-8") as file:
        for page in _pages(lines):
            file.write(json.dumps(page.to_dict(), ensure_ascii=False) + "\n")


def _pages(lines: bytes) -> Iterator[DocumentPage]:
    """The pages, one by one.

    Raises:
        UnprocessableError: there is none, or one is not as `/v1/read` writes it.
    """
    before = 0
    for number, line in enumerate(filter(None, map(bytes.strip, io.BytesIO(lines))), 1):
        values = sum(line.count(sign) for sign in _SIGNS)
        if values > _MOST_VALUES:
            raise UnprocessableError(f"line {number} has {values:,} values and names; the limit is {_MOST_VALUES:,}")
        try:
            given = GivenPage.model_validate_json(line)
        except ValidationError as error:
            raise UnprocessableError(f"line {number}: {described(error.errors(include_url=False))}") from None
        if given.page <= before:
            raise UnprocessableError(f"line {number} is page {given.page} after page {before}; pages must ascend")
        before = given.page
        yield DocumentPage.from_dict(given.model_dump(exclude_none=True) | {"image": None})
    if not before:
        raise UnprocessableError("the body has no pages: send what POST /v1/read?output=jsonl answered")

"""Multipart forms with one file, in memory and bounded, as uploads of other interfaces have them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ocdrnet_gateway.http_errors import UnprocessableError

_MAX_FIELDS = 16
_FIELD_BYTES = 4096
_SHOWN = 80


@dataclass(frozen=True)
class Form:
    """A form's parts.

    Attributes:
        file: bytes of the file.
        filename: as its sender has it; may be empty.
        content_type: likewise.
        fields: the other parts, as text.
    """

    file: bytes
    filename: str
    content_type: str
    fields: dict[str, str]


class _InMemory(MultiPartParser):
    # Never to a disk: what is read is kept nowhere. The body's own limit bounds it.
    spool_max_size = 1 << 62


def described_form(**fields: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of a body that `read_form` reads: a `file`, and fields by name with their schemas."""
    properties = {"file": {"type": "string", "format": "binary"}, **fields}
    schema = {"type": "object", "required": ["file"], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


async def read_form(request: Request, file_field: str) -> Form:
    """The request's body, whose caller is known by now.

    Args:
        request: whose body was not read yet.
        file_field: name of the part that is the file.

    Raises:
        UnprocessableError: it is no form, has more than one file or too many fields, or the file is missing or empty.
        GatewayError: see `read_body`.
    """
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        raise UnprocessableError(
            f"the body is {content_type[:_SHOWN]!r}; this path takes a form, multipart/form-data, with a file in"
            f" {file_field!r}"
        )
    parser = _InMemory(
        request.headers, _chunks(request), max_files=1, max_fields=_MAX_FIELDS, max_part_size=_FIELD_BYTES
    )
    try:
        parts = await parser.parse()
    except MultiPartException as error:
        raise UnprocessableError(f"the form cannot be read: {error.message}") from None
    fields = {name: value for name, value in parts.multi_items() if isinstance(value, str)}
    file = parts.get(file_field)
    if not isinstance(file, UploadFile):
        raise UnprocessableError(f"the form has no file in {file_field!r}")
    data = await asyncio.to_thread(file.file.read)
    await parts.close()
    if not data:
        raise UnprocessableError(f"the file in {file_field!r} is empty (0 bytes)")
    return Form(data, file.filename or "", file.content_type or "", fields)


async def _chunks(request: Request) -> AsyncGenerator[bytes, None]:
    async for chunk in request.stream():
        yield chunk

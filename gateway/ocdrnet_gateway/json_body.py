"""Bodies of JSON: as clients make them, and bounded before they are parsed.

A parsed JSON value takes up to fifty times its text (`[[],[],...]`), so the signs that make values are counted first.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from fastapi import Request
from pydantic import BaseModel, ValidationError

from ocdrnet_gateway.body_kinds import other_than_json
from ocdrnet_gateway.body_limit import read_body
from ocdrnet_gateway.error_answers import described
from ocdrnet_gateway.problems import UnprocessableError

# A request of 256 pictures has some 2,000; base64 has none of these signs.
_MAX_VALUES = 20_000
_SIGNS = b",:[{"
# Above this, parsing would hold up every other request for a noticeable time.
_INLINE_BYTES = 65_536
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

Body = TypeVar("Body", bound=BaseModel)


class JsonBodyError(UnprocessableError):
    """A body that is no JSON, or whose fields are wrong.

    Attributes:
        errors: one for each fault, as pydantic has them: `type`, `loc` and `msg`.
    """

    def __init__(self, errors: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(described(errors))
        self.errors = errors


async def read_json(request: Request, model: type[Body], max_bytes: int | None = None) -> Body:
    """The request's body; its caller is known by now.

    Args:
        request: whose body was not read yet.
        model: of the body.
        max_bytes: see `read_body`.

    Raises:
        JsonBodyError: it is no JSON, or a field is wrong.
        GatewayError: see `read_body`.
    """
    body = await read_body(request, max_bytes)
    headers = request.headers
    content_type, content_encoding = headers.get("content-type", ""), headers.get("content-encoding", "")
    if len(body) <= _INLINE_BYTES:
        return parse_json(model, body, content_type, content_encoding)
    return await asyncio.to_thread(parse_json, model, body, content_type, content_encoding)


def parse_json(model: type[Body], body: bytes, content_type: str = "", content_encoding: str = "") -> Body:
    """The body's fields.

    Args:
        model: of the body.
        body: UTF-8, or with a byte order mark that says otherwise. Line breaks inside strings are left out: `base64`
            makes them, and shells put them there.
        content_type: the header's value, for a better error.
        content_encoding: likewise.

    Raises:
        JsonBodyError: it is no JSON, or a field is wrong.
    """
    body = _as_utf8(body)
    values = sum(body.count(sign) for sign in _SIGNS)
    if values > _MAX_VALUES:
        raise _error(f"the JSON has {values:,} values and names; the limit is {_MAX_VALUES:,}")
    try:
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            if not _is_no_json(error) or b"\n" not in body:
                raise
            return model.model_validate_json(body.translate(None, b"\r\n"))
    except ValidationError as error:
        kind = other_than_json(body, content_type, content_encoding) if _is_no_json(error) else None
        if kind is not None:
            raise _error(kind) from None
        found = error.errors(include_input=False, include_url=False)
        raise JsonBodyError([cast("Mapping[str, Any]", item) for item in found]) from None


def _as_utf8(body: bytes) -> bytes:
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            try:
                text = body[len(mark) :] if encoding == "utf-8" else body.decode(encoding).encode()
            except UnicodeError:
                raise _error(f"the body has the mark of {encoding.upper()} and is none") from None
            return text
    return body


def _is_no_json(error: ValidationError) -> bool:
    return any(item["type"] == "json_invalid" for item in error.errors(include_input=False, include_url=False))


def _error(message: str) -> JsonBodyError:
    return JsonBodyError([{"type": "json_invalid", "loc": (), "msg": message}])

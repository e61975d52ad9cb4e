"""JSON bodies: bounded before they are parsed; and images in them as `data:` URLs.

Bodies of JSON: as clients make them, and bounded before they are parsed.

A parsed JSON value takes up to fifty times its text (`[[],[],...]`), so the signs that make values are counted first.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import codecs
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import unquote_to_bytes

from fastapi import Request
from pydantic import BaseModel, ValidationError

from ocdrnet_gateway.core.body_kinds import other_than_json
from ocdrnet_gateway.core.body_limit import read_body
from ocdrnet_gateway.http_errors import UnprocessableError, described

# The type is not believed, since the bytes say what they are; it may be left out, as RFC 2397 has it.
_HEAD = re.compile(r"\s*data:[^,;]{0,100}(?:;[^,;]{0,100}){0,8},", re.IGNORECASE)
_SHOWN = 40
_SPACES = b" \t\r\n\f\v"
# RFC 4648, section 5: the alphabet of URLs and file names.
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def image_of(url: str) -> bytes:
    """The bytes in a data URL.

    Args:
        url: its base64 may have line breaks, the alphabet of URLs, escapes by percent, and no padding.

    Raises:
        UnprocessableError: another kind of URL, which would have to be fetched and is refused for that, or bad base64.
    """
    head = _HEAD.match(url)
    if head is None:
        raise UnprocessableError(
            f"the image's URL begins with {url[:_SHOWN]!r}; only data:image/...;base64, URLs are taken, nothing is"
            " fetched from other servers"
        )
    if not head[0].lower().removesuffix(",").rstrip().endswith(";base64"):
        raise UnprocessableError(
            f"the image's URL begins with {head[0][:_SHOWN]!r}; it must say ;base64, before the image's base64"
        )
    return bytes_of_base64(url[head.end() :], "the image")


def bytes_of_base64(text: str, name: str) -> bytes:
    """The bytes in base64, which may look as in `image_of`.

    Args:
        text: the base64.
        name: of the field, for the error.

    Raises:
        UnprocessableError: it is no base64, or nothing is in it.
    """
    try:
        data = _decoded(text.encode("ascii"))
    except (binascii.Error, ValueError) as error:
        raise UnprocessableError(f"{name}'s base64 cannot be read: {_reason(error)}") from None
    if not data:
        raise UnprocessableError(f"{name} is empty (0 bytes)")
    return data


def _decoded(text: bytes) -> bytes:
    if b"%" in text:
        text = unquote_to_bytes(text)
    digits = text.translate(_TO_STANDARD, _SPACES).rstrip(b"=")
    return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)


def _reason(error: ValueError) -> str:
    return "it has a character beyond ASCII" if isinstance(error, UnicodeError) else str(error)


# A request of 256 images has some 2,000; base64 has none of these signs.
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

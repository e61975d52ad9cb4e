"""Pictures inside JSON: `data:...;base64,` URLs. Nothing is ever fetched from elsewhere."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from ocdrnet_gateway.problems import UnprocessableError

# The type is not believed, since the bytes say what they are; it may be left out, as RFC 2397 has it.
_HEAD = re.compile(r"\s*data:[^,;]{0,100}(?:;[^,;]{0,100}){0,8},", re.IGNORECASE)
_SHOWN = 40
_SPACES = b" \t\r\n\f\v"
# RFC 4648, section 5: the alphabet of URLs and file names.
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def picture_of(url: str) -> bytes:
    """The bytes in a data URL.

    Args:
        url: its base64 may have line breaks, the alphabet of URLs, escapes by percent, and no padding.

    Raises:
        UnprocessableError: another kind of URL, which would have to be fetched and is refused for that, or bad base64.
    """
    head = _HEAD.match(url)
    if head is None:
        raise UnprocessableError(
            f"the picture's URL begins with {url[:_SHOWN]!r}; only data:image/...;base64, URLs are taken, nothing is"
            " fetched from other servers"
        )
    if not head[0].lower().removesuffix(",").rstrip().endswith(";base64"):
        raise UnprocessableError(
            f"the picture's URL begins with {head[0][:_SHOWN]!r}; it must say ;base64, before the picture's base64"
        )
    try:
        data = _decoded(url[head.end() :].encode("ascii"))
    except (binascii.Error, ValueError) as error:
        raise UnprocessableError(f"the picture's base64 cannot be read: {_reason(error)}") from None
    if not data:
        raise UnprocessableError("the picture is empty (0 bytes)")
    return data


def _decoded(text: bytes) -> bytes:
    if b"%" in text:
        text = unquote_to_bytes(text)
    digits = text.translate(_TO_STANDARD, _SPACES).rstrip(b"=")
    return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)


def _reason(error: ValueError) -> str:
    return "it has a character beyond ASCII" if isinstance(error, UnicodeError) else str(error)

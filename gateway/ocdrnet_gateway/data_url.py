"""Pictures inside JSON: `data:image/...;base64,` URLs. Nothing is ever fetched from elsewhere."""

from __future__ import annotations

import base64
import binascii
import re

from ocdrnet_gateway.problems import UnprocessableError

# The type is not believed (the bytes say what they are), but a text or a page is surely a mistake.
_HEAD = re.compile(r"data:image/[A-Za-z0-9.+-]{1,40}(?:;[A-Za-z0-9=._-]{1,60})*;base64,", re.IGNORECASE)
_SHOWN = 40


def picture_of(url: str) -> bytes:
    """The bytes in a data URL.

    Raises:
        UnprocessableError: another kind of URL, which would have to be fetched and is refused for that, or bad base64.
    """
    head = _HEAD.match(url)
    if head is None:
        raise UnprocessableError(
            f"the picture's URL begins with {url[:_SHOWN]!r}; only data:image/...;base64, URLs are taken, nothing is"
            " fetched from other servers"
        )
    try:
        data = base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnprocessableError(f"the picture's base64 cannot be read: {error}") from None
    if not data:
        raise UnprocessableError("the picture is empty (0 bytes)")
    return data

"""Pre-signed URLs: who holds one may do one thing with one object, until it expires."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
import time
from collections.abc import Sequence
from typing import Literal

from ocdrnet_gateway.problems import ForbiddenError
from ocdrnet_gateway.store import Place

Purpose = Literal["upload", "result"]
_SECONDS = re.compile(r"[0-9]{1,12}")


class Signer:
    """Signs and checks, by HMAC-SHA256; gateways with one secret accept each other's URLs."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def query(self, purpose: Purpose, place: Place, expires: float, headers: Sequence[str] = ()) -> str:
        """The signed URL's query.

        Args:
            purpose: what the URL is good for.
            place: of the object.
            expires: seconds since 1970.
            headers: values that the request must carry.
        """
        until = str(math.ceil(expires))
        return f"expires={until}&signature={self._sign(purpose, place, until, headers)}"

    def check(self, purpose: Purpose, place: Place, expires: str, signature: str, headers: Sequence[str] = ()) -> None:
        """Check a request by a signed URL; the arguments are as in `query`, as the request has them.

        Raises:
            ForbiddenError: the signature belongs to something else, or the URL has expired.
        """
        expected = self._sign(purpose, place, expires, headers)
        # Bytes: compare_digest refuses text beyond ASCII, and this text is the caller's.
        if not hmac.compare_digest(expected.encode(), signature.encode()) or not _SECONDS.fullmatch(expires):
            named = ", the content-type or x-amz-meta-nvcf-asset-description" if headers else ""
            raise ForbiddenError(f"the URL{named} is not the one that was signed; send both exactly as they were given")
        if int(expires) <= time.time():
            raise ForbiddenError("the URL has expired; ask for a new one")

    def _sign(self, purpose: Purpose, place: Place, until: str, headers: Sequence[str]) -> str:
        # JSON keeps the parts apart, so that no two different requests are the same text.
        text = json.dumps([purpose, place.kind, place.space, place.id, until, *headers])
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

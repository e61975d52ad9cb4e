"""Tells a host that the operator allows of a job's end: a signed POST, repeated until it is taken or was sent often.

The signature is HMAC-SHA256 over the time, a dot and the body, so that an old message cannot be sent again as a new
one. Whoever gets it compares it in constant time, and refuses a time that is minutes away from its own.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping

from ocdrnet_gateway.core.allowed_hosts import AllowedHosts
from ocdrnet_gateway.http_errors import GatewayError

TIMESTAMP, SIGNATURE = "ocdrnet-timestamp", "ocdrnet-signature"
PAUSES_S = (0.0, 2.0, 10.0, 30.0, 120.0)  # before each call
_TIMEOUT_S = 10.0


def signed_headers(secret: str, body: bytes, now: float | None = None) -> Mapping[str, str]:
    """The headers of a webhook.

    Args:
        secret: that its receiver knows, too.
        body: of the request.
        now: seconds since 1970; those of the clock by default.
    """
    timestamp = str(int(time.time() if now is None else now))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", TIMESTAMP: timestamp, SIGNATURE: f"sha256={digest}"}


async def call_webhook(hosts: AllowedHosts, url: str, secret: str, body: bytes) -> tuple[bool, str]:
    """Call once.

    Returns:
        Whether it was taken, with a status of 2xx; and what came of it, for the job's caller.
    """
    try:
        status = await hosts.post(url, body, signed_headers(secret, body), timeout_s=_TIMEOUT_S)
    except GatewayError as error:
        return False, str(error.detail)
    return 200 <= status < 300, f"status {status}"

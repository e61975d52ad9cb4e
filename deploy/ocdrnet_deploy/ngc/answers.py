"""What an HTTP status means for a download."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

import urllib3

from ocdrnet_deploy.errors import DownloadError, NgcAccessError, NgcNotFoundError
from ocdrnet_deploy.ngc.key import KEYS_PAGE, NgcKey
from ocdrnet_deploy.ngc.retries import TransientError

_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


def check_answer(response: urllib3.BaseHTTPResponse, key: NgcKey, *, at_ngc: bool) -> None:
    """Let an answer pass that brings content, a redirect, or an unsatisfied range; close any other.

    Args:
        response: its body not yet read.
        key: that was sent, to name its origin.
        at_ngc: whether NGC itself answered, not the storage that it redirects to.

    Raises:
        NgcAccessError: NGC refuses the key, or the account may not read the model.
        NgcNotFoundError: there is no such thing.
        DownloadError: another refusal that will not pass by itself.
        TransientError: it may work in a while.
    """
    status = response.status
    if status < 400 or status == 416:
        return
    response.close()
    if status in _TRANSIENT:
        raise TransientError(f"the server answered {status}", _retry_after_s(response.headers.get("Retry-After")))
    if not at_ngc:
        # A pre-signed location expires; the next attempt is given a new one.
        raise TransientError(f"the storage that NGC redirects to answered {status}")
    if status in (401, 403):
        raise NgcAccessError(_access(status, key))
    if status == 404:
        raise NgcNotFoundError("NGC answered 404: there is no such version or file")
    raise DownloadError(f"NGC answered {status}")


def _access(status: int, key: NgcKey) -> str:
    if status == 401:
        return f"NGC does not accept the key from {key.origin} (401): mistyped, revoked or expired. New: {KEYS_PAGE}"
    return (
        f"the key from {key.origin} may not read this model (403). Sign in at https://catalog.ngc.nvidia.com, open the "
        "model's page and accept its terms there; a personal key needs the service 'NGC Catalog'"
    )


def _retry_after_s(value: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks for, as a number or a date (RFC 9110, section 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (when.replace(tzinfo=when.tzinfo or timezone.utc) - datetime.now(timezone.utc)).total_seconds()

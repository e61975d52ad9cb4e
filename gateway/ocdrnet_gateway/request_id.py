"""One id for each request: in the answer's `x-request-id`, in the log, and in Triton's request id."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

HEADER = "x-request-id"
# What is adopted from a caller; anything else could forge a line of a log or a header.
_ALLOWED = re.compile(r"[A-Za-z0-9._-]{1,128}")
_current: ContextVar[str] = ContextVar("request_id", default="-")


def choose_request_id(offered: str | None) -> str:
    """The caller's own id where it is harmless, else a new UUID."""
    return offered if offered and _ALLOWED.fullmatch(offered) else str(uuid.uuid4())


def set_request_id(request_id: str) -> None:
    """Make it the id of all that this task does from now on."""
    _current.set(request_id)


def current_request_id() -> str:
    """The id of the request that is being handled; `-` outside of any."""
    return _current.get()

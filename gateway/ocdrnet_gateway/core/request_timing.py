"""Where a request's time went, told beside its answer as W3C Server Timing: `receive;dur=1.2, wait;dur=0.1, ...`."""

from __future__ import annotations

import time
from contextvars import ContextVar

HEADER = "server-timing"
_current: ContextVar[RequestTiming | None] = ContextVar("request_timing", default=None)


class RequestTiming:
    """One request's, from its arrival on."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._seconds: dict[str, float] = {}

    def note_reading(self, begin: float, waited_s: float, read_s: float) -> None:
        """Images were read; where one request has several readings, their times are added up.

        Args:
            begin: by the monotonic clock, when the images were there and checked.
            waited_s: seconds in the gateway's queue.
            read_s: seconds with Triton.
        """
        self._seconds.setdefault("receive", begin - self._begin)
        for name, seconds in (("wait", waited_s), ("read", read_s)):
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def note_step(self, name: str, seconds: float) -> None:
        """What of the reading one step inside Triton took."""
        self._seconds[name] = seconds

    @property
    def header(self) -> str:
        """In milliseconds, with the total until now; empty where no image was read."""
        if not self._seconds:
            return ""
        parts = {**self._seconds, "total": time.monotonic() - self._begin}
        return ", ".join(f"{name};dur={round(seconds * 1000, 3)}" for name, seconds in parts.items())


def begin_timing() -> RequestTiming:
    """That of the request whose handling begins in this task."""
    timing = RequestTiming()
    _current.set(timing)
    return timing


def current_timing() -> RequestTiming:
    """Of the request that is being handled; outside of any, one that nobody sees."""
    return _current.get() or RequestTiming()

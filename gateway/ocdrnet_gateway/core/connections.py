"""Connections that send nothing, or take nothing, are closed; and there are never more than the process has files for.

uvicorn's own protocol has a timer only for the wait between two requests.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from ocdrnet_gateway.http_errors import MEDIA_TYPE

_LOG = logging.getLogger(__name__)
# Files that are no callers' connections: those to Triton and the store, the store's own, and connections that were
# accepted and are being closed again.
SPARE_FILES = 320
# Connections accepted in one round of the event loop, before any of them can be counted.
ACCEPTED_AT_ONCE = 64
# What the kernel keeps for the next rounds.
KERNEL_BACKLOG = 1024


@dataclass(frozen=True)
class ConnectionLimits:
    """What connections may cost.

    Attributes:
        most: open at once.
        header_s: seconds until a request without its body has arrived.
        stall_s: seconds in which a caller must take a part of its answer.
    """

    most: int
    header_s: float
    stall_s: float


def file_limited(most: int) -> int:
    """As many connections as asked for, or as the process may have files for; that limit is raised if it can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        except (OSError, ValueError):
            soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = most if soft == resource.RLIM_INFINITY else min(most, max(8, soft - SPARE_FILES))
    if allowed < most:
        _LOG.warning("fewer connections than set: the limit of open files is low", extra={"connections": allowed})
    return allowed


def limited_protocol(limits: ConnectionLimits) -> type[H11Protocol]:
    """HTTP/1.1 as uvicorn speaks it, with these limits."""

    class Limited(LimitedProtocol):
        """One gateway's own."""

    Limited.limits = limits
    return Limited


class LimitedProtocol(H11Protocol):
    """One connection."""

    limits: ClassVar[ConnectionLimits]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It was accepted: make room for it, or close it."""
        self._waiting_since = time.monotonic()
        self._has_served = False
        self._has_begun = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        if len(self.connections) >= self.limits.most and not self._close_idlest():
            _LOG.warning("a connection was refused: as many as are allowed are at work")
            transport.write(_raw_problem(503, "Service Unavailable", "too many connections are at work; try again"))
            transport.close()
            # As uvicorn would have it of a connection that it knows.
            self.transport = transport
            return
        super().connection_made(transport)
        self._start_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._stop_timers()
        if self in self.connections:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request came."""
        if self not in self.connections:
            return
        # Some clients end a body with a line break that does not belong to it.
        self._has_begun = self._has_begun or bool(data.strip(b"\r\n"))
        if self._is_idle and self._header_timer is None:
            self._start_header_timer()
        super().data_received(data)

    def handle_events(self) -> None:
        """See `H11Protocol`; a request whose header is there has had its time."""
        super().handle_events()
        if not self._is_idle and self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def on_response_complete(self) -> None:
        """See `H11Protocol`."""
        self._waiting_since = time.monotonic()
        self._has_served, self._has_begun = True, False
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The caller takes its answer slower than it is written."""
        super().pause_writing()
        self._watch_stall(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        self.transport.write(_raw_problem(400, "Bad Request", "this is no HTTP/1.1 request"))
        self.transport.close()

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _close_idlest(self) -> bool:
        """Close the connection that has waited longest, first among those that never brought a request."""
        idle = [one for one in self.connections if isinstance(one, LimitedProtocol) and one._is_idle]
        if not idle:
            return False
        idlest = min(idle, key=lambda one: (one._has_served, one._waiting_since))
        self.connections.discard(idlest)
        idlest._stop_timers()
        idlest.transport.abort()
        return True

    def _start_header_timer(self) -> None:
        self._header_timer = self.loop.call_later(self.limits.header_s, self._header_is_late)

    def _header_is_late(self) -> None:
        self._header_timer = None
        if not self._is_idle or self.transport.is_closing():
            return
        if self._has_begun:
            detail = f"the request did not arrive within {self.limits.header_s:g} s"
            self.transport.write(_raw_problem(408, "Request Timeout", detail))
        # To one that was opened in advance, as browsers do, an answer would be that to its next request.
        self.transport.close()

    def _watch_stall(self, left: int) -> None:
        self._stall_timer = self.loop.call_later(self.limits.stall_s, self._look_for_progress, left)

    def _look_for_progress(self, left: int) -> None:
        now = self.transport.get_write_buffer_size()
        if now >= left:
            self.transport.abort()
        else:
            self._watch_stall(now)

    def _stop_timers(self) -> None:
        for timer in (self._header_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()


class OncePerSecond(logging.Filter):
    """Lets a message through once a second, with the count of those left out: a flood must not fill a disk."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[tuple[str, str], float] = {}
        self._left_out: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.levelno < logging.WARNING:
            return True
        key, now = (record.name, str(record.msg)), self._clock()
        if now - self._last.get(key, -1.0) < 1.0 and key in self._last:
            self._left_out[key] = self._left_out.get(key, 0) + 1
            return False
        self._last[key] = now
        left_out = self._left_out.pop(key, 0)
        if left_out:
            record.left_out = left_out
        return True


def log_loop_errors(loop: asyncio.AbstractEventLoop) -> None:
    """Errors that reach the event loop, such as those of accepting connections, become lines of the log."""

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        _LOG.error(str(context.get("message", "error in the event loop")), exc_info=error)

    loop.set_exception_handler(handle)


def _raw_problem(status: int, title: str, detail: str) -> bytes:
    """A whole answer, for where there is no request to answer."""
    body = json.dumps(
        {"type": "about:blank", "title": title, "status": status, "detail": detail, "requestId": "-"}
    ).encode()
    head = f"HTTP/1.1 {status} {title}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
    return f"{head}retry-after: 1\r\nconnection: close\r\n\r\n".encode() + body

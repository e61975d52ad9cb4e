"""Bounds what a request's body may weigh, how long it may take to arrive, and what all bodies may take together.

Nothing of a body is taken in, counted or refused before its handler asks for it, and handlers ask after they know who
calls: a stranger's request costs no memory and no place.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocdrnet_gateway.core.memory import Hold, MemoryBudget
from ocdrnet_gateway.http_errors import OverloadedError, TooLargeError, UploadTimeoutError

# How long the rest of a refused body is taken off the line. A connection that is closed while the caller still sends
# is reset, and the caller would see that instead of the answer.
_LINGER_S = 5.0
# A caller that has been silent for so long has stopped sending.
_SILENCE_S = 1.0
# What a body of one byte takes until it is understood: itself, its JSON string, and the decoded base64.
_WHILE_READ = 3
# What an image of one byte takes from then on: itself, and its copy on the way to Triton.
WHILE_KEPT = 2
_HOLD, _BODY = "hold", "body"


class BodyLimit:
    """ASGI middleware, see the module. Counts the bytes themselves: a Content-Length may be missing or lie."""

    def __init__(self, app: ASGIApp, max_bytes: int, timeout_s: float, max_bodies: int, budget: MemoryBudget) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._max_bodies = max_bodies
        self._budget = budget
        self._bodies = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if not _has_body(headers):
            await self._app(scope, receive, send)
            return
        hold = self._budget.hold()
        scope.setdefault("state", {})[_HOLD] = hold
        body = _Body(self, headers.get("content-length", ""), hold, receive, send)
        scope["state"][_BODY] = body
        try:
            await self._app(scope, body.receive, body.send)
        finally:
            hold.release()
            if body.is_admitted:
                self._bodies -= 1

    def admit(self, declared: str, max_bytes: int) -> None:
        """Take a place for a body that is going to be read.

        Raises:
            TooLargeError: its declared length is over the limit.
            OverloadedError: there is no place.
        """
        if declared.isdecimal() and int(declared) > max_bytes:
            raise _too_large(max_bytes)
        if self._bodies >= self._max_bodies:
            raise OverloadedError(f"{self._max_bodies} uploads are under way, which is the limit; try again later")
        self._bodies += 1

    @property
    def max_bytes(self) -> int:
        """Bytes that a body may have, where its route does not say otherwise."""
        return self._max_bytes

    @property
    def timeout_s(self) -> float:
        """Seconds that a body may take to arrive."""
        return self._timeout_s


def _too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError(f"the request's body is larger than {max_bytes:,} bytes, which is the limit")


async def read_body(request: Request, max_bytes: int | None = None) -> bytes:
    """The request's body, in one piece; the framework's own `body` keeps a copy for as long as the request.

    Args:
        request: whose caller is known.
        max_bytes: the limit of this route, where it is less than everyone's.

    Raises:
        TooLargeError: it has more bytes.
        UploadTimeoutError: it did not arrive in time.
        OverloadedError: there is no place or no memory for it now.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if max_bytes is not None and len(body) > max_bytes:
            raise TooLargeError(f"the request's body is larger than {max_bytes:,} bytes, the limit of this path")
    return bytes(body)


async def read_body_to(request: Request, path: Path, max_bytes: int) -> None:
    """Write the request's body into a file, which takes no memory and may be larger than other bodies.

    Args:
        request: whose caller is known.
        path: of the file.
        max_bytes: that it may have.

    Raises:
        GatewayError: as `read_body` does.
    """
    body: _Body | None = getattr(request.state, _BODY, None)
    if body is not None:
        body.spool(max_bytes)
    with open(path, "wb") as file:
        async for chunk in request.stream():
            file.write(chunk)


def declared_size(request: Request, otherwise: int) -> int:
    """Bytes that the body has by its header, or `otherwise` where that does not say."""
    declared: str = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else otherwise


def keep_images(request: Request, size: int) -> None:
    """Say that images of so many bytes are what is left of the request's body, or what it led to in the store.

    Raises:
        TooLargeError: they are more than bodies may take.
        OverloadedError: they are more than is free now.
    """
    hold = hold_of(request)
    if hold is not None:
        hold.resize(size * WHILE_KEPT)


def hold_of(request: Request) -> Hold | None:
    """The memory that the request's body takes; None: it has no body."""
    hold: Hold | None = getattr(request.state, _HOLD, None)
    return hold


class _Body:
    """One request's body on its way in, and the answer on its way out."""

    def __init__(self, limit: BodyLimit, declared: str, hold: Hold, receive: Receive, send: Send) -> None:
        self._limit = limit
        self._declared = declared
        self._hold = hold
        self._receive = receive
        self._send = send
        self._max_bytes = limit.max_bytes
        self._held = _WHILE_READ
        self._end: float | None = None
        self._bytes = 0
        self._is_complete = False
        self.is_admitted = False

    def spool(self, max_bytes: int) -> None:
        """It goes into a file: from now on it takes no memory, and has another limit."""
        self._max_bytes, self._held = max_bytes, 0

    async def receive(self) -> Message:
        if self._is_complete:
            return await self._receive()
        if not self.is_admitted:
            self._limit.admit(self._declared, self._max_bytes)
            self.is_admitted = True
        self._end = self._end or time.monotonic() + self._limit.timeout_s
        try:
            message = await asyncio.wait_for(self._receive(), self._end - time.monotonic())
        except asyncio.TimeoutError:
            raise UploadTimeoutError(
                f"the request's body did not arrive within {self._limit.timeout_s:g} s, which is the limit"
            ) from None
        self._note(message)
        if self._bytes > self._max_bytes:
            raise _too_large(self._max_bytes)
        self._hold.resize(self._bytes * self._held)
        return message

    async def send(self, message: Message) -> None:
        is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if message["type"] == "http.response.start" and not self._is_complete:
            MutableHeaders(scope=message)["connection"] = "close"
        if is_last and not self._is_complete:
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _linger(self) -> None:
        end = time.monotonic() + _LINGER_S
        while not self._is_complete:
            try:
                self._note(await asyncio.wait_for(self._receive(), min(_SILENCE_S, end - time.monotonic())))
            except asyncio.TimeoutError:
                return

    def _note(self, message: Message) -> None:
        self._bytes += len(message.get("body", b""))
        self._is_complete = message["type"] == "http.disconnect" or not message.get("more_body", False)


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers

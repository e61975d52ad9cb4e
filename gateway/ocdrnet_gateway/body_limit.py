"""Bounds what a request's body may weigh, how long it may take to arrive, and how many are held at once."""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocdrnet_gateway.problems import (
    GatewayError,
    OverloadedError,
    TooLargeError,
    UploadTimeoutError,
    problem_response,
)

# How long the rest of a refused body is taken off the line. A connection that is closed while the caller still sends
# is reset, and the caller would see that instead of the answer.
_LINGER_S = 5.0
# A caller that has been silent for so long has stopped sending.
_SILENCE_S = 1.0


class BodyLimit:
    """ASGI middleware, see the module. Counts the bytes themselves: a Content-Length may be missing or lie."""

    def __init__(self, app: ASGIApp, max_bytes: int, timeout_s: float, max_bodies: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._max_bodies = max_bodies
        self._bodies = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if not _has_body(headers):
            await self._app(scope, receive, send)
            return
        body = _Body(receive, send, self._max_bytes, self._timeout_s)
        refusal = self._refusal(headers.get("content-length", ""))
        if refusal is not None:
            answer = problem_response(refusal.status_code, str(refusal.detail), refusal.headers)
            await answer(scope, receive, body.send)
            return
        self._bodies += 1
        try:
            await self._app(scope, body.receive, body.send)
        finally:
            self._bodies -= 1

    def _refusal(self, declared: str) -> GatewayError | None:
        if declared.isdecimal() and int(declared) > self._max_bytes:
            return _too_large(self._max_bytes)
        if self._bodies >= self._max_bodies:
            return OverloadedError(f"{self._max_bodies} uploads are under way, which is the limit; try again later")
        return None


class _Body:
    """One request's body on its way in, and the answer on its way out."""

    def __init__(self, receive: Receive, send: Send, max_bytes: int, timeout_s: float) -> None:
        self._receive = receive
        self._send = send
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._end: float | None = None
        self._bytes = 0
        self._is_complete = False

    async def receive(self) -> Message:
        if self._is_complete:
            return await self._receive()
        self._end = self._end or time.monotonic() + self._timeout_s
        try:
            message = await asyncio.wait_for(self._receive(), self._end - time.monotonic())
        except asyncio.TimeoutError:
            raise UploadTimeoutError(
                f"the request's body did not arrive within {self._timeout_s:g} s, which is the limit"
            ) from None
        self._note(message)
        if self._bytes > self._max_bytes:
            raise _too_large(self._max_bytes)
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


def _too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError(f"the request's body is larger than {max_bytes:,} bytes, which is the limit")


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers

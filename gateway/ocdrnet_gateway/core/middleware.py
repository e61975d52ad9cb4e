"""The layers around every request: id, log, metrics, 500 for faults, HEAD, and cancelling when a caller leaves."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AbstractContextManager

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocdrnet_client.tracing import hand_on_trace
from ocdrnet_gateway.core.metrics import Metrics, Tracing
from ocdrnet_gateway.core.request_timing import HEADER as TIMING_HEADER
from ocdrnet_gateway.core.request_timing import RequestTiming, begin_timing
from ocdrnet_gateway.http_errors import HEADER, choose_request_id, current_request_id, error_form, set_request_id

_LOG = logging.getLogger(__name__)
# nginx's number for a caller that left before its answer.
_LEFT = 499
# Statuses of an answer that has what was read, or leads to it.
_READ = (200, 302)


class Observe:
    """ASGI middleware, see the module."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        set_request_id(choose_request_id(headers.get(HEADER)))
        hand_on_trace(headers)
        answer = _Answer(send, begin_timing())
        begin = time.monotonic()
        try:
            with _span(scope):
                await self._app(scope, receive, answer.send)
        except Exception:
            _LOG.exception("fault", extra=_described(scope))
            if not answer.status:
                detail = "the gateway failed on this request; its log has the details under the request's id"
                await error_form(scope)(500, detail, None)(scope, receive, answer.send)
        finally:
            _note(scope, answer.status or _LEFT, time.monotonic() - begin)


class _Answer:
    """Adds headers to an answer on its way, and remembers its status."""

    def __init__(self, send: Send, timing: RequestTiming) -> None:
        self._send = send
        self._timing = timing
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[HEADER] = current_request_id()
            # No browser may take a result or a page of errors for something else.
            headers.setdefault("x-content-type-options", "nosniff")
            if self.status in _READ and (told := self._timing.header):
                headers[TIMING_HEADER] = told
        await self._send(message)


def _span(scope: Scope) -> AbstractContextManager[None]:
    tracing: Tracing = scope["app"].state.services.tracing
    return tracing.span(f"HTTP {_method(scope)}", Headers(scope=scope), request_id=current_request_id())


def _note(scope: Scope, status: int, seconds: float) -> None:
    metrics: Metrics = scope["app"].state.services.metrics
    metrics.note_request(_route(scope), _method(scope), status, seconds)
    _LOG.info("answered", extra={**_described(scope), "status": status, "milliseconds": round(seconds * 1000, 1)})


def _described(scope: Scope) -> dict[str, object]:
    """A request without its path and query: they may hold a signature, or anything that a caller types."""
    return {"method": _method(scope), "route": _route(scope), "caller": scope.get("state", {}).get("caller")}


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "other"))


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    # A made-up method must not become a label of its own.
    return method if method in {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"} else "other"


# The hosted endpoint's paths wait for work or hand out results, which is no use without the body.
_NOT_BELOW = "/v2/"


class HeadAsGet:
    """ASGI middleware. The server itself leaves the body out of the answer to a HEAD, and keeps its length."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"].startswith(_NOT_BELOW):
            await self._app(scope, receive, send)
            return
        # A copy: the server goes by the original's method.
        inner = {**scope, "method": "GET"}
        try:
            await self._app(inner, receive, send)
        finally:
            scope["route"] = inner.get("route")


class CancelOnDisconnect:
    """ASGI middleware. From a body's last byte on it listens for the caller to leave; until then, readers notice."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watch = _Watch(receive, send)
        work = asyncio.ensure_future(self._app(scope, watch.receive, watch.send))
        watch.work = work
        try:
            await work
        except asyncio.CancelledError:
            if not watch.has_left:
                raise
        finally:
            watch.stop()


class _Watch:
    """One request's messages, and who listens for the last of them."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._listening: asyncio.Task[Message] | None = None
        self._is_answered = False
        self.has_left = False
        self.work: asyncio.Future[None] | None = None

    async def receive(self) -> Message:
        if self._listening is not None:
            # Shielded: a handler that gives up asking must not end the listening.
            return await asyncio.shield(self._listening)
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._listening = asyncio.create_task(self._listen())
        return message

    async def send(self, message: Message) -> None:
        # Set first: the server says "disconnect" once the last byte is out, too.
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._is_answered = True
        await self._send(message)

    async def _listen(self) -> Message:
        message = await self._receive()
        if not self._is_answered and self.work is not None:
            self.has_left = True
            self.work.cancel()
        return message

    def stop(self) -> None:
        if self._listening is not None:
            self._listening.cancel()

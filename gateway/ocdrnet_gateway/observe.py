"""The outermost layer: gives each request its id, counts and logs its answer, and turns a fault into a 500."""

from __future__ import annotations

import logging
import time
from contextlib import AbstractContextManager

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocdrnet_gateway.metrics import Metrics
from ocdrnet_gateway.problems import problem_response
from ocdrnet_gateway.request_id import HEADER, choose_request_id, current_request_id, set_request_id
from ocdrnet_gateway.tracing import Tracing

_LOG = logging.getLogger(__name__)
# nginx's number for a caller that left before its answer.
_LEFT = 499


class Observe:
    """ASGI middleware, see the module."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        set_request_id(choose_request_id(Headers(scope=scope).get(HEADER)))
        answer = _Answer(send)
        begin = time.monotonic()
        try:
            with _span(scope):
                await self._app(scope, receive, answer.send)
        except Exception:
            _LOG.exception("fault", extra=_described(scope))
            if not answer.status:
                detail = "the gateway failed on this request; its log has the details under the request's id"
                await problem_response(500, detail)(scope, receive, answer.send)
        finally:
            _note(scope, answer.status or _LEFT, time.monotonic() - begin)


class _Answer:
    """Adds headers to an answer on its way, and remembers its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[HEADER] = current_request_id()
            # No browser may take a result or a page of errors for something else.
            headers.setdefault("x-content-type-options", "nosniff")
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

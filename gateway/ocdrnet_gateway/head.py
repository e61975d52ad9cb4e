"""HEAD wherever GET looks and changes nothing: monitors and link checkers ask so."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

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

"""Cancels a request's work when its caller has left."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


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

"""What a client needs from a transport; a test can pass its own."""

from __future__ import annotations

from typing import Protocol

from ocdrnet_client.protocol import InferRequest, Tensors


class Transport(Protocol):
    """Sends requests and blocks for the answers; usable from several threads at once.

    Methods raise the package's own errors only. `timeout` is in seconds, None waits for ever.
    """

    def infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        """The outputs that the model gave for one request, by name."""

    def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """Whether the server would take a request for the model now."""

    def close(self) -> None:
        """Break off the requests under way and release the connection."""


class AsyncTransport(Protocol):
    """`Transport` for one event loop."""

    async def infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        """The outputs that the model gave for one request, by name."""

    async def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """Whether the server would take a request for the model now."""

    async def close(self) -> None:
        """Break off the requests under way and release the connection."""

"""An answer whose bytes count as held until the caller has taken them."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ocdrnet_gateway.memory import MemoryBudget

# The server waits for the caller between two pieces, where it would take the whole of a single one into its buffer.
_PIECE = 256 * 1024


class HeldResponse(Response):
    """See the module."""

    def __init__(self, content: bytes, media_type: str, headers: Mapping[str, str], memory: MemoryBudget) -> None:
        """Take the memory; it is given back when the answer was sent, or its caller left.

        Raises:
            TooLargeError: it is more than answers and bodies may take.
            OverloadedError: it is more than is free now.
        """
        super().__init__(content, media_type=media_type, headers=dict(headers))
        self._hold = memory.hold()
        self._hold.resize(len(content))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it piece by piece."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for start in range(0, max(1, len(self.body)), _PIECE):
                piece, is_last = self.body[start : start + _PIECE], start + _PIECE >= len(self.body)
                await send({"type": "http.response.body", "body": piece, "more_body": not is_last})
        finally:
            self._hold.release()

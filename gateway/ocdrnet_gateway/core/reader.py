"""Triton, by the project's own client; its errors become the gateway's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from ocdrnet_client import (
    AsyncClient,
    InvalidRequestError,
    OcdrnetError,
    Page,
    RequestTimeoutError,
    Retry,
    ServerError,
    Timeout,
    UnexpectedResponseError,
)
from ocdrnet_gateway.http_errors import (
    DeadlineError,
    GatewayError,
    ReaderFailedError,
    UnavailableError,
    UnprocessableError,
)

_LOG = logging.getLogger(__name__)
# A probe of Kubernetes waits one second by default; it should hear a no, not a timeout of its own.
_READY_TIMEOUT_S = 0.8


class Reader(Protocol):
    """What reads images; a test can pass its own."""

    async def read(self, image: bytes, options: Mapping[str, object], *, request_id: str, deadline_s: float) -> Page:
        """All text in one image.

        Args:
            image: an encoded image.
            options: see `docs/options.md`.
            request_id: for the server's log.
            deadline_s: seconds left for the answer; passed on to the server.

        Raises:
            GatewayError: what a caller should hear.
        """

    async def is_ready(self) -> bool:
        """Whether an image would be read now; answers within a second."""

    async def close(self) -> None:
        """Break off what is under way."""


class TritonReader:
    """See `Reader`. It belongs to one event loop; cancelling a `read` cancels the request in Triton."""

    def __init__(self, url: str) -> None:
        """Connect with the first request.

        Args:
            url: see `ocdrnet_client.address`.

        Raises:
            ConfigurationError: the url cannot be used.
        """
        # No retries: where no other server answers either, a 503 within a moment lets the caller, or its proxy, choose
        # another gateway.
        self._client = AsyncClient(url, timeout=Timeout(ready=_READY_TIMEOUT_S), retry=Retry(attempts=1))

    async def read(self, image: bytes, options: Mapping[str, Any], *, request_id: str, deadline_s: float) -> Page:
        """See `Reader.read`."""
        if deadline_s <= 0:
            raise DeadlineError("the time for this request was over before it reached the server; try again later")
        try:
            return await self._client.read(image, request_id=request_id, timeout=deadline_s, **options)
        except OcdrnetError as error:
            raise _problem(error) from None

    async def is_ready(self) -> bool:
        """See `Reader.is_ready`."""
        try:
            return await self._client.is_ready()
        except OcdrnetError:
            return False

    async def close(self) -> None:
        """See `Reader.close`."""
        await self._client.close()


def _problem(error: OcdrnetError) -> GatewayError:
    """Only a refusal's own words reach the caller; the others name addresses inside the deployment."""
    if isinstance(error, InvalidRequestError):
        return UnprocessableError(str(error))
    _LOG.warning("reading failed", extra={"error": type(error).__name__})
    if isinstance(error, RequestTimeoutError):
        return DeadlineError("the server did not answer in time; try again later, or send a smaller image")
    if isinstance(error, (ServerError, UnexpectedResponseError)):
        return ReaderFailedError("the server failed on this request; its log has the details under the request's id")
    return UnavailableError("the server that reads images is away or still loading; try again in a moment", 2)

"""The client for an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from ocdrnet_client.address import DEFAULT_URL, Address
from ocdrnet_client.config import DEFAULT_RETRY, DEFAULT_TIMEOUT, Attempts, Retry, Timeout, as_timeout, request_timeout
from ocdrnet_client.documents.document import Document
from ocdrnet_client.documents.opened import DEFAULT_DPI, DocumentSource, OpenDocument, TextLayer
from ocdrnet_client.documents.reading import read_pages_async
from ocdrnet_client.errors import (
    ClientClosedError,
    ConfigurationError,
    ModelNotFoundError,
    OcdrnetError,
    RequestTimeoutError,
    ServerUnavailableError,
)
from ocdrnet_client.images import ChannelOrder, ImageSource, image_name
from ocdrnet_client.ordered import check_concurrency, map_in_tasks
from ocdrnet_client.protocol import MODEL, InferRequest, Tensors, build_request, parse_page
from ocdrnet_client.results import Outcome, Page, Source
from ocdrnet_client.transports.base import AsyncTransport
from ocdrnet_client.transports.opening import open_async_transport
from ocdrnet_ops.options import ReadOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AsyncClient:
    """`Client` with `await`: same arguments, same errors. It belongs to the loop of its first request, and says so.

    Example:
        >>> async with AsyncClient("http://127.0.0.1:8000") as client:
        ...     print((await client.read("photo.jpg")).text)
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        model: str = MODEL,
        timeout: Timeout | float = DEFAULT_TIMEOUT,
        retry: Retry = DEFAULT_RETRY,
        headers: Mapping[str, str] | None = None,
        transport: AsyncTransport | None = None,
    ) -> None:
        """Make a client, see `Client`; it may be made outside of any loop.

        Raises:
            ConfigurationError: the url, a timeout or a retry setting cannot be used.
        """
        self._address = Address.parse(url)
        self._model = model
        self._timeout = as_timeout(timeout)
        self._retry = retry
        self._headers = headers or {}
        self._closed = asyncio.Event()
        self._transport = transport
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Break off requests under way and release the connection; closing twice does nothing.

        Raises:
            ConfigurationError: the client belongs to another event loop, which still runs.
        """
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            if not self._loop.is_closed():
                raise _of_another_loop()
            self._transport = None  # its connection went with its loop
        self._closed.set()
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()

    async def is_ready(self) -> bool:
        """Whether a server answers at the url and would take an image now; asked once, without retries.

        Raises:
            OcdrnetError: the server answers, but refuses to say, for instance for lack of rights.
        """
        try:
            return await self._open().is_model_ready(self._model, self._timeout.ready)
        except (ServerUnavailableError, RequestTimeoutError, ModelNotFoundError):
            return False

    async def read(
        self,
        image: ImageSource,
        *,
        channel_order: ChannelOrder = "RGB",
        request_id: str = "",
        timeout: float | None = None,
        **options: Unpack[ReadOptions],
    ) -> Page:
        """All text in one image, see `Client.read`. Cancelling it cancels the request on the server, over gRPC."""
        return await self._read(image, channel_order, options, request_id, timeout)

    def read_many(
        self,
        images: Iterable[Source] | AsyncIterable[Source],
        *,
        concurrency: int = 4,
        channel_order: ChannelOrder = "RGB",
        **options: Unpack[ReadOptions],
    ) -> AsyncIterator[Outcome[Source]]:
        """Read many images at a time, in order, see `Client.read_many`; `images` may be async, too."""

        async def outcome(source: Source) -> Outcome[Source]:
            try:
                return Outcome(source, page=await self._read(source, channel_order, options))
            except OcdrnetError as error:
                return Outcome(source, error=error)

        return map_in_tasks(outcome, images, check_concurrency(concurrency))

    async def read_document(
        self,
        source: DocumentSource,
        *,
        pages: str = "",
        dpi: float = DEFAULT_DPI,
        text_layer: TextLayer = "auto",
        password: str = "",
        concurrency: int = 4,
        timeout: float | None = None,
        **options: Unpack[ReadOptions],
    ) -> Document:
        """All pages of a PDF or a TIFF, see `Client.read_document`."""
        start = time.monotonic()
        document = await asyncio.to_thread(
            OpenDocument, source, pages=pages, dpi=dpi, text_layer=text_layer, password=password
        )
        try:
            found = read_pages_async(
                document, lambda image: self._read(image, "RGB", options, timeout=timeout), concurrency
            )
            done = tuple([page async for page in found])
        finally:
            await asyncio.to_thread(document.close)
        return Document(image_name(source), done, document.page_count, time.monotonic() - start)

    async def _read(
        self,
        image: ImageSource,
        channel_order: ChannelOrder,
        options: Mapping[str, object],
        request_id: str = "",
        timeout: float | None = None,
    ) -> Page:
        # Reading a file and encoding an array would hold up the loop.
        request = await asyncio.to_thread(build_request, image, options, channel_order, self._model, request_id)
        return parse_page(await self._infer(request, timeout), image_name(image))

    async def _infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        attempts = Attempts(self._retry, request_timeout(timeout, self._timeout))
        while True:
            try:
                return await self._open().infer(request, attempts.remaining())
            except ServerUnavailableError as error:
                await self._pause(attempts, error)

    async def _pause(self, attempts: Attempts, error: ServerUnavailableError) -> None:
        if not self._closed.is_set():
            seconds = attempts.wait_after(error)
            # An event rather than a sleep: closing the client ends the wait.
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._closed.wait(), seconds)

    def _open(self) -> AsyncTransport:
        if self._closed.is_set():
            raise ClientClosedError("the client is closed; make a new one")
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise _of_another_loop()
        if self._transport is None:
            # Not in __init__: gRPC and aiohttp tie a connection to the loop that runs when it is made.
            self._transport = open_async_transport(self._address, self._headers, self._model)
        return self._transport


def _of_another_loop() -> ConfigurationError:
    return ConfigurationError(
        "this AsyncClient belongs to the event loop of its first request, and this is another one; make a client in "
        "each, such as by `async with AsyncClient(url) as client`, or use the blocking Client, which needs no loop"
    )

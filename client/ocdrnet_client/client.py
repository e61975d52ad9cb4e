"""The blocking client."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from ocdrnet_client.address import DEFAULT_URL, Address
from ocdrnet_client.config import DEFAULT_RETRY, DEFAULT_TIMEOUT, Attempts, Retry, Timeout, as_timeout, request_timeout
from ocdrnet_client.documents.document import Document
from ocdrnet_client.documents.opened import DEFAULT_DPI, DocumentSource, OpenDocument, TextLayer
from ocdrnet_client.documents.reading import read_pages
from ocdrnet_client.errors import (
    ClientClosedError,
    ModelNotFoundError,
    OcdrnetError,
    RequestTimeoutError,
    ServerUnavailableError,
)
from ocdrnet_client.images import ChannelOrder, ImageSource, image_name
from ocdrnet_client.ordered import check_concurrency, map_in_threads
from ocdrnet_client.protocol import MODEL, InferRequest, Tensors, build_request, parse_page
from ocdrnet_client.results import Outcome, Page, Source
from ocdrnet_client.transports.base import Transport
from ocdrnet_client.transports.opening import open_transport
from ocdrnet_ops.options import ReadOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Client:
    """Reads text by an `ocdrnet` server; one client may be used from many threads, and in forked children.

    Example:
        >>> with Client("grpc://127.0.0.1:8001") as client:
        ...     print(client.read("photo.jpg", min_text_score=0.5).text)
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        model: str = MODEL,
        timeout: Timeout | float = DEFAULT_TIMEOUT,
        retry: Retry = DEFAULT_RETRY,
        headers: Mapping[str, str] | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Make a client; it connects with its first request.

        Args:
            url: `grpc://host:port`, `grpcs://`, `http://`, `https://`, or `host:port` for gRPC. Several
                servers with commas between, or behind one name, take turns.
            model: the ensemble's name in the server's repository.
            timeout: limits in seconds; a number limits one `read`.
            retry: how often, and after what waits, an unavailable server is asked again.
            headers: sent with every request, for instance `authorization`.
            transport: used instead of a connection to `url`, for tests.

        Raises:
            ConfigurationError: the url, a timeout or a retry setting cannot be used.
        """
        self._address = Address.parse(url)
        self._model = model
        self._timeout = as_timeout(timeout)
        self._retry = retry
        self._closed = threading.Event()
        self._headers = headers or {}
        self._is_given = transport is not None
        self._transport = transport or open_transport(self._address, self._headers, model)
        self._process = os.getpid()
        self._reopening = threading.Lock()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Break off requests under way and release the connection; closing twice does nothing."""
        if not self._closed.is_set():
            transport = self._open()
            self._closed.set()
            transport.close()

    def is_ready(self) -> bool:
        """Whether a server answers at the url and would take an image now; asked once, without retries.

        Raises:
            OcdrnetError: the server answers, but refuses to say, for instance for lack of rights.
        """
        transport = self._open()
        try:
            return transport.is_model_ready(self._model, self._timeout.ready)
        except (ServerUnavailableError, RequestTimeoutError, ModelNotFoundError):
            return False

    def read(
        self,
        image: ImageSource,
        *,
        channel_order: ChannelOrder = "RGB",
        request_id: str = "",
        timeout: float | None = None,
        **options: Unpack[ReadOptions],
    ) -> Page:
        """All text in one image.

        Args:
            image: a path; the bytes of a JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC or AVIF file, or a file opened
                with "rb"; a uint8 array, [height, width] gray or [height, width, 3] colour; or a Pillow image.
            channel_order: of an array: `RGB` as Pillow has it, `BGR` as OpenCV has it.
            request_id: that the server names in its log and its messages.
            timeout: seconds for this call, retries included, instead of the client's own.
            **options: of this request, such as `min_text_score=0.5`; `ocdrnet_ops.options.OPTIONS` lists them
                with their ranges. One left out has the server's default.

        Raises:
            InvalidRequestError: the image cannot be read, or an option is unknown or out of range.
            ServerUnavailableError: no server, or a full one, even after the retries.
            RequestTimeoutError: no answer within the timeout, retries included.
            ConfigurationError: `timeout` is not above 0.
            OcdrnetError: anything else, see `ocdrnet_client.errors`.
        """
        return self._read(image, channel_order, options, request_id, timeout)

    def read_many(
        self,
        images: Iterable[Source],
        *,
        concurrency: int = 4,
        channel_order: ChannelOrder = "RGB",
        **options: Unpack[ReadOptions],
    ) -> Iterator[Outcome[Source]]:
        """Read many images at a time, in order; one that fails does not end the others.

        Args:
            images: pulled as outcomes are consumed, at most twice `concurrency` ahead, so that a generator
                over millions is fine. An error raised by the iterable itself ends the iteration.
            concurrency: requests under way at once, 1 or more.
            channel_order: of arrays, see `read`.
            **options: of every request, see `read`.

        Returns:
            One `Outcome` for each image: its page, or the error that took its place.

        Raises:
            ConfigurationError: `concurrency` is below 1.
        """

        def outcome(source: Source) -> Outcome[Source]:
            try:
                return Outcome(source, page=self._read(source, channel_order, options))
            except OcdrnetError as error:
                return Outcome(source, error=error)

        return map_in_threads(outcome, images, check_concurrency(concurrency))

    def read_document(
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
        """All pages of a PDF or a TIFF; a page that fails does not end the others.

        Args:
            source: a path, bytes, or a file opened with "rb".
            pages: such as `1-3,7` or `5-`; all if empty.
            dpi: dots per inch at which PDF pages are drawn, 36 to 1200.
            text_layer: `ocr` reads every page; `trust` takes the text that a PDF page holds; `auto` takes it where it
                is sound, see `ocdrnet_client.documents.text_layer`.
            password: of an encrypted PDF.
            concurrency: pages under way at once, 1 or more.
            timeout: seconds for each page, retries included, instead of the client's own.
            **options: of every page, see `read`.

        Raises:
            InvalidRequestError: the file cannot be opened, or an argument is out of range.
            ConfigurationError: `concurrency` is below 1, or `timeout` is not above 0.
        """
        start = time.monotonic()
        with OpenDocument(source, pages=pages, dpi=dpi, text_layer=text_layer, password=password) as document:
            found = tuple(
                read_pages(document, lambda image: self._read(image, "RGB", options, timeout=timeout), concurrency)
            )
            name = image_name(source)
            return Document(name, found, document.page_count, time.monotonic() - start)

    def _read(
        self,
        image: ImageSource,
        channel_order: ChannelOrder,
        options: Mapping[str, object],
        request_id: str = "",
        timeout: float | None = None,
    ) -> Page:
        request = build_request(image, options, channel_order, self._model, request_id)
        return parse_page(self._infer(request, timeout), image_name(image))

    def _infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        attempts = Attempts(self._retry, request_timeout(timeout, self._timeout))
        while True:
            transport = self._open()
            try:
                return transport.infer(request, attempts.remaining())
            except ServerUnavailableError as error:
                # An event rather than a sleep: closing the client ends the wait.
                self._closed.wait(attempts.wait_after(error))

    def _open(self) -> Transport:
        """The connection; in a forked child one of its own, since the parent's has its threads in the parent."""
        if self._closed.is_set():
            raise ClientClosedError("the client is closed; make a new one")
        if self._process != os.getpid() and not self._is_given:
            with self._reopening:
                if self._process != os.getpid():
                    # Never freed: closing the inherited one would take the parent's sockets out of the epoll that both
                    # processes share.
                    ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._transport))
                    self._closed = threading.Event()
                    self._transport = open_transport(self._address, self._headers, self._model)
                    self._process = os.getpid()
        return self._transport

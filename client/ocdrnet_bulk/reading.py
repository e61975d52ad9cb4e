"""Reads images and pages of documents, and outlasts a server that restarts."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ocdrnet_bulk.errors import ServerGoneError
from ocdrnet_bulk.journal import Record
from ocdrnet_bulk.sources import ImageSource
from ocdrnet_client.client import Client
from ocdrnet_client.config import Retry
from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.opened import (
    DEFAULT_DPI,
    DocumentLimits,
    DrawnPage,
    OpenDocument,
    TextLayer,
    page_numbers,
)
from ocdrnet_client.documents.reading import is_document
from ocdrnet_client.errors import (
    ClientClosedError,
    InvalidRequestError,
    ModelNotFoundError,
    OcdrnetError,
    ServerError,
    ServerUnavailableError,
    UnexpectedResponseError,
)
from ocdrnet_client.image_files import SUFFIXES
from ocdrnet_client.images import encoded_image
from ocdrnet_client.results import Page

# No image's fault: a server that stops cancels its requests, and one that starts has no model yet.
_AWAY = (ServerUnavailableError, ClientClosedError, ModelNotFoundError)
# May be the image's fault or that of a server about to go; tried a few times before the image is given up.
_BROKEN = (ServerError, UnexpectedResponseError)
_BROKEN_TRIES = 3
_BACKOFF = Retry(initial=0.5, maximum=10.0)


@dataclass(frozen=True)
class DocumentOptions:
    """How documents are read: see `ocdrnet_client.Client.read_document`."""

    pages: str = ""
    dpi: float = DEFAULT_DPI
    text_layer: TextLayer = "auto"
    password: str = field(default="", repr=False)

    def numbers(self, page_count: int) -> list[int]:
        """The pages that are read of a document of so many; those that it does not have are left out.

        Raises:
            InvalidRequestError: `pages` is no list of pages.
        """
        return [number for number in page_numbers(self.pages, DocumentLimits().pages) if number <= page_count]

    def open(self, file: Path | bytes) -> OpenDocument:
        """Open a document.

        Raises:
            OcdrnetError: it cannot be opened.
        """
        return OpenDocument(file, dpi=self.dpi, text_layer=self.text_layer, password=self.password)


@dataclass(frozen=True)
class Plan:
    """What is to be done for an entry of the list.

    Attributes:
        entry: of the list.
        page_count: of the document as it was found before; 0 if it is not known, and for an image.
        after: pages up to this one have their records already.
        earlier: what an earlier pass read and is kept, by the number of the page; 0 for an image.
        is_due: whether something is to be read, or a file to be made; otherwise all is in `earlier`.
    """

    entry: str
    page_count: int = 0
    after: int = 0
    earlier: Mapping[int, Record] = field(default_factory=dict)
    is_due: bool = True


@dataclass(frozen=True)
class Step:
    """A record to come.

    Attributes:
        record: makes it; called in a thread.
        is_new: whether it is made now, not kept from an earlier pass.
        is_due: of its entry, see `Plan`.
    """

    record: Callable[[], Record]
    is_new: bool = True
    is_due: bool = True


# Entries that are looked at, and documents that are opened, at a time; twice as many may wait for their turn.
OPENERS = 2
# Documents that are open at once: more than wait, so that one whose turn it is always finds a place.
_MOST_OPEN = 2 * OPENERS + 2
# Never read page by page; all others are looked at.
_IMAGES = SUFFIXES - {".tif", ".tiff"}


class PatientReader:
    """Turns entries of the list into their records; may be used from many threads."""

    def __init__(
        self,
        client: Client,
        source: ImageSource,
        parameters: Mapping[str, Any],
        patience: float,
        documents: DocumentOptions = DocumentOptions(),
        makes_files: bool = False,
    ) -> None:
        """Make a reader.

        Args:
            client: of the server.
            source: of the images and documents.
            parameters: of every request.
            patience: seconds that the server may be away.
            documents: how these are read.
            makes_files: whether each entry's last record is that of a file, which somebody else makes.
        """
        self._client = client
        self._source = source
        self._parameters = parameters
        self._patience = patience
        self._documents = documents
        self._files = int(makes_files)
        self._stopped = threading.Event()
        self._open: set[_Pages] = set()
        self._places = threading.Semaphore(_MOST_OPEN)

    def numbers(self, page_count: int) -> list[int]:
        """The records of an entry by their pages: `[0]` of an image, which has no pages."""
        return self._documents.numbers(page_count) if page_count else [0]

    def steps(self, plan: Plan) -> list[Step]:
        """The records that an entry will have; a document is opened, and closed when its last page is drawn."""
        if not plan.earlier and not plan.page_count:
            return self._first_steps(plan.entry)
        numbers = [number for number in self.numbers(plan.page_count) if number > plan.after or not plan.page_count]
        missing = [number for number in numbers if number not in plan.earlier]
        pages = self._reopened(plan, len(missing)) if missing else None
        steps = []
        for at, number in enumerate(numbers, 1):
            place = self._place(plan.entry, number, plan.page_count, len(numbers) - at)
            if number in plan.earlier:
                kept = dataclasses.replace(place, page=plan.earlier[number].page)
                steps.append(Step(partial(_itself, kept), is_new=False, is_due=plan.is_due))
            elif isinstance(pages, _Pages):
                steps.append(Step(partial(self._page, place, pages)))
            else:
                assert pages is not None
                steps.append(Step(partial(_failed, place, pages)))
        return steps

    def stop(self) -> None:
        """End all waiting at once, and all processes that draw."""
        self._stopped.set()
        for pages in list(self._open):
            pages.close()

    def _first_steps(self, entry: str) -> list[Step]:
        try:
            file = None if Path(entry).suffix.lower() in _IMAGES else self._source.file(entry)
            if file is None or not is_document(file):
                return [Step(partial(self._image, Record(entry, left=self._files), file))]
            document = self._opened(file)
            numbers = self._documents.numbers(document.page_count)
            if not numbers:
                self._refused(document)
                raise InvalidRequestError(
                    f"--pages {self._documents.pages} names no page of the document, which has {document.page_count}"
                )
        except OcdrnetError as error:
            return [Step(partial(_failed, Record(entry), error))]
        pages, count = self._kept_open(document, len(numbers)), document.page_count
        return [
            Step(partial(self._page, self._place(entry, number, count, len(numbers) - at), pages))
            for at, number in enumerate(numbers, 1)
        ]

    def _place(self, entry: str, number: int, page_count: int, following: int) -> Record:
        return Record(entry, number=number, page_count=page_count, left=following + self._files)

    def _reopened(self, plan: Plan, count: int) -> _Pages | OcdrnetError:
        try:
            document = self._opened(self._source.file(plan.entry))
        except OcdrnetError as error:
            return error
        if document.page_count != plan.page_count:
            self._refused(document)
            return InvalidRequestError(
                f"the document has {document.page_count} pages now, and had {plan.page_count} when the run began"
            )
        return self._kept_open(document, count)

    def _opened(self, file: Path | bytes) -> OpenDocument:
        self._places.acquire()
        try:
            return self._documents.open(file)
        except BaseException:
            self._places.release()
            raise

    def _refused(self, document: OpenDocument) -> None:
        document.close()
        self._places.release()

    def _kept_open(self, document: OpenDocument, count: int) -> _Pages:
        pages = _Pages(document, count, self._closed)
        self._open.add(pages)
        if self._stopped.is_set():
            pages.close()
        return pages

    def _closed(self, pages: _Pages) -> None:
        with suppress(KeyError):  # closed twice
            self._open.remove(pages)
            self._places.release()

    def _image(self, place: Record, file: Path | bytes | None) -> Record:
        try:
            data = encoded_image(self._source.file(place.image) if file is None else file)
        except OcdrnetError as error:
            return _failed(place, error)
        page = self._answer(data)
        if isinstance(page, OcdrnetError):
            return _failed(place, page)
        return dataclasses.replace(place, page=dataclasses.replace(page, image=place.image).to_dict())

    def _page(self, place: Record, pages: _Pages) -> Record:
        drawn = pages.draw(place.number)
        page = drawn.error or drawn.page or self._answer(drawn.image)
        if isinstance(page, OcdrnetError):
            return _failed(place, page)
        page = dataclasses.replace(page, image=place.image)
        said = DocumentPage(place.number, page, None, drawn.dpi, drawn.text_source).to_dict()
        # Two runs on the same documents write the same results.
        del said["seconds"]
        return dataclasses.replace(place, page={"page": place.number, "page_count": place.page_count, **said})

    def _answer(self, image: bytes) -> Page | OcdrnetError:
        """What a server says of an image, or why it does not.

        Raises:
            ServerGoneError: the server was away for longer than allowed, or `stop` was called.
        """
        until, failures = time.monotonic() + self._patience, 0
        while True:
            try:
                return self._client.read(image, **self._parameters)
            except OcdrnetError as error:
                failures += 1
                if not isinstance(error, _AWAY) and not (isinstance(error, _BROKEN) and failures < _BROKEN_TRIES):
                    return error
                self._wait(failures, until, error)

    def _wait(self, failures: int, until: float, error: OcdrnetError) -> None:
        seconds = _BACKOFF.wait(failures, random.random())
        if self._stopped.is_set() or time.monotonic() + seconds > until:
            raise ServerGoneError(f"{error}. It was away for {self._patience:g} s; run again to go on") from error
        self._stopped.wait(seconds)


class _Pages:
    """An open document, which closes itself when so many pages are drawn."""

    def __init__(self, document: OpenDocument, count: int, when_closed: Callable[[_Pages], None]) -> None:
        self._document, self._left, self._when_closed = document, count, when_closed
        self._lock = threading.Lock()

    def draw(self, number: int) -> DrawnPage:
        drawn = self._document.draw(number)
        with self._lock:
            self._left -= 1
        if not self._left:
            self.close()
        return drawn

    def close(self) -> None:
        self._document.close()
        self._when_closed(self)


def _itself(record: Record) -> Record:
    return record


def _failed(place: Record, error: OcdrnetError) -> Record:
    """What failed has a file only if it is one page of several."""
    left = place.left if place.number else 0
    return dataclasses.replace(place, error=type(error).__name__, reason=str(error), left=left)

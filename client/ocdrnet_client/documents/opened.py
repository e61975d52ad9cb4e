"""A document that is open: its pages, drawn one after the other by a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, TypeAlias, cast

from ocdrnet_client.documents.document import DocumentPage, TextSource
from ocdrnet_client.documents.page_worker import read_message, write_message
from ocdrnet_client.errors import InvalidRequestError, RequestTimeoutError
from ocdrnet_client.images import encoded_image
from ocdrnet_client.results import Page

TextLayer: TypeAlias = Literal["auto", "ocr", "trust"]
DocumentSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
TEXT_LAYERS: tuple[TextLayer, ...] = ("auto", "ocr", "trust")
DEFAULT_DPI = 200.0
LEAST_DPI, MOST_DPI = 36.0, 1200.0
LEAST_PREVIEW, MOST_PREVIEW = 64, 2000  # pixels of a preview's longer side
_RANGE = re.compile(r"\s*(\d+)?\s*(-)?\s*(\d+)?\s*")


@dataclass(frozen=True)
class DocumentLimits:
    """What opening and drawing a document may cost.

    Attributes:
        memory: bytes of address space of the process that draws, beside what it takes at its start; 0 for no limit;
            held on Linux only. A coloured page of 50 million pixels takes 0.4 GiB.
        open_s: seconds until the document is open.
        page_s: seconds for the drawing of a page.
        write_s: seconds for the writing of a searchable PDF; 500 pages take 13.
        pages: most pages of one document.
        pixels: most pixels of a drawn page; a larger one is drawn at fewer dots.
    """

    memory: int = 2 << 30
    open_s: float = 20
    page_s: float = 20
    write_s: float = 120
    pages: int = 10_000
    pixels: int = 50_000_000


@dataclass(frozen=True)
class DrawnPage:
    """A page to be read, or one whose text the PDF itself holds, or the error that took its place.

    Attributes:
        number: from 1.
        image: an encoded image; empty if there is nothing to read.
        page: the text that the PDF holds.
        dpi: see `DocumentPage`.
        error: why it could not be drawn.
        preview: a JPEG of the page, where it was asked for.
    """

    number: int
    image: bytes = b""
    page: Page | None = None
    dpi: float = 0
    error: InvalidRequestError | None = None
    preview: bytes = b""

    @property
    def text_source(self) -> TextSource:
        """Where the text comes from."""
        return "text_layer" if self.page else "ocr"


class OpenDocument:
    """A PDF or an image file of one or several frames; draws its pages, and may be used from several threads.

    Example:
        >>> with OpenDocument("scan.pdf") as document:
        ...     images = [document.draw(number).image for number in document.numbers]
    """

    def __init__(
        self,
        source: DocumentSource,
        *,
        pages: str = "",
        dpi: float = DEFAULT_DPI,
        text_layer: TextLayer = "auto",
        password: str = "",
        preview: int = 0,
        limits: DocumentLimits = DocumentLimits(),
    ) -> None:
        """Open it.

        Args:
            source: a path, bytes, or a file opened with "rb".
            pages: such as `1-3,7` or `5-`; all if empty.
            dpi: dots per inch at which PDF pages are drawn, 36 to 1200.
            text_layer: `ocr` reads every page; `trust` takes the text that a page holds; `auto` takes it where it is
                sound, see `text_layer.find_text_layer`.
            password: of an encrypted PDF.
            preview: pixels, 64 to 2000, of the longer side of a JPEG of each page, made as the page is drawn; 0 for
                none.
            limits: see there.

        Raises:
            InvalidRequestError: it cannot be read or opened, or an argument is out of its range.
            RequestTimeoutError: opening took longer than the limit.
        """
        if not LEAST_DPI <= dpi <= MOST_DPI:
            raise InvalidRequestError(f"dpi is {dpi:g}; it must be {LEAST_DPI:g} to {MOST_DPI:g}")
        if text_layer not in TEXT_LAYERS:
            raise InvalidRequestError(f"text_layer is {text_layer!r}; it must be one of {', '.join(TEXT_LAYERS)}")
        if preview and not LEAST_PREVIEW <= preview <= MOST_PREVIEW:
            raise InvalidRequestError(f"preview is {preview}; it must be {LEAST_PREVIEW} to {MOST_PREVIEW}, or 0")
        self._path = os.path.abspath(source) if isinstance(source, (str, os.PathLike)) else ""
        # The other process shall not be the one to say that there is no such file.
        self._data = b"" if self._path else encoded_image(source)
        if self._path and not os.access(self._path, os.R_OK):
            encoded_image(cast(Path, source))
        self._dpi, self._text_layer, self._preview = dpi, text_layer, preview
        self._password, self._limits = password, limits
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._is_closed = False
        try:
            opened = self._open()
            self.kind, self.page_count = str(opened["kind"]), int(opened["pages"])
            if self.page_count < 1:
                raise InvalidRequestError("the document has no pages")
            if self.page_count > limits.pages:
                raise InvalidRequestError(
                    f"the document has {self.page_count:,} pages; the limit is {limits.pages:,}: split it"
                )
            self.numbers = page_numbers(pages, self.page_count)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> OpenDocument:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process that draws, and what another thread has drawn by it; closing twice does nothing."""
        self._is_closed = True
        if worker := self._worker:
            worker.kill()
        with self._lock:
            self._drop_worker()

    def draw(self, number: int) -> DrawnPage:
        """One page; what is wrong with it is its error."""
        with self._lock:
            try:
                said, images = self._asked(
                    {
                        "page": number,
                        "dpi": self._dpi,
                        "text_layer": self._text_layer,
                        "pixels": self._limits.pixels,
                        "preview": self._preview,
                    },
                    self._limits.page_s,
                )
            except (_WorkerEndedError, RequestTimeoutError) as error:
                self._drop_worker()
                reason = str(error) or "it ended the process that draws, for lack of memory or by a fault"
                return DrawnPage(number, error=InvalidRequestError(f"page {number} cannot be drawn: {reason}"))
            except InvalidRequestError as error:
                return DrawnPage(number, error=error)
        page = Page.from_dict(said["layer"]) if said["layer"] else None
        end = len(images) - int(said["preview"])
        return DrawnPage(number, images[:end], page, float(said["dpi"]), preview=images[end:])

    def searchable(self, pages: Iterable[DocumentPage] | Path) -> bytes:
        """The document as a searchable PDF, written by the process that draws: see `searchable_pdf.add_text_layer`.

        Args:
            pages: what was read; or a file of it with a page's `to_dict` as JSON in each line, so that a long document
                need not be in memory.

        Raises:
            InvalidRequestError: the document is signed or cannot be changed, or it took too much time or memory.
        """
        text = str(pages) if isinstance(pages, Path) else [page.to_dict() for page in pages]
        with self._lock:
            try:
                return self._asked({"text": text}, self._limits.write_s)[1]
            except (_WorkerEndedError, RequestTimeoutError) as error:
                self._drop_worker()
                reason = str(error) or "it ended the process that writes, for lack of memory or by a fault"
                raise InvalidRequestError(f"the searchable PDF cannot be written: {reason}") from None

    def _drop_worker(self) -> None:
        if self._worker:
            self._worker.end()
            self._worker = None

    def _asked(self, message: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bytes]:
        if self._is_closed:
            raise InvalidRequestError("the document is closed")
        if self._worker is None:
            self._open()
        assert self._worker is not None
        said, blob = self._worker.ask(message, b"", seconds)
        if "error" in said:
            raise InvalidRequestError(said["error"])
        return said, blob

    def _open(self) -> dict[str, Any]:
        self._worker = _Worker()
        message = {"open": self._path or None, "password": self._password, "memory": self._limits.memory}
        try:
            said, _ = self._worker.ask(message, self._data, self._limits.open_s)
        except _WorkerEndedError:
            raise InvalidRequestError("opening it ended the process that draws: lack of memory, or a fault") from None
        if "error" in said:
            raise InvalidRequestError(said["error"])
        return said


def page_numbers(pages: str, count: int) -> range | list[int]:
    """The pages that `1-3,7` or `5-` names, in the order of the file, each once; all if it is empty.

    Raises:
        InvalidRequestError: it is no such list, or names a page beyond the last.
    """
    if not pages.strip():
        return range(1, count + 1)
    chosen: set[int] = set()
    for part in pages.split(","):
        found = _RANGE.fullmatch(part)
        if not found or not (found[1] or found[3]) or (found[3] and not found[2]):
            raise InvalidRequestError(f"pages={pages!r}: {part.strip()!r} is no page and no range such as 2-4 or 5-")
        first = int(found[1] or 1)
        last = int(found[3]) if found[3] else max(first, count) if found[2] else first
        if not 1 <= first <= last:
            raise InvalidRequestError(f"pages={pages!r}: {part.strip()!r} is no range; pages count from 1")
        if last > count:
            raise InvalidRequestError(f"pages={pages!r}: there is no page {last}; the document has {count}")
        chosen.update(range(first, last + 1))
    return sorted(chosen)


class _WorkerEndedError(Exception):
    """The process is gone."""


class _Worker:
    """The process of `page_worker`."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "ocdrnet_client.documents.page_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        # Where nobody closes the document, it ends with the object.
        weakref.finalize(self, self._child.kill)

    def ask(self, message: dict[str, Any], blob: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
        """The answer to a message.

        Raises:
            RequestTimeoutError: none within so many seconds; the process is ended.
            _WorkerEndedError: the process ended.
        """
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        is_late = threading.Event()

        def give_up() -> None:
            is_late.set()
            self._child.kill()

        timer = threading.Timer(seconds, give_up)
        timer.start()
        try:
            write_message(cast(BinaryIO, self._child.stdin), {**message, "seconds": seconds}, blob)
            answer = read_message(cast(BinaryIO, self._child.stdout))
        except (OSError, EOFError, ValueError):
            answer = None
        finally:
            timer.cancel()
        if answer is None:
            if is_late.is_set():
                raise RequestTimeoutError(f"it took longer than {seconds:g} s")
            raise _WorkerEndedError
        return answer

    def kill(self) -> None:
        """End it; whoever waits for an answer hears so."""
        self._child.kill()

    def end(self) -> None:
        """Kill it, and wait."""
        self._child.kill()
        self._child.communicate()

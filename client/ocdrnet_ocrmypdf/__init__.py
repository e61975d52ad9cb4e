"""OCRmyPDF's plugin: `ocrmypdf --ocdrnet-url grpc://HOST:PORT in.pdf out.pdf` reads the pages by an `ocdrnet` server.

OCRmyPDF finds it by its entry point, and asks it only where `--ocdrnet-url` or the variable `OCDRNET_URL` names a
server; otherwise Tesseract reads, as ever. OCRmyPDF draws the pages, turns and straightens them, asks for each page's
text, and makes the PDF/A. Which scripts are read is the server's matter: `--language` changes nothing.
"""

from __future__ import annotations

import atexit
import os
import threading
from argparse import ArgumentParser
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from ocrmypdf import hookimpl
from ocrmypdf.exceptions import BadArgsError, MissingDependencyError
from ocrmypdf.pluginspec import OcrEngine, OrientationConfidence

from ocdrnet_client import Client, ConfigurationError, OcdrnetError
from ocdrnet_client.documents.document import DocumentPage, text_angle
from ocdrnet_client.documents.hocr import hocr_of
from ocdrnet_client.results import Page

Options: TypeAlias = Any  # ocrmypdf's OcrOptions; an older one's argparse.Namespace
ENGINE = "ocdrnet"
VARIABLE = "OCDRNET_URL"
SURE = 15.0  # OCRmyPDF's scale of confidence: "15 is very confident"
_NO_SANDWICH = "--pdf-renderer sandwich is for Tesseract, which writes PDFs itself; leave it out with --ocdrnet-url"
_FEW_LINES = 3  # that tell little about a page


@hookimpl  # type: ignore[untyped-decorator]
def add_options(parser: ArgumentParser) -> None:
    """Adds `--ocdrnet-url`, as a group of its own."""
    group = parser.add_argument_group("ocdrnet", "Pages are read by an ocdrnet server")
    group.add_argument(
        "--ocdrnet-url",
        metavar="URL",
        default=os.environ.get(VARIABLE),
        help=f"grpc://HOST:PORT, grpcs://, http:// or https://; by default the variable {VARIABLE}",
    )


@hookimpl  # type: ignore[untyped-decorator]
def check_options(options: Options) -> None:
    """Ask the server before any page is drawn.

    Raises:
        BadArgsError: the url cannot be used, or the renderer is Tesseract's own.
        MissingDependencyError: no server answers there, or it would not take an image.
    """
    if not (url := _url(options)):
        return
    if getattr(options, "pdf_renderer", "auto") == "sandwich":
        raise BadArgsError(_NO_SANDWICH)
    try:
        is_ready = _client(url).is_ready()
    except ConfigurationError as error:
        raise BadArgsError(f"--ocdrnet-url: {error}") from None
    except OcdrnetError as error:
        raise MissingDependencyError(f"the ocdrnet server at {url} refuses: {error}") from None
    if not is_ready:
        raise MissingDependencyError(f"no ocdrnet server is ready at {url}; start one: ocdrnet serve")


@hookimpl  # type: ignore[untyped-decorator]
def get_ocr_engine(options: Options | None) -> OcrEngine | None:
    """This engine where a server is named, and no other engine is asked for."""
    chosen = getattr(options, "ocr_engine", "auto")
    return Engine() if options is not None and _url(options) and chosen in ("auto", ENGINE) else None


class Engine(OcrEngine):  # type: ignore[misc]  # untyped
    """See `ocrmypdf.pluginspec.OcrEngine`."""

    @staticmethod
    def version() -> str:
        """Of the client."""
        return version("ocdrnet")

    @staticmethod
    def creator_tag(options: Options) -> str:
        """What the PDF's metadata name."""
        return f"{ENGINE} {version('ocdrnet')}"

    def __str__(self) -> str:
        """What messages name."""
        return f"{ENGINE} {version('ocdrnet')}"

    @staticmethod
    def languages(options: Options) -> set[str]:
        """Whatever was asked for: the server's network reads all its scripts at once."""
        return set(getattr(options, "languages", None) or ["eng"])

    @staticmethod
    def get_orientation(input_file: Path, options: Options) -> OrientationConfidence:
        """How the page lies, from the directions of its lines."""
        page = _read(input_file, options)
        return orientation_of(page)

    @staticmethod
    def get_deskew(input_file: Path, options: Options) -> float:
        """Degrees, counter-clockwise, by which the page must be turned to lie level: the median of its lines."""
        return (text_angle(_read(input_file, options)) + 45) % 90 - 45

    @staticmethod
    def generate_hocr(input_file: Path, output_hocr: Path, output_text: Path, options: Options) -> None:
        """The page's words as hOCR, from which OCRmyPDF makes the text layer."""
        page = DocumentPage(1, _read(input_file, options))
        output_hocr.write_text("".join(hocr_of([page], input_file.name)), encoding="utf-8")
        output_text.write_text(f"{page.page.text if page.page else ''}\n", encoding="utf-8")

    @staticmethod
    def generate_pdf(input_file: Path, output_pdf: Path, output_text: Path, options: Options) -> None:
        """For `--pdf-renderer sandwich`, which `check_options` refuses.

        Raises:
            BadArgsError: always.
        """
        raise BadArgsError(_NO_SANDWICH)


def orientation_of(page: Page) -> OrientationConfidence:
    """How far most of a page's text is turned, clockwise, in quarters: OCRmyPDF turns it back by as much.

    The confidence is 15 where all lines agree, less where they do not, and little where there are few.
    """
    turns = [round(text_angle(Page(page.width, page.height, (line,))) / 90) % 4 for line in page.lines]
    if not turns:
        return OrientationConfidence(0, 0.0)
    weights = [
        sum(len(line.text) for line, at in zip(page.lines, turns, strict=True) if at == turn) for turn in range(4)
    ]
    most = max(range(4), key=weights.__getitem__)
    share = weights[most] / max(1, sum(weights))
    return OrientationConfidence(90 * most, SURE * share * min(1.0, len(turns) / _FEW_LINES))


def _url(options: Options) -> str | None:
    return getattr(options, "ocdrnet_url", None) or None


_CLIENTS: dict[str, Client] = {}  # one for each url: OCRmyPDF reads pages in threads
_OPENING = threading.Lock()


def _client(url: str) -> Client:
    with _OPENING:
        if url not in _CLIENTS:
            _CLIENTS[url] = Client(url)
        return _CLIENTS[url]


@atexit.register
def _close() -> None:
    """Before the interpreter takes gRPC apart, which would write a traceback."""
    while _CLIENTS:
        _CLIENTS.popitem()[1].close()


def _read(image: Path, options: Options) -> Page:
    """The text of a page.

    Raises:
        MissingDependencyError: the server is away, or did not read it; the sentence says why.
    """
    url = _url(options)
    assert url is not None
    try:
        return _client(url).read(image)
    except OcdrnetError as error:
        raise MissingDependencyError(f"the ocdrnet server at {url} did not read a page: {error}") from None

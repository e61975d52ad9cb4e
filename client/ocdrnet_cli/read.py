"""`ocdrnet read`: the text in images and documents, by a running server; with overlays where asked."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from ocdrnet_cli.connection import check_server, open_client
from ocdrnet_cli.outputs import OUTPUT_FORMATS, PDF, FileNames, Target, written_whole
from ocdrnet_cli.reports import Report, use_utf8_output
from ocdrnet_client.address import DEFAULT_URL
from ocdrnet_client.client import Client
from ocdrnet_client.config import DEFAULT_TIMEOUT
from ocdrnet_client.documents.document import Document, DocumentPage
from ocdrnet_client.documents.formats import FORMATS
from ocdrnet_client.documents.opened import (
    DEFAULT_DPI,
    LEAST_DPI,
    MOST_DPI,
    TEXT_LAYERS,
    OpenDocument,
    TextLayer,
)
from ocdrnet_client.documents.reading import is_document, read_pages
from ocdrnet_client.errors import InvalidRequestError, OcdrnetError
from ocdrnet_client.fonts import FontBook
from ocdrnet_client.image_files import STANDARD_INPUT, WITH_DOCUMENTS, find_images, image_names
from ocdrnet_client.overlay import MissingGlyphsWarning, draw_overlay
from ocdrnet_client.results import Page
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.options import OPTIONS, OptionValue, parse_options

_JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
# JPEG's limit for either side, in pixels.
_LARGEST_JPEG = 65_500


class OverlayFolder:
    """A folder that gives each overlay a name of its own within this run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = FileNames()
        self._fonts = FontBook()

    def write(self, source: Path | bytes, name: str, page: Page) -> list[str]:
        """Draw the page over its image and save it: JPEG for a JPEG, PNG for anything else.

        Args:
            source: the image's file, or its bytes.
            name: the image's name in this run; its folders become part of the overlay's name.
            page: what was read.

        Returns:
            Warnings for the user, such as fonts to install.

        Raises:
            InvalidRequestError: the image cannot be drawn over, or the overlay cannot be written.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", MissingGlyphsWarning)
            overlay = draw_overlay(source, page, fonts=self._fonts)
        is_jpeg = _is_jpeg(source) and max(overlay.size) <= _LARGEST_JPEG
        path = self._folder / self._names.free(name, ".overlay.jpg" if is_jpeg else ".overlay.png")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            overlay.save(path, quality=92) if is_jpeg else overlay.save(path, compress_level=1)
        except OSError as error:
            raise InvalidRequestError(f"cannot write {path}: {error.strerror or error}") from error
        return [str(entry.message) for entry in caught if entry.category is MissingGlyphsWarning]


def _is_jpeg(source: Path | bytes) -> bool:
    if isinstance(source, bytes):
        return source.startswith(b"\xff\xd8\xff")
    return source.suffix.lower() in _JPEG_SUFFIXES


_PARAMETERS_HELP = "\n".join(f"  {option.name}  {option.allowed}. {option.help}" for option in OPTIONS)


def _parameters(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, OptionValue]:
    pairs = [text.partition("=") for text in given]
    for name, equals, _value in pairs:
        if not equals:
            raise click.BadParameter(f"{name!r} is not NAME=VALUE")
    try:
        return parse_options({name: value for name, _, value in pairs})
    except OptionError as error:
        raise click.BadParameter(str(error)) from error


@click.command(epilog=f"\b\nParameters:\n{_PARAMETERS_HELP}")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--url",
    default=DEFAULT_URL,
    show_default=True,
    help="Server; grpc, grpcs, http or https. Several take turns: grpc://a:8001,b:8001.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(OUTPUT_FORMATS),
    default="text",
    show_default=True,
    help="pdf: the file itself, searchable.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A file; a folder for several inputs, or if it is one. Left out: the standard output.",
)
@click.option("--overlay", type=click.Path(file_okay=False, path_type=Path), help="Folder for images of the result.")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", callback=_parameters, help="See below.")
@click.option("--concurrency", type=click.IntRange(1), default=4, show_default=True, help="Requests at a time.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULT_TIMEOUT.request,
    show_default=True,
    metavar="SECONDS",
    help="For one image, retries included.",
)
@click.option("--pages", default="", metavar="LIST", help="Of documents, such as 1-3,7 or 5-; all by default.")
@click.option(
    "--dpi",
    type=click.FloatRange(LEAST_DPI, MOST_DPI),
    default=DEFAULT_DPI,
    show_default=True,
    help="At which PDF pages are drawn.",
)
@click.option(
    "--text-layer",
    type=click.Choice(TEXT_LAYERS),
    default="auto",
    show_default=True,
    help="Text that a PDF holds: taken where it is sound, never (ocr), always (trust).",
)
@click.option("--password", default="", envvar="OCDRNET_DOCUMENT_PASSWORD", help="Of encrypted PDFs.")
@click.pass_context
def read(
    context: click.Context,
    *,
    paths: tuple[str, ...],
    url: str,
    output_format: str,
    output: Path | None,
    overlay: Path | None,
    parameters: dict[str, Any],
    concurrency: int,
    timeout: float,
    pages: str,
    dpi: float,
    text_layer: TextLayer,
    password: str,
) -> None:
    """Read the text in images and documents: files, folders and glob patterns, or - for the standard input.

    PDFs and TIFFs are read page by page.

    Exit code: 0 all were read, 1 some failed (each is named on stderr), 2 wrong usage or no server.
    """
    use_utf8_output()
    found = find_images(paths, WITH_DOCUMENTS)
    report = Report(len(found.paths), as_json=output_format in ("json", "jsonl"))
    for argument in found.empty:
        report.warn(f"no image in {argument}")
    if found.left_out:
        report.warn(str(found.left_out))
    for unlisted, reason in found.unlisted:
        report.failure(unlisted, f"cannot be listed: {reason}")
    if not found.paths:
        raise click.UsageError(f"no image in {', '.join(paths)}")
    target = Target(output_format, None if output == STANDARD_INPUT else output, len(found.paths))
    sources = [_standard_input() if path == STANDARD_INPUT else path for path in found.paths]
    with open_client(url, timeout) as client:
        check_server(client, url)
        folder = OverlayFolder(overlay) if overlay else None
        how = DocumentSettings(pages, dpi, text_layer, password, concurrency, parameters)
        results = Results(client, report, target, folder, how)
        inputs = zip(sources, image_names(found.paths), strict=True)
        for are_documents, group in groupby(inputs, key=lambda each: is_document(each[0])):
            if are_documents:
                for source, name in group:
                    results.document(source, name)
            else:
                results.images(*zip(*group, strict=True))
    context.exit(1 if report.failures else 0)


def _standard_input() -> bytes:
    if sys.stdin.isatty():
        click.echo("Waiting for an image from the standard input ...", err=True)
    return sys.stdin.buffer.read()


@dataclass(frozen=True)
class DocumentSettings:
    """How documents are read: see `ocdrnet_client.Client.read_document`."""

    pages: str
    dpi: float
    text_layer: TextLayer
    password: str
    concurrency: int
    options: Mapping[str, Any]

    def open(self, source: Path | bytes, *, text_layer: TextLayer | None = None) -> OpenDocument:
        """Open a document.

        Raises:
            OcdrnetError: it cannot be opened.
        """
        return OpenDocument(
            source,
            pages=self.pages,
            dpi=self.dpi,
            text_layer=text_layer or self.text_layer,
            password=self.password,
        )


class Results:
    """Reads the inputs and writes what they say."""

    def __init__(
        self, client: Client, report: Report, target: Target, folder: OverlayFolder | None, how: DocumentSettings
    ) -> None:
        self._client, self._report, self._target, self._folder, self._how = client, report, target, folder, how

    def images(self, sources: Sequence[Path | bytes], names: Sequence[str]) -> None:
        """Read images, several at a time."""
        outcomes = self._client.read_many(sources, concurrency=self._how.concurrency, **self._how.options)
        for outcome, name in zip(outcomes, names, strict=True):
            if outcome.page is None:
                self._report.failure(name, outcome.error)
            else:
                self._image(outcome.source, name, dataclasses.replace(outcome.page, image=name))
            self._report.advance()

    def document(self, source: Path | bytes, name: str) -> None:
        """Read a document, several pages at a time."""
        start = time.monotonic()
        try:
            with self._how.open(source) as document:
                pages = self._noted(read_pages(document, self._read, self._how.concurrency), source, name, document)
                if self._target.format_name == "json":
                    found = Document(name, tuple(pages), document.page_count, time.monotonic() - start)
                    self._write(source, name, [json.dumps(found.to_dict(), ensure_ascii=False) + "\n"])
                else:
                    self._write_pages(source, name, pages)
        except OcdrnetError as error:
            self._report.failure(name, error)
        self._report.advance()

    def _read(self, image: bytes) -> Page:
        return self._client.read(image, **self._how.options)

    def _image(self, source: Path | bytes, name: str, page: Page) -> None:
        try:
            if self._target.is_stream and self._target.format_name in ("text", "json", "jsonl"):
                self._report.page(name, page)
            else:
                for warning in page.warnings:
                    self._report.warn(f"{name}: {warning}")
                as_json = self._target.format_name in ("json", "jsonl")
                if as_json:
                    self._write(source, name, [json.dumps(page.to_dict(), ensure_ascii=False) + "\n"])
                else:
                    self._write_pages(source, name, [DocumentPage(1, page)])
            if self._folder:
                self._overlay(source, name, page)
        except OcdrnetError as error:
            self._report.failure(name, error)

    def _noted(
        self, pages: Iterable[DocumentPage], source: Path | bytes, name: str, document: OpenDocument
    ) -> Iterator[DocumentPage]:
        """The pages on their way to the result: failures are reported, overlays drawn, progress shown."""
        with ExitStack() as stack:
            drawer = stack.enter_context(self._how.open(source, text_layer="ocr")) if self._folder else None
            for done, each in enumerate(pages, 1):
                page = each
                if each.page is None:
                    self._report.failure(f"{name}, page {each.number}", each.error)
                else:
                    page = dataclasses.replace(each, page=dataclasses.replace(each.page, image=name))
                    for warning in each.page.warnings:
                        self._report.warn(f"{name}, page {each.number}: {warning}")
                    if drawer:
                        drawn = drawer.draw(each.number).image
                        self._overlay(drawn, f"{Path(name).with_suffix('')}-page-{each.number}.png", each.page)
                self._report.page_done(name, done, len(document.numbers))
                yield page

    def _write_pages(self, source: Path | bytes, name: str, pages: Iterable[DocumentPage]) -> None:
        if self._target.format_name == PDF:
            self._write_pdf(source, name, pages)
            return
        write = FORMATS[self._target.format_name].of_pages
        assert write is not None, "JSON is written as a whole"
        self._write(source, name, write(pages, name))

    def _write(self, source: Path | bytes, name: str, chunks: Iterable[str]) -> None:
        if self._target.is_stream:
            self._report.chunks(name, chunks)
        else:
            with written_whole(self._target.path_for(name, _path_of(source))) as file:
                file.writelines(chunks)

    def _write_pdf(self, source: Path | bytes, name: str, pages: Iterable[DocumentPage]) -> None:
        from ocdrnet_client.documents.searchable_pdf import add_text_layer  # noqa: PLC0415 -- loads pikepdf

        place = sys.stdout.buffer if self._target.is_stream else self._target.path_for(name, _path_of(source))
        if isinstance(place, Path):
            place.parent.mkdir(parents=True, exist_ok=True)
        add_text_layer(source, pages, place, self._how.password)

    def _overlay(self, source: Path | bytes, name: str, page: Page) -> None:
        assert self._folder is not None
        try:
            for warning in self._folder.write(source, name, page):
                self._report.warn(warning)
        except InvalidRequestError as error:
            self._report.failure(name, error)


def _path_of(source: Path | bytes) -> Path | None:
    return source if isinstance(source, Path) else None

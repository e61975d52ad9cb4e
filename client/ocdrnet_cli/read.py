"""`ocdrnet read`: the text in images, by a running server; with overlays where asked."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from pathlib import Path
from typing import Any

import click

from ocdrnet_cli.connection import check_server, open_client
from ocdrnet_cli.reports import Report, use_utf8_output
from ocdrnet_client.address import DEFAULT_URL
from ocdrnet_client.config import DEFAULT_TIMEOUT
from ocdrnet_client.errors import InvalidRequestError
from ocdrnet_client.fonts import FontBook
from ocdrnet_client.image_files import STANDARD_INPUT, find_images, image_names
from ocdrnet_client.overlay import MissingGlyphsWarning, draw_overlay
from ocdrnet_client.results import Outcome, Page
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.options import OPTIONS, OptionValue, parse_options

_JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
# JPEG's limit for either side, in pixels.
_LARGEST_JPEG = 65_500


class OverlayFolder:
    """A folder that gives each overlay a name of its own within this run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: set[str] = set()
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
        path = self._folder / self._free_name(name, ".jpg" if is_jpeg else ".png")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            overlay.save(path, quality=92) if is_jpeg else overlay.save(path, compress_level=1)
        except OSError as error:
            raise InvalidRequestError(f"cannot write {path}: {error.strerror or error}") from error
        return [str(entry.message) for entry in caught if entry.category is MissingGlyphsWarning]

    def _free_name(self, name: str, suffix: str) -> str:
        stem = "_".join(part for part in Path(name).with_suffix("").parts if part not in ("..", "/", "\\"))
        free, count = f"{stem}.overlay{suffix}", 1
        # Case is ignored, since some file systems do.
        while free.lower() in self._taken:
            count += 1
            free = f"{stem}-{count}.overlay{suffix}"
        self._taken.add(free.lower())
        return free


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
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
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
@click.pass_context
def read(
    context: click.Context,
    *,
    paths: tuple[str, ...],
    url: str,
    output: str,
    overlay: Path | None,
    parameters: dict[str, Any],
    concurrency: int,
    timeout: float,
) -> None:
    """Read the text in images: files, folders and glob patterns, or - for the standard input.

    Exit code: 0 all were read, 1 some failed (each is named on stderr), 2 wrong usage or no server.
    """
    use_utf8_output()
    found = find_images(paths)
    report = Report(len(found.paths), as_json=output == "json")
    for argument in found.empty:
        report.warn(f"no image in {argument}")
    if found.left_out:
        report.warn(str(found.left_out))
    for unlisted, reason in found.unlisted:
        report.failure(unlisted, f"cannot be listed: {reason}")
    if not found.paths:
        raise click.UsageError(f"no image in {', '.join(paths)}")
    pictures = [_standard_input() if path == STANDARD_INPUT else path for path in found.paths]
    with open_client(url, timeout) as client:
        check_server(client, url)
        outcomes = client.read_many(pictures, concurrency=concurrency, channel_order="RGB", **parameters)
        folder = OverlayFolder(overlay) if overlay else None
        for outcome, name in zip(outcomes, image_names(found.paths), strict=True):
            _report(outcome, name, report, folder)
    context.exit(1 if report.failures else 0)


def _standard_input() -> bytes:
    if sys.stdin.isatty():
        click.echo("Waiting for an image from the standard input ...", err=True)
    return sys.stdin.buffer.read()


def _report(outcome: Outcome[Path | bytes], name: str, report: Report, folder: OverlayFolder | None) -> None:
    if outcome.page is None:
        report.failure(name, outcome.error)
    else:
        page = dataclasses.replace(outcome.page, image=name)
        report.page(name, page)
        if folder is not None:
            _write_overlay(outcome.source, name, page, report, folder)
    report.advance()


def _write_overlay(source: Path | bytes, name: str, page: Page, report: Report, folder: OverlayFolder) -> None:
    try:
        for warning in folder.write(source, name, page):
            report.warn(warning)
    except InvalidRequestError as error:
        report.failure(name, error)

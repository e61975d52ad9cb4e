"""`ocdrnet read`: the text in pictures, by a running server."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import click

from ocdrnet_client.address import DEFAULT_URL
from ocdrnet_client.commands.connection import check_server, open_client
from ocdrnet_client.commands.overlay_files import OverlayFolder
from ocdrnet_client.commands.picture_files import STANDARD_INPUT, find_pictures, picture_names
from ocdrnet_client.commands.report import Report, use_utf8_output
from ocdrnet_client.config import DEFAULT_TIMEOUT
from ocdrnet_client.errors import InvalidRequestError
from ocdrnet_client.outcome import Outcome
from ocdrnet_client.results import Page
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.option_kinds import OptionValue
from ocdrnet_ops.options import OPTIONS, parse_options

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
@click.option("--overlay", type=click.Path(file_okay=False, path_type=Path), help="Folder for pictures of the result.")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", callback=_parameters, help="See below.")
@click.option("--concurrency", type=click.IntRange(1), default=4, show_default=True, help="Requests at a time.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULT_TIMEOUT.request,
    show_default=True,
    metavar="SECONDS",
    help="For one picture, retries included.",
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
    """Read the text in pictures: files, folders and glob patterns, or - for the standard input.

    Exit code: 0 all were read, 1 some failed (each is named on stderr), 2 wrong usage or no server.
    """
    use_utf8_output()
    found = find_pictures(paths)
    report = Report(len(found.paths), as_json=output == "json")
    for argument in found.empty:
        report.warn(f"no picture in {argument}")
    if found.left_out:
        report.warn(str(found.left_out))
    for unlisted, reason in found.unlisted:
        report.failure(unlisted, f"cannot be listed: {reason}")
    if not found.paths:
        raise click.UsageError(f"no picture in {', '.join(paths)}")
    pictures = [_standard_input() if path == STANDARD_INPUT else path for path in found.paths]
    with open_client(url, timeout) as client:
        check_server(client, url)
        outcomes = client.read_many(pictures, concurrency=concurrency, channel_order="RGB", **parameters)
        folder = OverlayFolder(overlay) if overlay else None
        for outcome, name in zip(outcomes, picture_names(found.paths), strict=True):
            _report(outcome, name, report, folder)
    context.exit(1 if report.failures else 0)


def _standard_input() -> bytes:
    if sys.stdin.isatty():
        click.echo("Waiting for a picture from the standard input ...", err=True)
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

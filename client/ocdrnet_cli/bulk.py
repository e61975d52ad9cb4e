"""`ocdrnet bulk`: the text in millions of images and documents, by a running server."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import Any

import click

from ocdrnet_bulk.errors import BulkError
from ocdrnet_bulk.files import FILE_FORMATS, FileMaker
from ocdrnet_bulk.formats import result_format
from ocdrnet_bulk.planning import Settings, agreed_manifest, load_manifest, restart
from ocdrnet_bulk.progress import Progress
from ocdrnet_bulk.reading import DocumentOptions, PatientReader
from ocdrnet_bulk.shards import ShardFiles, ShardWork
from ocdrnet_bulk.source_files import open_source, open_store
from ocdrnet_bulk.sources import ImageSource
from ocdrnet_bulk.store import Store, prepare_work
from ocdrnet_cli import read as reading
from ocdrnet_cli.connection import check_server, open_client
from ocdrnet_cli.reports import use_utf8_output
from ocdrnet_client.client import Client
from ocdrnet_client.documents.opened import DocumentLimits, TextLayer, page_numbers
from ocdrnet_client.errors import InvalidRequestError, OcdrnetError

_OF_REQUESTS = {"url", "parameters", "concurrency", "timeout"}
_OF_DOCUMENTS = {"pages", "dpi", "text_layer", "password"}
_SHARED = [option for option in reading.read.params if option.name in _OF_REQUESTS | _OF_DOCUMENTS]
_POLL_S = 1.0


@dataclass(frozen=True)
class Choices:
    """The options of one run that need not be the same in the next.

    Attributes:
        shard: the only one to do; None does all.
        url: of the server.
        timeout: seconds for an image.
        concurrency: images at a time.
        patience: seconds that the server, or the list of images, may be waited for.
        retry_failed: try failed images again.
        begin_anew: remove what earlier runs left.
        password: of encrypted PDFs.
    """

    shard: int | None
    url: str
    timeout: float
    concurrency: int
    patience: float
    retry_failed: bool
    begin_anew: bool
    password: str = field(repr=False)


@click.command(params=_SHARED, epilog=reading.read.epilog)
@click.argument("source")
@click.option("--output", required=True, metavar="DEST", help="Folder or URL of the results.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["jsonl", "parquet", *FILE_FORMATS]),
    default="jsonl",
    show_default=True,
    help="Of the results. All but jsonl and parquet: JSON lines, and a file in DEST/files for each input.",
)
@click.option("--shards", type=click.IntRange(1, 100_000), help="Parts of the work. [default: as at first; at first 1]")
@click.option(
    "--shard",
    type=click.IntRange(0),
    envvar="JOB_COMPLETION_INDEX",
    show_envvar=True,
    help="The only shard to do, from 0.",
)
@click.option("--retry-failed", is_flag=True, help="Try again what failed in finished shards.")
@click.option("--restart", "begin_anew", is_flag=True, help="Remove the output of earlier runs first.")
@click.option("--accept-failures", is_flag=True, help="Exit with 0 even if some images failed.")
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the server may be away; with --shard also how long to wait for it, and for shard 0's list.",
)
@click.pass_context
def bulk(
    context: click.Context,
    /,
    *,
    source: str,
    output: str,
    output_format: str,
    shards: int | None,
    parameters: dict[str, Any],
    pages: str,
    dpi: float,
    text_layer: TextLayer,
    accept_failures: bool,
    **choices: Any,  # noqa: ANN401 -- click's values, typed in Choices
) -> None:
    """Read millions of images: a folder, a glob, a text file of paths, or an S3 or other fsspec URL of these.

    PDFs and TIFFs are read page by page.

    A run that was ended goes on where it was when started again.

    Exit code: 0 all were read, 1 some failed (listed under DEST/failures), 2 wrong usage, no server or a full disk.
    """
    use_utf8_output()
    chosen = Choices(**choices)
    if chosen.begin_anew and chosen.shard is not None:
        raise click.UsageError("--restart is for a run of all shards, not for --shard")
    try:
        page_numbers(pages, DocumentLimits().pages)
    except InvalidRequestError as error:
        raise click.UsageError(f"--{error}") from error
    try:
        store, pictures = open_store(output), open_source(source)
        prepare_work(store)
        settings = Settings(
            pictures.name, pictures.digest, output_format, shards or 0, parameters, pages, dpi, text_layer
        )
        progress = _run(store, pictures, settings, chosen)
    except BulkError as error:
        raise click.UsageError(str(error)) from error
    click.echo(progress.summary(store.name))
    context.exit(1 if progress.failed and not accept_failures else 0)


def _run(store: Store, source: ImageSource, settings: Settings, chosen: Choices) -> Progress:
    results_format = result_format(settings.output_format)
    if chosen.begin_anew:
        restart(store)
    elif not settings.shards and (begun := load_manifest(store)):
        settings = dataclasses.replace(settings, shards=begun.settings.shards)
    settings = dataclasses.replace(settings, shards=settings.shards or 1)
    if chosen.shard is not None and chosen.shard >= settings.shards:
        raise click.UsageError(
            f"--shard is {chosen.shard}; with --shards {settings.shards} it is at most {settings.shards - 1}"
        )
    manifest = agreed_manifest(store, source, settings, may_plan=chosen.shard in (None, 0), patience=chosen.patience)
    if source.left_out:
        click.echo(f"Warning: {source.left_out}", err=True)
    numbers = range(settings.shards) if chosen.shard is None else [chosen.shard]
    progress = Progress(sum(manifest.size(number) for number in numbers))
    with open_client(chosen.url, chosen.timeout) as client:
        how = DocumentOptions(settings.pages, settings.dpi, settings.text_layer, chosen.password)
        files = None
        if settings.output_format in FILE_FORMATS:
            files = FileMaker(store, source, settings.output_format, chosen.password)
        reader = PatientReader(client, source, settings.parameters, chosen.patience, how, makes_files=bool(files))
        server = _Server(client, chosen)
        work = ShardWork(reader, files, chosen.concurrency, chosen.retry_failed, server.check)
        try:
            for number in numbers:
                work.finish(ShardFiles(store, manifest, number, results_format), progress)
        finally:
            reader.stop()
            progress.clear()
    return progress


class _Server:
    """Asked once, when there is something to read."""

    def __init__(self, client: Client, chosen: Choices) -> None:
        self._client = client
        self._chosen = chosen
        self._is_checked = False

    def check(self) -> None:
        """A shard of a Job may start before its server; someone at a terminal wants to know at once."""
        if not self._is_checked:
            until = time.monotonic() + (self._chosen.patience if self._chosen.shard is not None else 0)
            while time.monotonic() < until and not self._is_ready():
                time.sleep(_POLL_S)
            check_server(self._client, self._chosen.url)
            self._is_checked = True

    def _is_ready(self) -> bool:
        try:
            return self._client.is_ready()
        except OcdrnetError as error:
            raise click.UsageError(str(error)) from error

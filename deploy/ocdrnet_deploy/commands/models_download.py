"""`ocdrnet models download`: networks from NGC, from other hosts, or from a disk, into the cache, with progress."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from ocdrnet_deploy.catalog.catalog import CatalogEntry, DownloadedFile, NgcFile, PackageFile, find_all_by_name
from ocdrnet_deploy.errors import DeployError
from ocdrnet_deploy.networks.local_copy import fetch_local, kind_of
from ocdrnet_deploy.networks.weights import find_weights
from ocdrnet_deploy.ngc.api import PUBLIC_URL, URL_VARIABLE, NgcApi, read_key
from ocdrnet_deploy.ngc.cache import VARIABLE as EULA_VARIABLE
from ocdrnet_deploy.ngc.cache import acceptance, cached_weights, require_acceptance
from ocdrnet_deploy.ngc.fetch import DownloadWatcher, Host, cache_errors, fetch
from ocdrnet_deploy.ngc.plain_host import PlainHost


class ProgressBar(DownloadWatcher):
    """Shows on stderr, so that stdout is for the result."""

    def __init__(self) -> None:
        self._name = ""
        # click types its bar with the item type of the iterable that it can also wrap; here it counts bytes.
        self._bar: Any = None

    def started(self, name: str) -> None:
        """Name the file where no bar will."""
        self._name = name
        if not sys.stderr.isatty():
            click.echo(f"Downloading {name} ...", err=True)

    def received(self, done: int, total: int | None) -> None:
        """Draw the bar, from the byte at which a broken download goes on."""
        if not sys.stderr.isatty() or not total:
            return
        if self._bar is None:
            self._bar = click.progressbar(length=total, label=self._name, file=sys.stderr, show_pos=False)
        self._bar.update(done - self._bar.pos)

    def ended(self, name: str) -> None:
        """Leave the bar as it is and go to the next line."""
        self._finish()

    def waiting(self, reason: str, seconds: float) -> None:
        """Say why nothing moves."""
        self._finish()
        click.echo(f"{reason}; trying again in {seconds:.0f} s", err=True)

    def waiting_for_another(self, name: str) -> None:
        """Say who is at work."""
        click.echo(f"Another process is downloading {name}; waiting for it ...", err=True)

    def _finish(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None


@click.command()
@click.argument("name")
@click.option("--accept-eula", is_flag=True, help=f"You accept NVIDIA's licence; or set {EULA_VARIABLE}=1.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that holds your NGC key.  [default: the key in $NGC_API_KEY or $NGC_CLI_API_KEY]",
)
@click.option(
    "--from",
    "origin",
    type=click.Path(path_type=Path, exists=True),
    help="Take it from this file, or folder of an NGC download or of another machine's cache; no network is used.",
)
@click.option("--file", default="", help="Which file of the version, where it has several.")
def download(*, name: str, accept_eula: bool, key_file: Path | None, origin: Path | None, file: str) -> None:
    """Download the network NAME of `models list` into the cache, unless it is there.

    A name of a detector and a recognizer means both. A download that broke is gone on with. Exit codes: 0 it is there,
    1 it could not be downloaded, 2 wrong usage, no key, or NVIDIA's licence is not accepted.
    """
    accepted_by = acceptance(flag=accept_eula, environment=os.environ)
    try:
        for entry in _meant(find_all_by_name(name), origin):
            if not isinstance(entry.source, PackageFile):
                _bring(entry, entry.source, accepted_by, key_file, origin, file)
            click.echo(f"{name}: {find_weights(entry)}")
    except DeployError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code) from None


def _meant(entries: list[CatalogEntry], origin: Path | None) -> list[CatalogEntry]:
    """Which networks of a name to bring: one file on a disk is one of them."""
    if len(entries) == 1 or origin is None or not origin.is_file():
        return entries
    kind = kind_of(origin)
    return [entry for entry in entries if entry.description.kind == kind] or entries[:1]


def _bring(
    entry: CatalogEntry, source: DownloadedFile, accepted_by: str, key_file: Path | None, origin: Path | None, file: str
) -> None:
    if origin is not None:
        fetch_local(entry, source, origin, accepted_by=accepted_by, file=file)
        return
    # The licence first: who has not read it need not go and make a key. Nor is one needed for what is there already.
    with cache_errors(source):
        require_acceptance(entry, source, accepted_by)
    if not file and cached_weights(source):
        return
    api: Host
    if isinstance(source, NgcFile):
        api = NgcApi(read_key(key_file, os.environ), os.environ.get(URL_VARIABLE) or PUBLIC_URL)
    else:
        api = PlainHost(source)
    fetch(entry, source, api, accepted_by=accepted_by, file=file, watcher=ProgressBar())

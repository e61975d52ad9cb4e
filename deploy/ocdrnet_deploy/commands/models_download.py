"""`ocdrnet models download`: NVIDIA's networks, from NGC or from a disk, into the cache."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ocdrnet_deploy.commands.download_progress import ProgressBar
from ocdrnet_deploy.errors import DeployError
from ocdrnet_deploy.networks.catalog import CatalogEntry, NgcFile, find_by_name
from ocdrnet_deploy.networks.weights import find_weights
from ocdrnet_deploy.ngc.api import PUBLIC_URL, URL_VARIABLE, NgcApi
from ocdrnet_deploy.ngc.cache import cached_weights
from ocdrnet_deploy.ngc.fetch import cache_errors, fetch
from ocdrnet_deploy.ngc.key import read_key
from ocdrnet_deploy.ngc.local_copy import fetch_local
from ocdrnet_deploy.ngc.terms import VARIABLE as EULA_VARIABLE
from ocdrnet_deploy.ngc.terms import acceptance, require_acceptance


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

    A download that broke is gone on with. Exit codes: 0 it is there, 1 it could not be downloaded, 2 wrong usage, no
    key, or NVIDIA's licence is not accepted.
    """
    accepted_by = acceptance(flag=accept_eula, environment=os.environ)
    try:
        entry = find_by_name(name)
        if isinstance(entry.source, NgcFile):
            _bring(entry, entry.source, accepted_by, key_file, origin, file)
        click.echo(f"{name}: {find_weights(entry)}")
    except DeployError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code) from None


def _bring(
    entry: CatalogEntry, source: NgcFile, accepted_by: str, key_file: Path | None, origin: Path | None, file: str
) -> None:
    if origin is not None:
        fetch_local(entry, source, origin, accepted_by=accepted_by, file=file)
        return
    # The licence first: who has not read it need not go and make a key. Nor is one needed for what is there already.
    with cache_errors(source):
        require_acceptance(entry, source, accepted_by)
    if not file and cached_weights(source):
        return
    key = read_key(key_file, os.environ)
    api = NgcApi(key, os.environ.get(URL_VARIABLE) or PUBLIC_URL)
    fetch(entry, source, api, accepted_by=accepted_by, file=file, watcher=ProgressBar())

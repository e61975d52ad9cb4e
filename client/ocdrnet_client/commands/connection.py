"""The server that a subcommand talks to; what is wrong with it is wrong usage."""

from __future__ import annotations

import click

from ocdrnet_client.client import Client
from ocdrnet_client.errors import ConfigurationError, OcdrnetError


def open_client(url: str, timeout: float) -> Client:
    """A client of the server.

    Raises:
        click.UsageError: the URL or the timeout cannot be used.
    """
    try:
        return Client(url, timeout=timeout)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from error


def check_server(client: Client, url: str) -> None:
    """One question first, or else every picture would wait for its retries before it fails."""
    try:
        ready = client.is_ready()
    except OcdrnetError as error:
        raise click.UsageError(str(error)) from error
    if not ready:
        raise click.UsageError(
            f"no OCR server is ready at {url}; start one with `ocdrnet serve`, or name another with --url"
        )

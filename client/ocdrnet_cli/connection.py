"""The server that a subcommand talks to; what is wrong with it is wrong usage."""

from __future__ import annotations

import urllib.request

import click

from ocdrnet_client.address import Address
from ocdrnet_client.client import Client
from ocdrnet_client.errors import ConfigurationError, OcdrnetError

_PROBE_S = 5.0


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
    """One question first, or else every image would wait for its retries before it fails."""
    try:
        ready = client.is_ready()
    except OcdrnetError as error:
        raise click.UsageError(str(error)) from error
    if not ready:
        if _is_gateway(url):
            raise click.UsageError(
                f"{url} is a gateway, whose paths are others: give this command the OCR server behind it, such as "
                "--url grpc://127.0.0.1:8001; or send images there with `curl --data-binary @photo.jpg "
                f"{url.rstrip('/')}/v1/read`"
            )
        raise click.UsageError(
            f"no OCR server is ready at {url}; start one with `ocdrnet serve`, or name another with --url"
        )


def _is_gateway(url: str) -> bool:
    """Whether an HTTP address says that it lives where a gateway says so, and Triton does not."""
    if not url.startswith(("http://", "https://")):
        return False
    # No proxy can reach this machine's own addresses.
    proxies = urllib.request.ProxyHandler({} if Address.parse(url).is_loopback else None)
    try:
        with urllib.request.build_opener(proxies).open(f"{url.rstrip('/')}/v1/health/live", timeout=_PROBE_S) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False

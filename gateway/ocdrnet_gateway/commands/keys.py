"""`ocdrnet keys`: make, list and revoke API keys."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from ocdrnet_gateway.core.keys import KeyEntry, as_row, load_keys, locked_keys, new_key, save_keys
from ocdrnet_gateway.errors import KeysError
from ocdrnet_gateway.settings import PREFIX

_DAY_S = 86_400
_FILE: Callable[[Callable[..., None]], Callable[..., None]] = click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar=f"{PREFIX}KEYS_FILE",
    required=True,
    show_envvar=True,
    help="The keys file; give the gateway the same one.",
)


class _Group(click.Group):
    """Says a KeysError in words, and exits with 2."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - what click has
        try:
            return super().invoke(ctx)
        except KeysError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_Group)
def keys() -> None:
    """Make, list and revoke the gateway's API keys; it notices a change by itself."""


@keys.command()
@click.argument("name")
@_FILE
@click.option("--days", type=click.IntRange(min=1), help="Days until it expires.  [default: never]")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Images a minute.  [default: the gateway's]")
@click.option("--concurrency", type=click.IntRange(min=1), help="Requests at once.  [default: the gateway's]")
def create(name: str, path: Path, days: int | None, rate: float | None, concurrency: int | None) -> None:
    """Make a key for NAME and print it, once: only its hash is kept.

    A second key of the same NAME is the same caller: make the new one, hand it out, revoke the old one.
    """
    expires = int(time.time()) + days * _DAY_S if days else None
    key, entry = new_key(name, expires=expires, rate_per_minute=rate, concurrency=concurrency)
    with locked_keys(path):
        save_keys(path, [*(load_keys(path) if path.exists() else []), entry])
    click.echo(f"The key {entry.id} of {name}; it is not shown again:", err=True)
    click.echo(key)


@keys.command("list")
@_FILE
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_keys(path: Path, as_json: bool) -> None:
    """Show the keys: id, name, when made, when over, limits; never the key itself."""
    for entry in load_keys(path):
        click.echo(json.dumps(as_row(entry)) if as_json else _line(entry))


@keys.command()
@click.argument("key_id", metavar="ID")
@_FILE
def revoke(key_id: str, path: Path) -> None:
    """Make the key ID invalid, at once."""
    with locked_keys(path):
        entries = load_keys(path)
        left = [entry for entry in entries if entry.id != key_id]
        if len(left) == len(entries):
            raise KeysError(f"there is no key {key_id!r} in {path}; `ocdrnet keys list` shows their ids")
        save_keys(path, left)
    click.echo(f"Revoked {key_id}", err=True)


def _line(entry: KeyEntry) -> str:
    until = f"until {_day(entry.expires)}" if entry.expires else "no end"
    rate = f"{entry.rate_per_minute:g} images a minute" if entry.rate_per_minute else "the gateway's rate"
    at_once = f"{entry.concurrency} at once" if entry.concurrency else "the gateway's concurrency"
    return f"{entry.id}  {entry.name}  made {_day(entry.created)}, {until}, {rate}, {at_once}"


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).date().isoformat()

"""How `ocdrnet models download` shows its progress: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from typing import Any

import click

from ocdrnet_deploy.ngc.progress import DownloadWatcher


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

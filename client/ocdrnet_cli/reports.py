"""What `ocdrnet read` prints: results on stdout, warnings, failures and progress on stderr."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable

import click

from ocdrnet_client.results import Page


def use_utf8_output() -> None:
    """Texts of any script must survive a pipe, whatever the locale.

    Raises:
        click.UsageError: there is no standard output.
    """
    if sys.stdout is None:
        raise click.UsageError("the standard output is closed; give one, such as > results.txt")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name that is no valid UTF-8 is shown escaped rather than raising.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


class Report:
    """Prints pages as they come, with a line of progress below them when stderr is a terminal."""

    def __init__(self, total: int, as_json: bool) -> None:
        self._total = total
        self._as_json = as_json
        self._done = 0
        self._with_progress = sys.stderr.isatty() and total > 1
        self._told: set[str] = set()
        self.failures = 0

    def page(self, name: str, page: Page) -> None:
        """Print one image's text or JSON object, then its warnings."""
        self._clear_progress()
        click.echo(json.dumps(page.to_dict(), ensure_ascii=False) if self._as_json else self._text(name, page))
        for warning in page.warnings:
            self.warn(f"{name}: {warning}")

    def chunks(self, name: str, chunks: Iterable[str]) -> None:
        """Print a document's result as it comes."""
        is_headed = self._total > 1 and not self._as_json
        for chunk in chunks:
            self._clear_progress()
            click.echo(f"== {name} ==\n{chunk}" if is_headed else chunk, nl=False)
            is_headed = False

    def page_done(self, name: str, done: int, total: int) -> None:
        """Show how far a document is."""
        if sys.stderr.isatty() and done < total:
            self._with_progress = True
            click.echo(f"\r{name}: {done}/{total} pages", nl=False, err=True)

    def failure(self, name: str, reason: object) -> None:
        """Name an image that failed."""
        self.failures += 1
        self._clear_progress()
        click.echo(f"{name}: {reason}", err=True)

    def warn(self, message: str) -> None:
        """Print a warning, once for each text."""
        if message not in self._told:
            self._told.add(message)
            self._clear_progress()
            click.echo(f"Warning: {message}", err=True)

    def advance(self) -> None:
        """Count one image as done."""
        self._done += 1
        if self._with_progress and self._done < self._total:
            click.echo(f"\r{self._done}/{self._total} images", nl=False, err=True)

    def _text(self, name: str, page: Page) -> str:
        return f"== {name} ==\n{page.text}" if self._total > 1 else page.text

    def _clear_progress(self) -> None:
        if self._with_progress:
            # Return, then erase to the end of the line (ECMA-48, EL).
            click.echo("\r\x1b[K", nl=False, err=True)

"""How far a run is: one line that changes on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from datetime import timedelta

import click

from ocdrnet_client.bulk.journal import Record

_TERMINAL_S = 0.2
_PLAIN_S = 30.0


class Progress:
    """Counts pictures, and prints rate and time left to stderr."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._on_terminal = sys.stderr.isatty()
        self._started = self._printed = time.monotonic()
        self._now = 0
        self.read = 0
        self.failed = 0

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    @property
    def rate(self) -> float:
        """Pictures a second in this run, those of earlier runs left out."""
        return self._now / max(self.seconds, 1e-9)

    def known(self, read: int, failed: int) -> None:
        """Count what earlier runs did."""
        self.read += read
        self.failed += failed

    def advance(self, record: Record) -> None:
        """Count a picture, and print if it is time."""
        self._now += 1
        self.read += record.page is not None
        self.failed += record.page is None
        now = time.monotonic()
        if now - self._printed >= (_TERMINAL_S if self._on_terminal else _PLAIN_S):
            self._printed = now
            # Return and erase to the end of the line (ECMA-48, EL).
            click.echo(
                f"\r\x1b[K{self.line()}" if self._on_terminal else self.line(), nl=not self._on_terminal, err=True
            )

    def line(self) -> str:
        """Counts, rate and time left."""
        done = self.read + self.failed
        left = timedelta(seconds=round((self._total - done) / self.rate)) if self._now else "?"
        return f"{done}/{self._total} pictures, {self.failed} failed, {self.rate:.1f}/s, {left} left"

    def clear(self) -> None:
        """Take the line of a terminal away."""
        if self._on_terminal:
            click.echo("\r\x1b[K", nl=False, err=True)

    def summary(self, output: str) -> str:
        """What a run ends with."""
        failed = f"{self.failed} failed (see {output}/failures)" if self.failed else "none failed"
        now = f"{self._now} of them now, in {self.seconds:.1f} s ({self.rate:.1f}/s)"
        return f"{self.read} pictures read, {failed}; {now}"

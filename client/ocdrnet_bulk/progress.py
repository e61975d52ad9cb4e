"""How far a run is."""

from __future__ import annotations

import sys
import time
from datetime import timedelta

import click

from ocdrnet_bulk.journal import Record

_TERMINAL_S = 0.2
_PLAIN_S = 30.0


class Progress:
    """Counts images and pages, and prints rate and time left to stderr."""

    def __init__(self, total: int) -> None:
        """Begin.

        Args:
            total: entries of the list: images and documents.
        """
        self._total = total
        self._on_terminal = sys.stderr.isatty()
        self._started = self._printed = time.monotonic()
        self._now = 0
        self._entries = self._entries_before = 0
        self._of_entry = 0.0  # how much of the entry under way is done
        self._has_documents = False
        self.read = 0
        self.failed = 0

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    @property
    def rate(self) -> float:
        """Images and pages a second in this run, those of earlier runs left out."""
        return self._now / max(self.seconds, 1e-9)

    def known(self, read: int, failed: int, entries: int) -> None:
        """Count what earlier runs did: images and pages, and entries of the list."""
        self.read += read
        self.failed += failed
        self._entries += entries
        self._entries_before += entries
        self._has_documents |= read > entries + 1  # an entry may be under way

    def advance(self, record: Record) -> None:
        """Count an image, a page or a file, and print if it is time."""
        self._now += not record.file
        self.read += record.page is not None
        self.failed += bool(record.error)
        self._has_documents |= bool(record.number)
        self._entries += not record.left
        done = record.number / max(record.page_count, 1)
        self._of_entry = done if record.left else 0.0
        now = time.monotonic()
        if now - self._printed >= (_TERMINAL_S if self._on_terminal else _PLAIN_S):
            self._printed = now
            # Return and erase to the end of the line (ECMA-48, EL).
            click.echo(
                f"\r\x1b[K{self.line()}" if self._on_terminal else self.line(), nl=not self._on_terminal, err=True
            )

    def line(self) -> str:
        """Counts, rate and time left."""
        # How many pages the documents have that are not open yet is not known: their number is taken for the work.
        now = self._entries - self._entries_before + self._of_entry
        ahead = self._total - self._entries - self._of_entry
        left = timedelta(seconds=round(ahead * self.seconds / now)) if now else "?"
        counts = f"{self._entries}/{self._total} images"
        if self._has_documents:
            counts = f"{self._entries}/{self._total} files, {self.read} pages"
        return f"{counts}, {self.failed} failed, {self.rate:.1f}/s, {left} left"

    def clear(self) -> None:
        """Take the line of a terminal away."""
        if self._on_terminal:
            click.echo("\r\x1b[K", nl=False, err=True)

    def summary(self, output: str) -> str:
        """What a run ends with."""
        failed = f"{self.failed} failed (see {output}/failures)" if self.failed else "none failed"
        now = f"{self._now} of them now, in {self.seconds:.1f} s ({self.rate:.1f}/s)"
        what = f"pages of {self._total} files" if self._has_documents else "images"
        return f"{self.read} {what} read, {failed}; {now}"

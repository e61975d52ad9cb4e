"""Reads one image, outlasts a server that restarts, and shows how far the run is."""

from __future__ import annotations

import dataclasses
import random
import sys
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from ocdrnet_bulk.errors import ServerGoneError
from ocdrnet_bulk.journal import Record
from ocdrnet_bulk.sources import ImageSource
from ocdrnet_client.client import Client
from ocdrnet_client.config import Retry
from ocdrnet_client.errors import (
    ClientClosedError,
    ModelNotFoundError,
    OcdrnetError,
    ServerError,
    ServerUnavailableError,
    UnexpectedResponseError,
)

_TERMINAL_S = 0.2
_PLAIN_S = 30.0


class Progress:
    """Counts images, and prints rate and time left to stderr."""

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
        """Count an image, and print if it is time."""
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
        return f"{done}/{self._total} images, {self.failed} failed, {self.rate:.1f}/s, {left} left"

    def clear(self) -> None:
        """Take the line of a terminal away."""
        if self._on_terminal:
            click.echo("\r\x1b[K", nl=False, err=True)

    def summary(self, output: str) -> str:
        """What a run ends with."""
        failed = f"{self.failed} failed (see {output}/failures)" if self.failed else "none failed"
        now = f"{self._now} of them now, in {self.seconds:.1f} s ({self.rate:.1f}/s)"
        return f"{self.read} images read, {failed}; {now}"


# No image's fault: a server that stops cancels its requests, and one that starts has no model yet.
_AWAY = (ServerUnavailableError, ClientClosedError, ModelNotFoundError)
# May be the image's fault or that of a server about to go; tried a few times before the image is given up.
_BROKEN = (ServerError, UnexpectedResponseError)
_BROKEN_TRIES = 3
_BACKOFF = Retry(initial=0.5, maximum=10.0)


class PatientReader:
    """Turns an entry of the list into its record; may be used from many threads."""

    def __init__(self, client: Client, source: ImageSource, parameters: Mapping[str, Any], patience: float) -> None:
        """Make a reader.

        Args:
            client: of the server.
            source: of the images.
            parameters: of every request.
            patience: seconds that the server may be away.
        """
        self._client = client
        self._source = source
        self._parameters = parameters
        self._patience = patience
        self._stopped = threading.Event()

    def read(self, entry: str) -> Record:
        """What became of an image.

        Raises:
            ServerGoneError: the server was away for longer than allowed, or `stop` was called.
        """
        try:
            data = self._source.read(entry)
        except OcdrnetError as error:
            return _failure(entry, error)
        until, failures = time.monotonic() + self._patience, 0
        while True:
            try:
                page = self._client.read(data, **self._parameters)
                return Record(entry, dataclasses.replace(page, image=entry).to_dict())
            except OcdrnetError as error:
                failures += 1
                if not isinstance(error, _AWAY) and not (isinstance(error, _BROKEN) and failures < _BROKEN_TRIES):
                    return _failure(entry, error)
                self._wait(failures, until, error)

    def stop(self) -> None:
        """End all waiting at once."""
        self._stopped.set()

    def _wait(self, failures: int, until: float, error: OcdrnetError) -> None:
        seconds = _BACKOFF.wait(failures, random.random())
        if self._stopped.is_set() or time.monotonic() + seconds > until:
            raise ServerGoneError(f"{error}. It was away for {self._patience:g} s; run again to go on") from error
        self._stopped.wait(seconds)


def _failure(entry: str, error: OcdrnetError) -> Record:
    return Record(entry, error=type(error).__name__, reason=str(error))

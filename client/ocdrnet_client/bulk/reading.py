"""Reads one picture, and outlasts a server that restarts."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from collections.abc import Mapping
from typing import Any

from ocdrnet_client.bulk.errors import ServerGoneError
from ocdrnet_client.bulk.journal import Record
from ocdrnet_client.bulk.sources import PictureSource
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

# No picture's fault: a server that stops cancels its requests, and one that starts has no model yet.
_AWAY = (ServerUnavailableError, ClientClosedError, ModelNotFoundError)
# May be the picture's fault or that of a server about to go; tried a few times before the picture is given up.
_BROKEN = (ServerError, UnexpectedResponseError)
_BROKEN_TRIES = 3
_BACKOFF = Retry(initial=0.5, maximum=10.0)


class PatientReader:
    """Turns an entry of the list into its record; may be used from many threads."""

    def __init__(self, client: Client, source: PictureSource, parameters: Mapping[str, Any], patience: float) -> None:
        """Make a reader.

        Args:
            client: of the server.
            source: of the pictures.
            parameters: of every request.
            patience: seconds that the server may be away.
        """
        self._client = client
        self._source = source
        self._parameters = parameters
        self._patience = patience
        self._stopped = threading.Event()

    def read(self, entry: str) -> Record:
        """What became of a picture.

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

"""A network's files, from NGC or another host into the cache, with progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import urllib3

from ocdrnet_deploy.catalog.catalog import CatalogEntry, DownloadedFile, NgcFile
from ocdrnet_deploy.errors import FileChoiceError, NetworkCacheError, NgcNotFoundError
from ocdrnet_deploy.files import file_lock
from ocdrnet_deploy.ngc.cache import (
    CHARACTER_LIST,
    cached_file,
    choose_weights,
    is_complete,
    require_acceptance,
    version_folder,
    weights_name,
)
from ocdrnet_deploy.ngc.connection import RetryPolicy, retry
from ocdrnet_deploy.ngc.receive import PartialFile, place_checked, receive

T = TypeVar("T")


class Host(Protocol):
    """Where files come from: `NgcApi` or `PlainHost`; each knows its own kind of place."""

    @property
    def host(self) -> str:
        """Its name, for messages."""

    @property
    def advice(self) -> str:
        """What else the user may do where it cannot be reached; empty, or a sentence after a full stop."""

    def open_file(self, source: Any, name: str, headers: dict[str, str], /) -> urllib3.BaseHTTPResponse:  # noqa: ANN401
        """Ask for a file; as of `NgcApi.open_file`."""

    def list_files(self, source: Any, /) -> list[str]:  # noqa: ANN401
        """Names of what lies there."""

    def missing(self, source: Any, name: str, /) -> NgcNotFoundError:  # noqa: ANN401
        """What there is instead of a file that is not there."""


class DownloadWatcher:
    """Told how a download goes; this one keeps silent. Subclasses override what they show."""

    def started(self, name: str) -> None:
        """A file's download begins, or goes on."""

    def received(self, done: int, total: int | None) -> None:
        """So many bytes of the file are on this machine; `total` where the server says how many it has."""

    def ended(self, name: str) -> None:
        """The file's download ended, whole or not."""

    def waiting(self, reason: str, seconds: float) -> None:
        """An attempt failed; the next begins in so many seconds."""

    def waiting_for_another(self, name: str) -> None:
        """Another process is downloading the same file."""


def fetch(
    entry: CatalogEntry,
    source: DownloadedFile,
    api: Host,
    *,
    accepted_by: str,
    file: str = "",
    policy: RetryPolicy | None = None,
    watcher: DownloadWatcher | None = None,
) -> Path:
    """Download a network's weights, and its character list if its version has one, unless they are there.

    An attempt that broke, even by a killed process, is gone on with where it stopped. Several processes may ask for
    the same file: one downloads it, the others wait and use it.

    Args:
        entry: the network.
        source: its place, `entry.source`.
        api: access to it.
        accepted_by: how the user accepted the licence, from `ngc.cache.acceptance`; empty where they did not.
        file: which file of the version to take, where the catalog does not say and there are several.
        policy: how often and how long to try again.
        watcher: is told how it goes.

    Returns:
        Path of the weights in the cache.

    Raises:
        DownloadError: a kind of it for each reason; the key stands in none.
    """
    fetcher = _Fetcher(source, api, policy or RetryPolicy(), watcher or DownloadWatcher())
    with cache_errors(source):
        require_acceptance(entry, source, accepted_by)
        known = file or weights_name(source)
        if known and is_complete(present := cached_file(source, known)):
            choose_weights(source, known)
            return present
        name = known or fetcher.only_network()
        if entry.description.kind == "recognizer" and isinstance(source, NgcFile):
            # Before the weights: once they are there, nobody asks for it again.
            fetcher.fetch_if_any(CHARACTER_LIST)
        path = fetcher.fetch(name, entry.sha256, network=True)
        choose_weights(source, name)
        return path


@contextmanager
def cache_errors(source: DownloadedFile) -> Iterator[None]:
    """Turn what the file system refuses into advice.

    Raises:
        NetworkCacheError: instead of OSError.
    """
    try:
        yield
    except OSError as error:
        raise NetworkCacheError(version_folder(source), error.strerror or str(error)) from None


class _Fetcher:
    """One version's files, by name."""

    def __init__(self, source: DownloadedFile, api: Host, policy: RetryPolicy, watcher: DownloadWatcher) -> None:
        self._source = source
        self._api = api
        self._policy = policy
        self._watcher = watcher

    def only_network(self) -> str:
        """Name of the version's one ONNX file, from NGC's list.

        Raises:
            FileChoiceError: it has several, or none.
        """
        names = self._retry(lambda: self._api.list_files(self._source))
        networks = [name for name in names if name.endswith(".onnx")]
        if len(networks) == 1:
            return networks[0]
        raise FileChoiceError(
            f"{self._source} has {len(networks)} ONNX files; choose one with --file NAME. It holds {', '.join(names)}"
        )

    def fetch(self, name: str, sha256: str = "", *, network: bool = False) -> Path:
        """A file that must exist."""
        try:
            return self._fetch(name, sha256, network=network)
        except NgcNotFoundError:
            raise self._retry(lambda: self._api.missing(self._source, name)) from None

    def fetch_if_any(self, name: str) -> None:
        """A file that the version may lack; asking for it is cheaper and surer than to look for it in the list."""
        try:
            self._fetch(name)
        except NgcNotFoundError:
            return

    def _fetch(self, name: str, sha256: str = "", *, network: bool = False) -> Path:
        final = cached_file(self._source, name)
        lock = final.with_name(f".{final.name}.lock")
        with file_lock(lock, lambda: self._watcher.waiting_for_another(name)):
            if not is_complete(final):
                partial = PartialFile(final)
                self._receive(name, partial)
                place_checked(partial, final, sha256, network=network)
        return final

    def _receive(self, name: str, partial: PartialFile) -> None:
        self._watcher.started(name)
        try:
            self._retry(
                lambda: receive(
                    lambda headers: self._api.open_file(self._source, name, headers), partial, self._watcher.received
                ),
                lambda: partial.size,
            )
        finally:
            self._watcher.ended(name)

    def _retry(self, attempt: Callable[[], T], received: Callable[[], int] = lambda: 0) -> T:
        host, advice = self._api.host, self._api.advice
        return retry(self._policy, attempt, on_wait=self._watcher.waiting, received=received, host=host, advice=advice)

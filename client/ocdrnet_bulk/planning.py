"""The first run: lists the source once, writes a list for each shard, then the manifest that later runs follow."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import IO, Any

from ocdrnet_bulk.errors import ManifestError, OutputError, ShardBusyError, SourceError
from ocdrnet_bulk.sources import ImageSource, Listing, write_names
from ocdrnet_bulk.store import Store, write_published
from ocdrnet_client.documents.opened import DEFAULT_DPI, TextLayer

_POLL_S = 0.2

if sys.platform == "win32":
    import msvcrt

    # Far behind the text, which others may read while the byte is locked.
    _BYTE = 1 << 30

    def _try_lock(file: IO[str]) -> None:
        file.seek(_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def held_lock(path: Path, what: str, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock.

    Args:
        path: a file that stays; only the lock on it counts.
        what: is locked, for the message.
        patience: seconds to wait for another holder.

    Raises:
        ShardBusyError: another process holds it.
        OutputError: the file cannot be made.
    """
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    with file:
        _locked(file, what, time.monotonic() + patience)
        # Only for the other's message, so a full disk does not matter; not through the buffer, which would fail later.
        with contextlib.suppress(OSError):
            file.truncate(0)
            os.write(file.fileno(), f"process {os.getpid()}".encode())
        yield


def _locked(file: IO[str], what: str, until: float) -> None:
    while True:
        try:
            return _try_lock(file)
        except OSError as error:
            if time.monotonic() >= until:
                file.seek(0)
                holder = file.read() or "another process"
                raise ShardBusyError(f"{holder} works on {what}; wait for it, or end it first") from error
        time.sleep(_POLL_S)


_NAME = "manifest.json"
_VERSION = 1


@dataclass(frozen=True)
class Settings:
    """What must be the same in every run on one output.

    Attributes:
        source: the source's absolute name.
        digest: of a list's content, None where the source is no list.
        output_format: `jsonl` or `parquet`; or that of the files, see `files.FILE_FORMATS`.
        shards: how many, 1 or more.
        parameters: the options of every request.
        pages: of documents, such as `1-3,7`; all if empty.
        dpi: at which PDF pages are drawn.
        text_layer: see `ocdrnet_client.documents.opened.OpenDocument`.
    """

    source: str
    digest: str | None
    output_format: str
    shards: int
    parameters: dict[str, Any]
    pages: str = ""
    dpi: float = DEFAULT_DPI
    text_layer: TextLayer = "auto"


@dataclass(frozen=True)
class Manifest:
    """A run's settings and its images, which lie in one list per shard.

    Attributes:
        run: random; tells runs on one output apart.
        settings: see `Settings`.
        pictures: images and documents in all shards together.
        started: when, ISO 8601 with time zone.
    """

    run: str
    settings: Settings
    pictures: int
    started: str

    def bounds(self, shard: int) -> tuple[int, int]:
        """First image of a shard and the one after its last; sizes differ by 1 at most."""
        count, shards = self.pictures, self.settings.shards
        return shard * count // shards, (shard + 1) * count // shards

    def size(self, shard: int) -> int:
        """Images in a shard."""
        first, end = self.bounds(shard)
        return end - first

    def part(self, shard: int) -> str:
        """A shard's file name without its suffix."""
        return f"part-{shard:05}-of-{self.settings.shards:05}"

    def inputs_name(self, shard: int) -> str:
        """The shard's list of images: JSON strings, one a line."""
        return f"inputs/{self.run}/{self.part(shard)}.jsonl"

    def to_json(self) -> str:
        """As it is stored."""
        head = {"format": "ocdrnet-bulk", "version": _VERSION}
        return json.dumps(head | dataclasses.asdict(self), indent=2) + "\n"


def load_manifest(store: Store) -> Manifest | None:
    """The output's manifest, None before the first run.

    Raises:
        ManifestError: it is none of this version.
        OutputError: it cannot be read.
    """
    content = store.read(_NAME)
    if content is None:
        return None
    try:
        data = json.loads(content)
        if (data.pop("format"), data.pop("version")) != ("ocdrnet-bulk", _VERSION):
            raise ValueError(f"not format ocdrnet-bulk, version {_VERSION}")
        return Manifest(**data | {"settings": Settings(**data["settings"])})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestError(
            f"{_NAME} in {store.name} cannot be used: {error}; take another --output, or --restart"
        ) from error


def check_settings(manifest: Manifest, given: Settings) -> None:
    """Refuse a run that is not the one that began.

    Raises:
        ManifestError: names each difference.
    """
    began, now = dataclasses.asdict(manifest.settings), dataclasses.asdict(given)
    changed = [_difference(name, began[name], now[name]) for name in began if began[name] != now[name]]
    if changed:
        raise ManifestError(
            f"the output belongs to another run: {'; '.join(changed)}; take another --output, or --restart"
        )


def _difference(name: str, before: object, now: object) -> str:
    if name == "digest":
        return "the list of images has changed since"
    return f"{name.replace('output_', '')} was {before!r}, now {now!r}"


_OTHER_PROCESS_POLL_S = 1.0
_FOLDERS = ("manifest.json", "done", "results", "failures", "files", "inputs")


def agreed_manifest(
    store: Store, source: ImageSource, settings: Settings, *, may_plan: bool, patience: float
) -> Manifest:
    """The output's manifest, made here if there is none yet.

    Args:
        store: the output.
        source: listed only if there is no manifest yet.
        settings: of this run.
        may_plan: whether to list the source where no lock keeps others from doing so at the same time; another
            process then waits for the manifest.
        patience: seconds to wait for it.

    Raises:
        BulkError: the settings differ from those of the first run, or the source cannot be listed.
    """
    manifest = load_manifest(store)
    if manifest is None and (may_plan or store.is_shared_lock):
        with held_lock(store.work / "plan.lock", "the list of images", patience):
            # Another process may have made it while this one waited.
            manifest = load_manifest(store) or _planned(store, source, settings)
    elif manifest is None:
        manifest = _awaited(store, patience)
    check_settings(manifest, settings)
    return manifest


def restart(store: Store) -> None:
    """Remove what earlier runs left: results, failures and the manifest.

    Raises:
        OutputError: it cannot be removed.
    """
    # The manifest goes first: what is left after a kill belongs to no run.
    for name in _FOLDERS:
        store.remove(name)


def _planned(store: Store, source: ImageSource, settings: Settings) -> Manifest:
    with Listing(store.work / f"listing.{os.getpid()}.sqlite") as listing:
        count = listing.add_all(source.entries())
        if not count:
            raise SourceError(f"no image in {source.name}")
        started = datetime.now(timezone.utc).isoformat(timespec="seconds")
        manifest = Manifest(uuid.uuid4().hex[:16], settings, count, started)
        names = listing.names()
        for shard in range(settings.shards):
            path = Path(store.work, f"inputs-{shard}.{os.getpid()}.tmp")
            write_names(islice(names, manifest.size(shard)), path)
            store.publish(path, manifest.inputs_name(shard))
    write_published(store, "manifest.json", manifest.to_json())
    return manifest


def _awaited(store: Store, patience: float) -> Manifest:
    until = time.monotonic() + patience
    while (manifest := load_manifest(store)) is None:
        if time.monotonic() > until:
            raise ManifestError(
                f"shard 0 has not listed the images within {patience:g} s; start it, or raise --patience"
            )
        time.sleep(_OTHER_PROCESS_POLL_S)
    return manifest

"""The first run: list the source once, and write a list per shard, then the manifest."""

from __future__ import annotations

import os
import time
import uuid
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

from ocdrnet_client.bulk.errors import ManifestError, SourceError
from ocdrnet_client.bulk.listing import Listing, write_names
from ocdrnet_client.bulk.locks import held_lock
from ocdrnet_client.bulk.manifest import Manifest, Settings, check_settings, load_manifest
from ocdrnet_client.bulk.sources import PictureSource
from ocdrnet_client.bulk.store import Store, write_published

_POLL_S = 1.0
_FOLDERS = ("manifest.json", "done", "results", "failures", "inputs")


def agreed_manifest(
    store: Store, source: PictureSource, settings: Settings, *, may_plan: bool, patience: float
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
        with held_lock(store.work / "plan.lock", "the list of pictures", patience):
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


def _planned(store: Store, source: PictureSource, settings: Settings) -> Manifest:
    with Listing(store.work / f"listing.{os.getpid()}.sqlite") as listing:
        count = listing.add_all(source.entries())
        if not count:
            raise SourceError(f"no picture in {source.name}")
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
                f"shard 0 has not listed the pictures within {patience:g} s; start it, or raise --patience"
            )
        time.sleep(_POLL_S)
    return manifest

"""The mark of a finished shard: it counts only while both files are those that it was made with."""

from __future__ import annotations

import dataclasses
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from ocdrnet_client.bulk.errors import ManifestError, OutputError, writing
from ocdrnet_client.bulk.formats import ResultFormat, write_lines
from ocdrnet_client.bulk.journal import Journal
from ocdrnet_client.bulk.manifest import Manifest, load_manifest
from ocdrnet_client.bulk.store import Store, write_published


@dataclass(frozen=True)
class Completion:
    """A finished shard.

    Attributes:
        read: pictures in the results.
        failed: pictures in the list of failures.
        results_bytes: size of the results; with two processes on one object store, each with results of its own,
            a mark that does not fit shows it.
        failures_bytes: size of the list of failures.
        pass_id: random; a second try on the failed ones begins from this pass.
    """

    read: int
    failed: int
    results_bytes: int
    failures_bytes: int
    pass_id: str = field(default_factory=lambda: uuid.uuid4().hex[:16])


@dataclass(frozen=True)
class ShardFiles:
    """The names of a shard's files, and how they come to be.

    Attributes:
        store: the output.
        manifest: of the run.
        shard: its number.
        results_format: of the results.
    """

    store: Store
    manifest: Manifest
    shard: int
    results_format: ResultFormat

    @property
    def part(self) -> str:
        """File name without suffix."""
        return self.manifest.part(self.shard)

    @property
    def results(self) -> str:
        """Name of the results."""
        return f"results/{self.part}{self.results_format.suffix}"

    @property
    def failures(self) -> str:
        """Name of the list of failures; empty where all were read."""
        return f"failures/{self.part}.jsonl"

    @property
    def mark(self) -> str:
        """Name of the mark."""
        return f"done/{self.part}.json"

    def completion(self) -> Completion | None:
        """The shard's mark, None while it is not finished.

        Raises:
            OutputError: it cannot be read.
        """
        content = self.store.read(self.mark)
        if content is None:
            return None
        try:
            mark = Completion(**json.loads(content))
        except (ValueError, TypeError) as error:
            raise OutputError(f"{self.mark} in {self.store.name} cannot be used: {error}; delete it") from error
        sizes = self.store.size(self.results), self.store.size(self.failures)
        return mark if sizes == (mark.results_bytes, mark.failures_bytes) else None

    def publish(self, journal: Journal) -> Completion:
        """Put a finished journal's results, failures and mark in place.

        Raises:
            ManifestError: the output was restarted meanwhile.
            OutputError: it cannot be written.
        """
        results, failures = self._temporary("results"), self._temporary("failures")
        pages = (record.page for record in journal.records() if record.page is not None)
        with writing(results):
            self.results_format.write(pages, results)
        with writing(failures):
            write_lines((record.to_failure() for record in journal.records() if record.page is None), failures)
        sizes = results.stat().st_size, failures.stat().st_size
        mark = Completion(journal.done - journal.failed, journal.failed, *sizes)
        self._check_current()
        # Without its mark the shard counts as unfinished until both files are in place.
        self.store.remove(self.mark)
        self.store.publish(results, self.results)
        self.store.publish(failures, self.failures)
        write_published(self.store, self.mark, json.dumps(dataclasses.asdict(mark)) + "\n")
        return mark

    def _temporary(self, kind: str) -> Path:
        return self.store.work / f"{self.part}.{kind}.tmp"

    def _check_current(self) -> None:
        current = load_manifest(self.store)
        if current is None or current.run != self.manifest.run:
            raise ManifestError(f"the run in {self.store.name} was restarted meanwhile; start this one again")

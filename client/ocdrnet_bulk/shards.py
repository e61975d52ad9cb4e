"""One shard from where it stands to its end, and the mark that it is finished."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from ocdrnet_bulk.errors import ManifestError, OutputError, writing
from ocdrnet_bulk.formats import ResultFormat, read_lines, write_lines
from ocdrnet_bulk.journal import Journal, Record
from ocdrnet_bulk.planning import Manifest, held_lock, load_manifest
from ocdrnet_bulk.sources import read_names
from ocdrnet_bulk.store import Store, write_published
from ocdrnet_client.ordered import map_in_threads


@dataclass(frozen=True)
class Completion:
    """A finished shard.

    Attributes:
        read: images in the results.
        failed: images in the list of failures.
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


class ShardProgress(Protocol):
    """Hears of each image."""

    def known(self, read: int, failed: int) -> None:
        """Pictures done by earlier runs."""
        ...

    def advance(self, record: Record) -> None:
        """An image done now."""
        ...


@dataclass(frozen=True)
class ShardWork:
    """How shards are worked on.

    Attributes:
        read: one image's record, by its entry; called from `concurrency` threads.
        concurrency: images at a time; memory holds twice as many.
        retry_failed: whether the failed images of a finished shard are tried again.
        before: called when a shard has something to do, for instance to ask whether a server is there.
    """

    read: Callable[[str], Record]
    concurrency: int
    retry_failed: bool
    before: Callable[[], None]

    def finish(self, files: ShardFiles, progress: ShardProgress) -> Completion:
        """Finish a shard, or do nothing if it is finished.

        Raises:
            ShardBusyError: another process works on it.
            BulkError: the output cannot be used, or the server stayed away.
        """
        with held_lock(files.store.work / f"{files.part}.lock", f"shard {files.shard}"):
            earlier = files.completion()
            if earlier is not None and not (self.retry_failed and earlier.failed):
                progress.known(earlier.read, earlier.failed)
                return earlier
            self.before()
            return self._worked(files, earlier, progress)

    def _worked(self, files: ShardFiles, earlier: Completion | None, progress: ShardProgress) -> Completion:
        begun = " ".join((files.manifest.run, files.part, earlier.pass_id if earlier else "first"))
        inputs = _local_inputs(files)
        with Journal(files.store.work / f"{files.part}.journal", begun) as journal:
            progress.known(journal.done - journal.failed, journal.failed)
            pending = islice(_pending(files, inputs, earlier), journal.done, None)
            for record, is_new in map_in_threads(self._record, pending, self.concurrency):
                journal.add(record)
                progress.advance(record) if is_new else progress.known(read=1, failed=0)
            if journal.done != files.manifest.size(files.shard):
                raise OutputError(f"{files.manifest.inputs_name(files.shard)} is not whole; use --restart")
            completion = files.publish(journal)
            journal.remove()
        for copy in files.store.work.glob(f"*{files.part}*.copy"):
            copy.unlink()
        return completion

    def _record(self, item: str | Record) -> tuple[Record, bool]:
        return (item, False) if isinstance(item, Record) else (self.read(item), True)


def _local_inputs(files: ShardFiles) -> Path:
    name = files.manifest.inputs_name(files.shard)
    if files.store.size(name) is None:
        raise OutputError(f"{name} is missing in {files.store.name}; use --restart")
    return files.store.local_copy(name)


def _pending(files: ShardFiles, inputs: Path, earlier: Completion | None) -> Iterator[str | Record]:
    """The shard's images in order: entries to read, and records that an earlier pass already has."""
    if earlier is None:
        yield from read_names(inputs)
        return
    # Results and failures are in the order of the list: together they are the list.
    pages = files.results_format.read(files.store.local_copy(files.results))
    failures = (line["image"] for line in read_lines(files.store.local_copy(files.failures)))
    next_failed = next(failures, None)
    for entry in read_names(inputs):
        if entry == next_failed:
            next_failed = next(failures, None)
            yield entry
        else:
            yield Record(entry, next(pages))

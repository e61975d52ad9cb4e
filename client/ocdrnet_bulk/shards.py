"""One shard from where it stands to its end, and the mark that it is finished."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

from ocdrnet_bulk.errors import ManifestError, OutputError, writing
from ocdrnet_bulk.files import FileMaker
from ocdrnet_bulk.formats import ResultFormat, read_lines, write_lines
from ocdrnet_bulk.journal import Journal, Record
from ocdrnet_bulk.planning import Manifest, held_lock, load_manifest
from ocdrnet_bulk.reading import OPENERS, Plan, Step
from ocdrnet_bulk.sources import read_names
from ocdrnet_bulk.store import Store, write_published
from ocdrnet_client.ordered import map_in_threads


@dataclass(frozen=True)
class Completion:
    """A finished shard.

    Attributes:
        read: images and pages in the results.
        failed: lines in the list of failures.
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
            write_lines((record.to_failure() for record in journal.records() if record.error), failures)
        sizes = results.stat().st_size, failures.stat().st_size
        mark = Completion(journal.read, journal.failed, *sizes)
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
    """Hears of each image and page."""

    def known(self, read: int, failed: int, entries: int) -> None:
        """Done by earlier runs: images and pages, and entries of the list."""
        ...

    def advance(self, record: Record) -> None:
        """One that is done now."""
        ...


class EntryReader(Protocol):
    """Says what an entry's records are, see `reading.PatientReader`."""

    def numbers(self, page_count: int) -> list[int]:
        """Pages that are read of a document of so many; `[0]` of an image."""
        ...

    def steps(self, plan: Plan) -> list[Step]:
        """The records to come; called from several threads."""
        ...


@dataclass(frozen=True)
class ShardWork:
    """How shards are worked on.

    Attributes:
        reader: of the entries.
        files: makes a file of each entry; None where there shall be none.
        concurrency: images and pages at a time; memory holds twice as many.
        retry_failed: whether what failed in a finished shard is tried again.
        before: called when a shard has something to do, for instance to ask whether a server is there.
    """

    reader: EntryReader
    files: FileMaker | None
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
                progress.known(earlier.read, earlier.failed, files.manifest.size(files.shard))
                return earlier
            self.before()
            return self._worked(files, earlier, progress)

    def _worked(self, files: ShardFiles, earlier: Completion | None, progress: ShardProgress) -> Completion:
        begun = " ".join((files.manifest.run, files.part, earlier.pass_id if earlier else "first"))
        inputs = _local_inputs(files)
        with Journal(files.store.work / f"{files.part}.journal", begun) as journal:
            progress.known(journal.read, journal.failed, journal.finished)
            if journal.last and journal.last.left == 1 and self.files:
                # The earlier run was ended between an entry's last page and its file.
                self._finish_entry(journal, journal.last, progress, is_due=True)
            plans = _taken_up(_plans(files, inputs, earlier, self.reader.numbers), journal)
            # Closed here, for an error keeps its frames, and with them the threads that wait for work.
            with (
                closing(map_in_threads(self.reader.steps, plans, OPENERS)) as opened,
                closing(map_in_threads(_made, chain.from_iterable(opened), self.concurrency)) as made,
            ):
                for step, record in made:
                    journal.add(record)
                    if step.is_new:
                        progress.advance(record)
                    else:
                        progress.known(read=1, failed=0, entries=not record.left)
                    if record.left == 1 and self.files:
                        self._finish_entry(journal, record, progress, step.is_due)
            if journal.finished != files.manifest.size(files.shard):
                raise OutputError(f"{files.manifest.inputs_name(files.shard)} is not whole; use --restart")
            completion = files.publish(journal)
            journal.remove()
        for copy in files.store.work.glob(f"*{files.part}*.copy"):
            copy.unlink()
        return completion

    def _finish_entry(self, journal: Journal, last: Record, progress: ShardProgress, is_due: bool) -> None:
        """Make the entry's file, or say that an earlier pass did; then the entry is finished."""
        assert self.files is not None
        if is_due:
            record = self.files.make(last.image, journal.records_of_entry())
        else:
            record = Record(last.image, file=self.files.name(last.image))
        journal.add(record)
        progress.advance(record)


def _made(step: Step) -> tuple[Step, Record]:
    return step, step.record()


def _local_inputs(files: ShardFiles) -> Path:
    name = files.manifest.inputs_name(files.shard)
    if files.store.size(name) is None:
        raise OutputError(f"{name} is missing in {files.store.name}; use --restart")
    return files.store.local_copy(name)


def _taken_up(plans: Iterator[Plan], journal: Journal) -> Iterator[Plan]:
    """The plans that the journal has not done, the first of which may be begun."""
    last = journal.last
    for plan in islice(plans, journal.finished, None):
        if last and last.left:
            yield dataclasses.replace(plan, page_count=last.page_count, after=last.number)
            last = None
        else:
            yield plan


def _plans(
    files: ShardFiles, inputs: Path, earlier: Completion | None, numbers: Callable[[int], list[int]]
) -> Iterator[Plan]:
    """What is to be done for each entry of the shard: all, or what failed in an earlier pass."""
    if earlier is None:
        yield from map(Plan, read_names(inputs))
        return
    # Results and failures are in the order of the list: together they are the list.
    results = _Lines(files.results_format.read(files.store.local_copy(files.results)))
    failures = _Lines(read_lines(files.store.local_copy(files.failures)))
    for entry in read_names(inputs):
        failed = failures.head if failures.head and failures.head["image"] == entry else None
        if failed and "page" not in failed and "file" not in failed:
            failures.take()
            yield Plan(entry)
            continue
        head = failed if failed and "page" in failed else results.head
        page_count = (head or {}).get("page_count") or 0
        kept: dict[int, Record] = {}
        for number in numbers(page_count):
            if failures.is_page(entry, number):
                failures.take()
            else:
                kept[number] = Record(entry, results.take())
        if is_unmade := failures.is_file(entry):
            failures.take()
        yield Plan(entry, page_count, earlier=kept, is_due=bool(failed or is_unmade))


class _Lines:
    """Lines of which the next one can be looked at."""

    def __init__(self, lines: Iterator[dict[str, Any]]) -> None:
        self._lines = lines
        self.head = next(lines, None)

    def take(self) -> dict[str, Any]:
        assert self.head is not None, "results and failures are fewer than the list"
        taken, self.head = self.head, next(self._lines, None)
        return taken

    def is_page(self, entry: str, number: int) -> bool:
        """Whether the next one is a failure of that page."""
        return self.head is not None and (self.head["image"], self.head.get("page")) == (entry, number)

    def is_file(self, entry: str) -> bool:
        """Whether the next one says that the entry's file could not be made."""
        return self.head is not None and self.head["image"] == entry and "file" in self.head

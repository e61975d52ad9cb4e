"""One shard from where it stands to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from ocdrnet_client.bulk.completion import Completion, ShardFiles
from ocdrnet_client.bulk.errors import OutputError
from ocdrnet_client.bulk.formats import read_lines
from ocdrnet_client.bulk.journal import Journal, Record
from ocdrnet_client.bulk.listing import read_names
from ocdrnet_client.bulk.locks import held_lock
from ocdrnet_client.ordered import map_in_threads


class ShardProgress(Protocol):
    """Hears of each picture."""

    def known(self, read: int, failed: int) -> None:
        """Pictures done by earlier runs."""
        ...

    def advance(self, record: Record) -> None:
        """A picture done now."""
        ...


@dataclass(frozen=True)
class ShardWork:
    """How shards are worked on.

    Attributes:
        read: one picture's record, by its entry; called from `concurrency` threads.
        concurrency: pictures at a time; memory holds twice as many.
        retry_failed: whether the failed pictures of a finished shard are tried again.
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
    """The shard's pictures in order: entries to read, and records that an earlier pass already has."""
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

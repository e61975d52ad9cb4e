"""Labelled bytes that expire, and what gives way to new ones; the same over every backend."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, cast, get_args

from ocdrnet_gateway.http_errors import GatewayError, StoreFullError
from ocdrnet_gateway.store.backend import Backend, Label, Stored

Kind = Literal["asset", "file", "result", "job", "document", "progress", "beat"]
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SPACE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Place:
    """The place of one object.

    Attributes:
        kind: what it is.
        space: of its owner, by `space_of`. An object of another owner is not found, since it lies elsewhere.
        id: a UUID, lower case with hyphens.
    """

    kind: Kind
    space: str
    id: str

    def __post_init__(self) -> None:
        """Refuse anything that is no plain name.

        Raises:
            ValueError: the space or the id has another form; a caller's own value is checked before this.
        """
        if not _SPACE.fullmatch(self.space) or not _UUID.fullmatch(self.id):
            raise ValueError("a space has 32 hexadecimal digits, an id is a UUID")

    @property
    def record(self) -> str:
        """Name of the object's label."""
        return f"{self.kind}/{self.space}/{self.id}.json"

    @property
    def content(self) -> str:
        """Name of the object's bytes."""
        return f"{self.kind}/{self.space}/{self.id}.bin"


def place_of_name(name: str) -> Place | None:
    """The place that a label or its bytes belong to; None: it is the name of neither."""
    kind, _, rest = name.partition("/")
    space, _, file = rest.partition("/")
    object_id, _, suffix = file.rpartition(".")
    if kind not in get_args(Kind) or suffix not in ("json", "bin"):
        return None
    try:
        return Place(cast("Kind", kind), space, object_id)
    except ValueError:
        return None


def parse_id(text: str) -> str | None:
    """A UUID in its one canonical spelling; None: the text is no UUID."""
    lower = text.lower()
    return lower if _UUID.fullmatch(lower) else None


def parse_space(text: str) -> str | None:
    """A space as it stands in an address; None: the text is none."""
    return text if _SPACE.fullmatch(text) else None


def space_of(owner: str) -> str:
    """The space of a caller's name: 128 bits of its SHA-256, in hexadecimal."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32]


@dataclass
class Entry:
    """One object.

    Attributes:
        place: where it lies.
        payer: whose share of the store it uses.
        since: seconds since 1970 when it was noted.
        sizes: bytes of its label and of its content, by name.
        fetched: when its owner took it, seconds since 1970; None: not yet.
    """

    place: Place
    payer: str
    since: float
    sizes: dict[str, int] = field(default_factory=dict)
    fetched: float | None = None

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        return sum(self.sizes.values())


class Ledger:
    """Kept in memory by one gateway: rebuilt at each sweep, exact in between for what this gateway does itself."""

    def __init__(self) -> None:
        self._entries: dict[Place, Entry] = {}
        self._used: Counter[str] = Counter()

    def used(self, payer: str) -> int:
        """Bytes that one caller fills."""
        return self._used[payer]

    def size(self, place: Place, name: str) -> int:
        """Bytes of one of an object's two names, as far as is known."""
        entry = self._entries.get(place)
        return entry.sizes.get(name, 0) if entry else 0

    def note(self, place: Place, payer: str, name: str, size: int) -> None:
        """Something was written."""
        entry = self._entries.setdefault(place, Entry(place, payer, time.time()))
        self._used[entry.payer] -= entry.size
        entry.sizes[name] = size
        entry.payer = payer
        self._used[payer] += entry.size

    def note_fetched(self, place: Place) -> None:
        """The object's owner has it."""
        entry = self._entries.get(place)
        if entry is not None and entry.fetched is None:
            entry.fetched = time.time()

    def forget(self, place: Place) -> None:
        """The object was deleted."""
        entry = self._entries.pop(place, None)
        if entry is not None:
            self._used[entry.payer] -= entry.size

    def payer(self, place: Place) -> str | None:
        """Who pays for an object; None: it is not known."""
        entry = self._entries.get(place)
        return entry.payer if entry else None

    def giving_way(self, payer: str | None) -> Iterator[Entry]:
        """What may be deleted for new things: results that were fetched, then those that were not, each oldest first.

        Args:
            payer: whose things; None: everyone's.
        """
        results = [
            entry
            for entry in self._entries.values()
            if entry.place.kind == "result" and (payer is None or entry.payer == payer)
        ]
        yield from sorted(results, key=lambda entry: (entry.fetched is None, entry.fetched or entry.since))

    def rebuild(self, listed: Iterable[Stored], labels: Mapping[str, Label], begun: float) -> None:
        """Take over what was found in the store.

        Args:
            listed: everything in it.
            labels: by their names.
            begun: when the search began, seconds since 1970; what was noted since is kept.
        """
        before, self._entries = self._entries, {}
        for stored in listed:
            place = place_of_name(stored.name)
            label = labels.get(place.record) if place else None
            if place is None or label is None:
                continue
            entry = self._entries.setdefault(place, Entry(place, label.payer or place.space, stored.modified))
            entry.sizes[stored.name] = stored.size
        for place, entry in before.items():
            if entry.since >= begun:
                self._entries.setdefault(place, entry)
            elif place in self._entries:
                self._entries[place].fetched = entry.fetched
        self._used = Counter()
        for entry in self._entries.values():
            self._used[entry.payer] += entry.size


_LOG = logging.getLogger(__name__)
# Bytes without a label are an upload that is being finished, or what a crash left; after an hour the latter is sure.
_ORPHAN_S = 3600.0


class Store:
    """Assets, results and jobs. What has expired is not found any more, and a sweep deletes it.

    Every method that talks to the backend runs it in a thread and may raise UnavailableError.

    No caller fills it for the others: beyond its own share it makes room among its own results, and where the store is
    full, results give way, those that were fetched first. Assets never do, for they are promised until they expire.
    """

    def __init__(self, backend: Backend, sweep_interval_s: float, caller_bytes: int | None = None) -> None:
        """Nothing is touched before `start`.

        Args:
            backend: keeps the bytes.
            sweep_interval_s: seconds between two sweeps.
            caller_bytes: that one payer's objects may have together; None: no limit.
        """
        self._backend = backend
        self._interval_s = sweep_interval_s
        self._caller_bytes = caller_bytes
        self._ledger = Ledger()
        self._sweeping: asyncio.Task[None] | None = None
        # The labels seen by the last sweep: one is read once, not once a sweep.
        self._labels: dict[tuple[str, float], Label | None] = {}

    async def start(self) -> None:
        """Check the backend and begin to sweep.

        Raises:
            SettingsError: the folder or bucket cannot be used.
        """
        await asyncio.to_thread(self._backend.check)
        self._sweeping = asyncio.create_task(self._sweep_for_ever())

    async def close(self) -> None:
        """End the sweeping."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping

    async def announce(self, place: Place, label: Label) -> None:
        """Write a label whose bytes are to come, by `fill` or by the upload URL.

        Raises:
            StoreFullError: there is no room.
        """
        data = label.to_json()
        write = partial(self._backend.write, place.record, data)
        await self._write(place, place.record, len(data), write, label.payer or place.space)
        self._ledger.note(place, label.payer or place.space, place.record, len(data))

    async def fill(self, place: Place, content: bytes, payer: str = "") -> None:
        """Write the bytes of an announced object; `payer` is that of its label.

        Raises:
            StoreFullError: there is no room.
        """
        await self._fill(place, len(content), partial(self._backend.write, place.content, content), payer)

    async def put(self, place: Place, label: Label, content: bytes) -> None:
        """Write bytes and label.

        Raises:
            StoreFullError: there is no room.
        """
        await self.fill(place, content, label.payer)
        await self.announce(place, label)

    async def put_file(self, place: Place, label: Label, path: Path) -> None:
        """`put` of a file's bytes, which need not fit into memory.

        Raises:
            StoreFullError: there is no room.
        """
        size = path.stat().st_size
        await self._fill(place, size, partial(self._backend.write_file, place.content, path), label.payer)
        await self.announce(place, label)

    def note_fetched(self, place: Place) -> None:
        """The owner has the bytes: they give way before others."""
        self._ledger.note_fetched(place)

    async def label(self, place: Place) -> Label | None:
        """The label; None: there is no such object, or it has expired."""
        return await asyncio.to_thread(self._label, place.record)

    async def get(self, place: Place, max_bytes: int | None = None) -> bytes | None:
        """The bytes; None: there is no such object, it has expired, or its bytes have not come yet.

        Raises:
            TooLargeError: there are more than `max_bytes`.
        """
        return await asyncio.to_thread(self._get, place, max_bytes)

    async def get_file(self, place: Place, path: Path) -> bool:
        """Write the bytes into a local file; False: there are none, as `get` has it."""
        return await asyncio.to_thread(self._get_file, place, path)

    async def has_content(self, place: Place) -> bool:
        """Whether `get` would give bytes."""
        return await asyncio.to_thread(self._has_content, place)

    async def delete(self, place: Place) -> bool:
        """Delete; False: there was no such object."""
        existed = await asyncio.to_thread(self._delete, place)
        self._ledger.forget(place)
        return existed

    async def list_labels(self, kind: Kind, space: str) -> list[tuple[str, Label]]:
        """Ids and labels of all objects of a kind in a space, those without bytes included."""
        return await asyncio.to_thread(self._list, kind, space)

    async def list_places(self, kind: Kind) -> list[Place]:
        """All objects of a kind that have bytes, in every space; some may have expired."""
        listed = await asyncio.to_thread(lambda: list(self._backend.listing(f"{kind}/")))
        places = (place_of_name(stored.name) for stored in listed if not _is_record(stored.name))
        return [place for place in places if place]

    async def upload_url(self, place: Place, label: Label, lifetime_s: float) -> str | None:
        """Where a caller can write the bytes without the gateway; None: it must write through the gateway."""
        return await asyncio.to_thread(self._backend.upload_url, place.content, label, lifetime_s)

    async def sweep(self) -> int:
        """Delete what has expired and what belongs to nothing; how many objects."""
        begun = time.time()
        count, listed, labels = await asyncio.to_thread(self._sweep)
        self._ledger.rebuild(listed, labels, begun)
        return count

    async def _fill(self, place: Place, size: int, write: Callable[[], None], payer: str) -> None:
        payer = payer or self._ledger.payer(place) or place.space
        await self._write(place, place.content, size, write, payer)
        self._ledger.note(place, payer, place.content, size)

    async def _write(self, place: Place, name: str, size: int, write: Callable[[], None], payer: str) -> None:
        await self._make_own_room(place, payer, size - self._ledger.size(place, name))
        try:
            await asyncio.to_thread(write)
        except StoreFullError as full:
            # What expired since the last sweep may be all the room that is needed.
            if await self.sweep():
                with suppress(StoreFullError):
                    await asyncio.to_thread(write)
                    return
            if not await self._give_way(None, full.shortage, place):
                raise
            await asyncio.to_thread(write)

    async def _make_own_room(self, place: Place, payer: str, growth: int) -> None:
        """Keep a caller within its share.

        Raises:
            StoreFullError: its assets fill it.
        """
        limit = self._caller_bytes
        if limit is None or growth <= 0 or self._ledger.used(payer) + growth <= limit:
            return
        shortage = self._ledger.used(payer) + growth - limit
        if growth > limit or not await self._give_way(payer, shortage, place):
            total = self._backend.max_bytes
            whole = "the store" if total is None else f"the store's {total:,} bytes"
            raise StoreFullError(
                f"there is no room for {growth:,} bytes more: one caller may fill {limit:,} bytes of {whole}; delete"
                " assets that are not needed, or wait until some expire",
                60,
            )

    async def _give_way(self, payer: str | None, size: int, keep: Place) -> bool:
        """Delete results until so many bytes are free; whether they are. Nothing is deleted where that cannot help."""
        freed, chosen = 0, []
        for entry in self._ledger.giving_way(payer):
            if freed >= size:
                break
            if entry.place != keep:
                chosen.append(entry.place)
                freed += entry.size
        if freed < size:
            return False
        for place in chosen:
            for kind in ("job", "result"):
                await self.delete(Place(kind, place.space, place.id))
        return True

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                await self.sweep()
            except GatewayError as error:
                _LOG.warning("the sweep failed", extra={"reason": str(error.detail)})
            except Exception:
                # Nothing would ever be deleted again if one bad file ended the sweeping.
                _LOG.exception("the sweep failed")
            await asyncio.sleep(self._interval_s)

    def _label(self, record: str) -> Label | None:
        data = self._backend.read(record)
        label = Label.from_json(data) if data is not None else None
        return _in_time(label)

    def _get(self, place: Place, max_bytes: int | None) -> bytes | None:
        return self._backend.read(place.content, max_bytes) if self._label(place.record) else None

    def _get_file(self, place: Place, path: Path) -> bool:
        return self._label(place.record) is not None and self._backend.read_file(place.content, path)

    def _has_content(self, place: Place) -> bool:
        return self._label(place.record) is not None and self._backend.exists(place.content)

    def _delete(self, place: Place) -> bool:
        existed = self._label(place.record) is not None
        # The label first: bytes without one are found by nobody.
        self._backend.remove(place.record)
        self._backend.remove(place.content)
        return existed

    def _list(self, kind: Kind, space: str) -> list[tuple[str, Label]]:
        found = []
        for stored in self._backend.listing(f"{kind}/{space}/"):
            label = _in_time(self._known_label(stored)) if _is_record(stored.name) else None
            if label is not None:
                found.append((stored.name.rpartition("/")[2].removesuffix(".json"), label))
        return found

    def _sweep(self) -> tuple[int, list[Stored], dict[str, Label]]:
        """How many objects were deleted, and what is left."""
        now = time.time()
        listed = list(self._backend.listing(""))
        names = {stored.name for stored in listed}
        records = [stored for stored in listed if _is_record(stored.name)]
        self._labels = {(stored.name, stored.modified): self._known_label(stored) for stored in records}
        # A label that cannot be read is of no use to anyone.
        over = {name for (name, _), label in self._labels.items() if label is None or label.expires <= now}
        left = []
        for stored in listed:
            record = _record_of(stored.name)
            if record in over or (record not in names and stored.modified < now - _ORPHAN_S):
                self._backend.remove(stored.name)
            else:
                left.append(stored)
        return len(over), left, {name: label for (name, _), label in self._labels.items() if label is not None}

    def _known_label(self, stored: Stored) -> Label | None:
        """The label of a listed record, expired or not."""
        key = (stored.name, stored.modified)
        if key in self._labels:
            return self._labels[key]
        data = self._backend.read(stored.name)
        return Label.from_json(data) if data is not None else None


def _in_time(label: Label | None) -> Label | None:
    return label if label is not None and label.expires > time.time() else None


def _is_record(name: str) -> bool:
    return name.endswith(".json")


def _record_of(name: str) -> str:
    return name if _is_record(name) else f"{name.removesuffix('.bin')}.json"

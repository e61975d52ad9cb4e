"""What lies in the store, for whom, and what gives way to new things first."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ocdrnet_gateway.store.backend import Stored
from ocdrnet_gateway.store.labels import Label
from ocdrnet_gateway.store.places import Place, place_of_name


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

"""Labelled bytes that expire; the same over every backend."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from ocdrnet_gateway.problems import GatewayError, StoreFullError
from ocdrnet_gateway.store.backend import Backend, Stored
from ocdrnet_gateway.store.labels import Label
from ocdrnet_gateway.store.places import Kind, Place

_LOG = logging.getLogger(__name__)
# Bytes without a label are an upload that is being finished, or what a crash left; after an hour the latter is sure.
_ORPHAN_S = 3600.0


class Store:
    """Assets, results and jobs. What has expired is not found any more, and a sweep deletes it.

    Every method that talks to the backend runs it in a thread and may raise UnavailableError.
    """

    def __init__(self, backend: Backend, sweep_interval_s: float) -> None:
        """Nothing is touched before `start`.

        Args:
            backend: keeps the bytes.
            sweep_interval_s: seconds between two sweeps.
        """
        self._backend = backend
        self._interval_s = sweep_interval_s
        self._sweeping: asyncio.Task[None] | None = None
        # When each record seen by the last sweep expires: a record is read once, not once a sweep.
        self._expiry: dict[tuple[str, float], float] = {}

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
        await self._write(place.record, label.to_json())

    async def fill(self, place: Place, content: bytes) -> None:
        """Write the bytes of an announced object.

        Raises:
            StoreFullError: there is no room.
        """
        await self._write(place.content, content)

    async def put(self, place: Place, label: Label, content: bytes) -> None:
        """Write bytes and label.

        Raises:
            StoreFullError: there is no room.
        """
        await self.fill(place, content)
        await self.announce(place, label)

    async def label(self, place: Place) -> Label | None:
        """The label; None: there is no such object, or it has expired."""
        return await asyncio.to_thread(self._label, place.record)

    async def get(self, place: Place, max_bytes: int | None = None) -> bytes | None:
        """The bytes; None: there is no such object, it has expired, or its bytes have not come yet.

        Raises:
            TooLargeError: there are more than `max_bytes`.
        """
        return await asyncio.to_thread(self._get, place, max_bytes)

    async def has_content(self, place: Place) -> bool:
        """Whether `get` would give bytes."""
        return await asyncio.to_thread(self._has_content, place)

    async def delete(self, place: Place) -> bool:
        """Delete; False: there was no such object."""
        return await asyncio.to_thread(self._delete, place)

    async def list_labels(self, kind: Kind, space: str) -> list[tuple[str, Label]]:
        """Ids and labels of all objects of a kind in a space, those without bytes included."""
        return await asyncio.to_thread(self._list, kind, space)

    async def upload_url(self, place: Place, label: Label, lifetime_s: float) -> str | None:
        """Where a caller can write the bytes without the gateway; None: it must write through the gateway."""
        return await asyncio.to_thread(self._backend.upload_url, place.content, label, lifetime_s)

    async def sweep(self) -> int:
        """Delete what has expired and what belongs to nothing; how many objects."""
        return await asyncio.to_thread(self._sweep)

    async def _write(self, name: str, data: bytes) -> None:
        try:
            await asyncio.to_thread(self._backend.write, name, data)
        except StoreFullError:
            # What expired since the last sweep may be all the room that is needed.
            if not await self.sweep():
                raise
            await asyncio.to_thread(self._backend.write, name, data)

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
        return label if label is not None and label.expires > time.time() else None

    def _get(self, place: Place, max_bytes: int | None) -> bytes | None:
        return self._backend.read(place.content, max_bytes) if self._label(place.record) else None

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
            label = self._label(stored.name) if _is_record(stored.name) else None
            if label is not None:
                found.append((stored.name.rpartition("/")[2].removesuffix(".json"), label))
        return found

    def _sweep(self) -> int:
        now = time.time()
        listed = list(self._backend.listing(""))
        names = {stored.name for stored in listed}
        records = [stored for stored in listed if _is_record(stored.name)]
        self._expiry = {(stored.name, stored.modified): self._expiry_of(stored) for stored in records}
        over = {name for (name, _), expires in self._expiry.items() if expires <= now}
        for stored in listed:
            record = _record_of(stored.name)
            if record in over or (record not in names and stored.modified < now - _ORPHAN_S):
                self._backend.remove(stored.name)
        return len(over)

    def _expiry_of(self, stored: Stored) -> float:
        known = self._expiry.get((stored.name, stored.modified))
        if known is not None:
            return known
        data = self._backend.read(stored.name)
        label = Label.from_json(data) if data is not None else None
        # A label that cannot be read is of no use to anyone.
        return label.expires if label else 0.0


def _is_record(name: str) -> bool:
    return name.endswith(".json")


def _record_of(name: str) -> str:
    return name if _is_record(name) else f"{name.removesuffix('.bin')}.json"

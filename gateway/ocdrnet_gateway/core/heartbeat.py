"""Signs of life of the gateways on one store: where one has given none for `job_lease_s`, others take over its work."""

from __future__ import annotations

import asyncio
import logging
import math
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress

from ocdrnet_gateway.http_errors import GatewayError
from ocdrnet_gateway.store import Label, Place, Store, space_of

_LOG = logging.getLogger(__name__)
_BEATS = space_of("gateways")


class Heartbeat:
    """This gateway's sign of life, a label in the store that expires, and the others'. It belongs to one event loop.

    Attributes:
        id: this gateway's, a UUID that is new with each start.
    """

    def __init__(self, store: Store, lease_s: float) -> None:
        """Nothing is written before there is work.

        Args:
            store: that the gateways have in common.
            lease_s: seconds that a sign of life counts.
        """
        self.id = str(uuid.uuid4())
        self._store = store
        self._lease_s = lease_s
        self._given_at = -math.inf
        self._lock = asyncio.Lock()
        self._needs: list[Callable[[], object]] = []
        self._loop: asyncio.Task[None] | None = None

    def give_while(self, is_needed: Callable[[], object]) -> None:
        """Go on with it for as long as the answer is true: there is work that others would take over without it."""
        self._needs.append(is_needed)

    async def start(self) -> None:
        """Give signs of life from now on, where they are needed."""
        self._loop = asyncio.create_task(for_ever(self._give_if_needed, self._lease_s / 4))

    async def close(self) -> None:
        """Give none any more, and take the last one back: what is left can be taken over at once."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        with suppress(GatewayError):
            await self._store.delete(Place("beat", _BEATS, self.id))

    async def give(self) -> None:
        """Give one now, unless the last one is new; before this gateway's id is written beside a piece of work.

        Raises:
            GatewayError: the store is full or away.
        """
        async with self._lock:  # who comes second has it in the store, too, when this returns
            now = time.monotonic()
            if now - self._given_at < self._lease_s / 5:
                return
            label = Label("text/plain", time.time() + self._lease_s)
            await self._store.announce(Place("beat", _BEATS, self.id), label)
            self._given_at = now

    async def is_alive(self, gateway: str) -> bool:
        """Whether a gateway has given a sign of life; `gateway` is its id, empty for none, which is not alive."""
        if gateway in ("", self.id):
            return gateway == self.id
        return await self._store.label(Place("beat", _BEATS, gateway)) is not None

    async def _give_if_needed(self) -> None:
        if any(is_needed() for is_needed in self._needs):
            await self.give()


async def for_ever(work: Callable[[], Awaitable[None]], period_s: float) -> None:
    """Do it again and again, with a pause before each time; what goes wrong is logged, and ends nothing."""
    while True:
        await asyncio.sleep(period_s)
        try:
            await work()
        except GatewayError as error:
            _LOG.warning("jobs cannot be looked after", extra={"reason": str(error.detail)})
        except Exception:
            # One bad record must not leave all the others alone.
            _LOG.exception("jobs cannot be looked after")

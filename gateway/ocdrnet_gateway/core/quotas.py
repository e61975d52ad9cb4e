"""What each caller may use: images a minute and requests at once."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.http_errors import QuotaError

_MINUTE_S = 60.0


@dataclass
class _Use:
    """What one caller uses now: a token bucket that holds a minute's images, and its requests under way."""

    tokens: float
    filled_at: float
    under_way: int = 0


@dataclass
class Charge:
    """What one request was charged, and what it got for it.

    Attributes:
        pictures: paid for.
        read: of them.
        refused: of them, though the others were read: pages of a document that the server failed on.
    """

    pictures: int
    read: int = 0
    refused: int = 0

    def note_read(self) -> None:
        """One more image was read, or it was the image that was at fault."""
        self.read += 1

    def note_refused(self) -> None:
        """The server refused or failed on one, and goes on with the next."""
        self.refused += 1


class Quotas:
    """Counts for each caller's name. It belongs to one process: with R replicas a caller has R times its limit."""

    def __init__(self) -> None:
        self._uses: dict[str, _Use] = {}

    @asynccontextmanager
    async def use(self, caller: Principal, pictures: int, *, is_request: bool = True) -> AsyncIterator[Charge]:
        """Charge the caller for one request; images that the server refused or failed on are given back.

        Args:
            caller: with its limits.
            pictures: how many the request holds.
            is_request: whether it counts among those under way; not a page of a job, whose caller waits for none.

        Raises:
            QuotaError: a limit is reached; `retry-after` says when it will not be.
        """
        use = self._uses.setdefault(caller.name, _Use(caller.rate_per_minute or 0.0, time.monotonic()))
        if is_request and caller.concurrency is not None and use.under_way >= caller.concurrency:
            raise QuotaError(f"{caller.concurrency} requests of this key are under way, which is its limit")
        if caller.rate_per_minute is not None:
            _spend(use, caller.rate_per_minute, pictures)
        use.under_way += is_request
        charge = Charge(pictures)
        try:
            yield charge
        except Exception:  # not where the caller left: Triton worked for it all the same
            use.tokens += charge.pictures - charge.read
            raise
        else:
            use.tokens += charge.refused
        finally:
            use.under_way -= is_request

    def is_spent(self, caller: Principal) -> bool:
        """Whether the caller may have no image read now."""
        use = self._uses.get(caller.name)
        if use is None or caller.rate_per_minute is None:
            return False
        return use.tokens + (time.monotonic() - use.filled_at) * caller.rate_per_minute / _MINUTE_S < 1


def _spend(use: _Use, rate: float, pictures: int) -> None:
    now = time.monotonic()
    # A rate below one a minute still lets one image through, at its time.
    room = max(rate, 1.0)
    use.tokens = min(room, use.tokens + (now - use.filled_at) * rate / _MINUTE_S)
    use.filled_at = now
    if pictures > room:
        raise QuotaError(f"this key may have {rate:g} images a minute read; send at most {int(room)} in one request")
    if pictures > use.tokens:
        wait_s = math.ceil((pictures - use.tokens) * _MINUTE_S / rate)
        raise QuotaError(f"this key may have {rate:g} images a minute read; wait {wait_s} s", wait_s)
    use.tokens -= pictures

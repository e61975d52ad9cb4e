"""Who calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """One caller, however many keys it holds.

    Attributes:
        name: that its keys were made for; owner of its assets and results.
        rate_per_minute: pictures it may have read a minute; None: no limit.
        concurrency: requests it may have under way; None: no limit.
    """

    name: str
    rate_per_minute: float | None = None
    concurrency: int | None = None

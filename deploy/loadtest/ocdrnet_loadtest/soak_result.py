"""What a long run found: whether memory stays flat and the slow requests stay near the usual ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MemorySample:
    """Resident memory at one moment.

    Attributes:
        at_s: seconds since the first request.
        answered: requests so far.
        rss: bytes of each local server process, by name.
    """

    at_s: float
    answered: int
    rss: dict[str, int]


@dataclass(frozen=True)
class MemorySlope:
    """A line through the samples after the settling requests (least squares).

    Attributes:
        bytes_per_1000: growth with every 1,000 requests.
        first: bytes at the first of these samples.
        last: bytes at the last.
        is_flat: it would grow by less than 1 % of `first` in 10,000 requests, or by less than 1 MiB.
    """

    bytes_per_1000: float
    first: int
    last: int
    is_flat: bool


@dataclass(frozen=True)
class Soak:
    """A long run at a share of the knee.

    Attributes:
        requests: that were planned.
        rate: requests a second.
        fraction: of the knee; None where the rate was given.
        settling: requests left out of the slopes.
        memory: samples over time; empty where the server is elsewhere.
        slopes: by process; empty with too few samples.
        p99_to_p50: ratio of the two latencies; None where nothing was answered.
    """

    requests: int
    rate: float
    fraction: float | None
    settling: int
    memory: tuple[MemorySample, ...]
    slopes: dict[str, MemorySlope]
    p99_to_p50: float | None

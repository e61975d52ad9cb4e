"""Percentiles of latencies, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ocdrnet_loadtest.shots import Shot
from ocdrnet_loadtest.step_result import Latency, Lateness, Window

LATE = 0.010  # seconds; half a frame of a film, and far below any answer of the two networks on a CPU
_LATE_SHARE = 0.01  # of requests; more late ones reach into the p99
_MATERIAL = 0.1  # of the p99 latency; a smaller delay does not decide whether a rate is met
_BUSY = 0.9  # of a core; one event loop cannot use more than one
_SIGMAS = 1.96  # 95 % of a normal distribution
_WINDOWS = 60


def quantile(ordered: Sequence[float], share: float) -> float:
    """Nearest rank: the least value that a share of all do not exceed. `ordered` rises and is not empty."""
    # The rounding keeps 0.99 * 100 from becoming rank 100.
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)]


def p99_interval(ordered: Sequence[float]) -> tuple[float, float | None]:
    """A 95 % confidence interval of the 99th percentile without any assumption on the distribution.

    The number of values under the true percentile is binomial; its normal approximation gives the two ranks (Conover,
    Practical Nonparametric Statistics, section 3.2). Waiting times of neighbours are alike, so that near the knee the
    truth is less sure than this says. The upper end is None where its rank lies beyond the last value.
    """
    count, share = len(ordered), 0.99
    spread = _SIGMAS * math.sqrt(count * share * (1 - share))
    low, high = math.floor(count * share - spread), math.ceil(count * share + spread)
    return ordered[max(0, low - 1)], ordered[high - 1] if high <= count else None


def latency_of(shots: Sequence[Shot]) -> Latency | None:
    """Of answered requests; None where there is none."""
    ordered = sorted(shot.latency for shot in shots if shot.is_answered)
    if not ordered:
        return None
    p50, p90, p95, p99 = (quantile(ordered, share) for share in (0.5, 0.9, 0.95, 0.99))
    quantiles = tuple(quantile(ordered, percent / 100) for percent in range(101))
    mean = math.fsum(ordered) / len(ordered)
    return Latency(mean, p50, p90, p95, p99, ordered[-1], *p99_interval(ordered), quantiles)


def lateness_of(shots: Sequence[Shot], cpu_share: float) -> Lateness:
    """Of the generator, which used `cpu_share` of a core.

    It is the bottleneck if its event loop was busy all the time, or if so many requests left so late that the p99 is
    its own work. A few milliseconds beside seconds in a full server's queue are not.
    """
    delays = sorted(shot.lateness for shot in shots) or [0.0]
    share = sum(delay > LATE for delay in delays) / len(delays)
    delay = quantile(delays, 0.99)
    latencies = sorted(shot.latency for shot in shots)
    is_late = share > _LATE_SHARE and delay > _MATERIAL * quantile(latencies, 0.99)
    return Lateness(share, delay, delays[-1], cpu_share, is_late or cpu_share > _BUSY)


def windows_of(shots: Sequence[Shot], seconds: float) -> tuple[Window, ...]:
    """The step in stretches of equal time by when requests were due; empty ones are left out."""
    if not shots or seconds <= 0:
        return ()
    first, width = shots[0].due, seconds / _WINDOWS
    stretches: list[list[float]] = [[] for _ in range(_WINDOWS)]
    for shot in shots:
        if shot.is_answered:
            stretches[min(_WINDOWS - 1, int((shot.due - first) / width))].append(shot.latency)
    return tuple(
        Window((index + 0.5) * width, len(values), quantile(sorted(values), 0.5), quantile(sorted(values), 0.99))
        for index, values in enumerate(stretches)
        if values
    )

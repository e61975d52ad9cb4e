"""Percentiles of latencies, how sure they are, and the figures of a step."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ocdrnet_loadtest.step_result import Latency, Lateness, ModelStep, Step, Window
from ocdrnet_loadtest.watch import Limits, Shot

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


@dataclass(frozen=True)
class Surroundings:
    """What was seen beside the requests.

    Attributes:
        generator_cpu_share: of one core.
        server_cpu_s: by process, None where the server is elsewhere.
        models: Triton's counters, None where they could not be read.
        foreign_requests: that others sent meanwhile.
    """

    generator_cpu_share: float = 0.0
    server_cpu_s: dict[str, float] | None = None
    models: dict[str, ModelStep] | None = None
    foreign_requests: int = 0


@dataclass(frozen=True)
class Plan:
    """What a step was meant to be.

    Attributes:
        arrivals: `poisson`, `constant` or `closed`.
        rate: requests a second; None for users.
        users: of a closed loop, else None.
        settling: the first shots, which do not count.
        seconds: length of the schedule of those that count.
        limits: for goodput, and for the verdict.
        is_judged: whether the step passes or fails.
    """

    arrivals: str
    rate: float | None
    users: int | None
    settling: int
    seconds: float
    limits: Limits = field(default_factory=Limits)
    is_judged: bool = False


def build_step(shots: Sequence[Shot], plan: Plan, planned: int, around: Surroundings) -> Step:
    """The figures of one step.

    Args:
        shots: in the order of the schedule, those for settling first.
        plan: what the step was meant to be.
        planned: shots that were scheduled, those for settling included; fewer were sent if it was cut short.
        around: what was seen beside them.
    """
    counted = shots[plan.settling :]
    is_cut_short = len(shots) < planned
    seconds = _seconds(counted, plan, is_cut_short)
    images, crops, good = _rates(shots, counted, seconds, plan.limits)
    latency = latency_of(counted)
    step = Step(
        offered_rate=plan.rate,
        users=plan.users,
        settling=min(plan.settling, len(shots)),
        seconds=seconds,
        sent=len(counted),
        answered=sum(shot.is_answered for shot in counted),
        statuses=dict(Counter(shot.reply.status for shot in counted)),
        images_per_s=images,
        crops_per_s=crops,
        goodput_per_s=good,
        latency=latency,
        lateness=lateness_of(counted, around.generator_cpu_share),
        is_cut_short=is_cut_short,
        server_cpu_s=around.server_cpu_s,
        models=around.models,
        foreign_requests=around.foreign_requests,
        arrivals=plan.arrivals,
        windows=windows_of(counted, seconds),
    )
    return _judged(step, plan.limits) if plan.is_judged else step


def _judged(step: Step, limits: Limits) -> Step:
    kept = step.latency is not None and step.latency.p99 <= limits.p99 and step.error_share <= limits.errors
    return replace(step, passed=kept and not step.is_cut_short)


def _seconds(counted: Sequence[Shot], plan: Plan, is_cut_short: bool) -> float:
    if not is_cut_short or len(counted) < 2:
        return plan.seconds
    return counted[-1].due - counted[0].due


def _rates(
    shots: Sequence[Shot], counted: Sequence[Shot], seconds: float, limits: Limits
) -> tuple[float, float, float]:
    """Images, crops and good answers a second that came in the counted time, whenever they were asked for.

    In a steady state as many answers cross the beginning of that time as its end, so that neither the first requests'
    way there nor the last ones' is in the figure; under overload it is what the server can do, not what it was asked.
    """
    if not counted or seconds <= 0:
        return 0.0, 0.0, 0.0
    begin = counted[0].due
    came = [shot for shot in shots if shot.is_answered and begin < shot.done <= begin + seconds]
    crops = sum(shot.reply.boxes or 0 for shot in came)
    good = sum(shot.latency <= limits.p99 for shot in came)
    return len(came) / seconds, crops / seconds, good / seconds

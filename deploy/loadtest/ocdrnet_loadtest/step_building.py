"""Turns the shots of a step into its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ocdrnet_loadtest.latencies import latency_of, lateness_of, windows_of
from ocdrnet_loadtest.shots import Shot
from ocdrnet_loadtest.step_result import ModelStep, Step
from ocdrnet_loadtest.watch import Limits


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

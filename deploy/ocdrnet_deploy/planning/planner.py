"""How many replicas a load needs, and the text of that plan."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ocdrnet_deploy.planning.errors import MeasurementError, NoCapacityError, QuantityError
from ocdrnet_deploy.planning.load import Load
from ocdrnet_deploy.planning.low_load import FRONT
from ocdrnet_deploy.planning.measurement import Measurement
from ocdrnet_deploy.planning.measurement_file import HOW_TO_MEASURE
from ocdrnet_deploy.planning.pipeline import CPU, Pipeline
from ocdrnet_deploy.planning.queueing import Simulated
from ocdrnet_deploy.planning.replicas import GPU, cores_per_gpu

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "": 1.0}
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([a-z%/]*)")


def duration(text: str) -> float:
    """Seconds of `300ms`, `1.5s`, `2min` or a bare `0.3`.

    Raises:
        QuantityError: it is something else, or 0.
    """
    return _read(text, _SECONDS, "time above 0, such as 300ms or 1.5s")


def rate(text: str) -> float:
    """One per second, of `2000`, `2000/s` or `0.5`.

    Raises:
        QuantityError: it is something else, or 0.
    """
    return _read(text, {"": 1.0, "/s": 1.0}, "rate above 0, such as 2000 or 2000/s")


def share(text: str) -> float:
    """Above 0, of `20%` or `0.2`.

    Raises:
        QuantityError: it is something else, or 0.
    """
    return _read(text, {"": 1.0, "%": 0.01}, "share above 0, such as 20% or 0.2")


def shown_seconds(seconds: float) -> str:
    """Three digits with the unit that fits: `12.3 ms`, `1.23 s`."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def _read(text: str, units: dict[str, float], wanted: str) -> float:
    match = _NUMBER.fullmatch(text.strip())
    if match is None or match[2] not in units or not 0 < float(match[1]) < math.inf:
        raise QuantityError(f"{text!r} is no {wanted}")
    return float(match[1]) * units[match[2]]


_PRECISION = 0.005
_LOWEST_SHARE = 0.002  # of the rate that the busiest part allows: nearly no queue
_GROWTH = 4.0  # from rate to rate, until one breaks the limit
_MOST_RATES = 8


def knee_of(pipeline: Pipeline, p99_s: float, load: Load) -> float:
    """Requests a second, within half a percent.

    Args:
        pipeline: one replica.
        p99_s: limit in seconds.
        load: to try each rate with.

    Raises:
        NoCapacityError: even a nearly idle server takes longer.
    """
    low = _LOWEST_SHARE * _unbatched_rate(pipeline)
    alone = load.quantile(pipeline, low, 0.99)
    if alone > p99_s:
        raise NoCapacityError(
            f"a p99 of {shown_seconds(p99_s)} cannot be met at any rate: "
            f"on an idle replica it is {shown_seconds(alone)}"
        )
    high = low
    for _ in range(_MOST_RATES):
        low, high = high, high * _GROWTH
        if load.quantile(pipeline, high, 0.99) > p99_s:
            return _between(pipeline, p99_s, load, low, high)
    return high


def _between(pipeline: Pipeline, p99_s: float, load: Load, low: float, high: float) -> float:
    """By bisection on a scale of ratios; `low` meets the limit and `high` does not."""
    while high > low * (1 + _PRECISION):
        middle = math.sqrt(low * high)
        if load.quantile(pipeline, middle, 0.99) <= p99_s:
            low = middle
        else:
            high = middle
    return low


def _unbatched_rate(pipeline: Pipeline) -> float:
    """Images a second without batching, of what is busiest."""
    rates = [pipeline.highest_rate()]
    for index, station in enumerate(pipeline.stations):
        load = pipeline.station_load(index)
        rates.append(station.instances / load if load else math.inf)
    return min(rates)


_REPEATS = 7
CORES_NAME = "CPU cores"
GPU_NAME = "GPU"


@dataclass(frozen=True)
class StepPlan:
    """A step of the ensemble at the planned rate.

    Attributes:
        name: of the model.
        instances: of it in each replica.
        busy_share: of the instances' time, 0..1; waiting for a core is in it.
        batch_rows: rows of a batch, the mean.
    """

    name: str
    instances: int
    busy_share: float
    batch_rows: float


@dataclass(frozen=True)
class ReplicaPlan:
    """What a load needs.

    Attributes:
        rate: images a second, in all.
        p99_limit_s: asked for.
        boxes: lines of an image.
        replicas: needed.
        cores: of each replica.
        knee_rate: images a second that one replica takes within the limit.
        replica_rate: that each of them gets.
        p50_s: predicted latency at that rate.
        p95_s: likewise.
        p99_s: likewise.
        core_share: of each replica's cores that is used, 0..1.
        gpu_share: of each replica's GPU; None without one.
        cores_per_gpu: that a fully used GPU needs; None without one.
        bottleneck: what is used most: a step, `CPU cores` or `GPU`.
        bottleneck_share: how much of it is used, 0..1.
        steps: of the ensemble, in their order.
    """

    rate: float
    p99_limit_s: float
    boxes: float
    replicas: int
    cores: float
    knee_rate: float
    replica_rate: float
    p50_s: float
    p95_s: float
    p99_s: float
    core_share: float
    gpu_share: float | None
    cores_per_gpu: float | None
    bottleneck: str
    bottleneck_share: float
    steps: tuple[StepPlan, ...]


@dataclass(frozen=True)
class KneeComparison:
    """The knee of one replica, predicted and measured.

    Attributes:
        p99_limit_s: of both.
        predicted_rate: from times of the step of least load, and the CPU time of all.
        measured_rate: the highest that met the limit.
        measured_failed_rate: the lowest above it that did not.
        error: of the prediction, as a share of the measured rate; below 0 where it is too low.
        low_rate: of the step of least load.
        easing: share of an image's CPU time that goes between idle and fully used cores.
    """

    p99_limit_s: float
    predicted_rate: float
    measured_rate: float
    measured_failed_rate: float | None
    error: float
    low_rate: float
    easing: float


def plan_replicas(pipeline: Pipeline, rate: float, p99_s: float, boxes: float, load: Load) -> ReplicaPlan:
    """Replicas for a load that is spread over them at random, each with its share.

    Raises:
        NoCapacityError: one image alone takes longer than the limit.
    """
    knee = knee_of(pipeline, p99_s, load)
    # A knee that is met exactly must not become one replica more by rounding.
    replicas = max(1, math.ceil(rate / knee - 1e-9))
    found = load.run(pipeline, rate / replicas)[0]
    name, share = _bottleneck(pipeline, found, rate / replicas)
    has_gpu = len(pipeline.capacities) > GPU
    return ReplicaPlan(
        rate=rate,
        p99_limit_s=p99_s,
        boxes=boxes,
        replicas=replicas,
        cores=pipeline.capacities[CPU],
        knee_rate=knee,
        replica_rate=rate / replicas,
        p50_s=found.quantile(0.5),
        p95_s=found.quantile(0.95),
        p99_s=found.quantile(0.99),
        core_share=found.resources[CPU],
        gpu_share=found.resources[GPU] if has_gpu else None,
        cores_per_gpu=cores_per_gpu(pipeline) if has_gpu else None,
        bottleneck=name,
        bottleneck_share=share,
        steps=tuple(
            StepPlan(station.name, station.instances, use.busy_share, use.batch_rows)
            for station, use in zip(pipeline.stations, found.stations, strict=True)
            if station.name != FRONT
        ),
    )


def compare_knees(measured: Measurement, pipeline: Pipeline, p99_s: float | None, seed: int = 1) -> KneeComparison:
    """Predict the knee under steps as long as the measured ones, and hold it against what they found.

    Args:
        measured: with a knee.
        pipeline: made from it.
        p99_s: limit in seconds; None for the measured knee's.
        seed: of the simulation.

    Raises:
        MeasurementError: there is no knee, or it was found with another limit.
        NoCapacityError: one image alone takes longer than the limit.
    """
    knee = measured.knee
    if knee is None:
        raise MeasurementError(f"knee is null: the file is no staircase that found one; {HOW_TO_MEASURE}")
    if p99_s is not None and not math.isclose(p99_s, knee.p99_limit_s):
        raise MeasurementError(
            f"knee.p99_limit_s is {knee.p99_limit_s:g} s and --p99 {p99_s:g} s; leave --p99 out, or measure with it"
        )
    load = Load(knee.requests, knee.settling, _REPEATS, seed, measured.is_poisson)
    predicted = knee_of(pipeline, knee.p99_limit_s, load)
    return KneeComparison(
        p99_limit_s=knee.p99_limit_s,
        predicted_rate=predicted,
        measured_rate=knee.rate,
        measured_failed_rate=knee.failed_rate,
        error=predicted / knee.rate - 1,
        low_rate=measured.low.rate,
        easing=pipeline.easing,
    )


def _bottleneck(pipeline: Pipeline, found: Simulated, rate: float) -> tuple[str, float]:
    """What is used most; a step's own time counts, not its waiting for cores."""
    shares = dict(zip((CORES_NAME, GPU_NAME), found.resources, strict=False))
    for index, (station, use) in enumerate(zip(pipeline.stations, found.stations, strict=True)):
        if station.resource == CPU and station.name != FRONT:
            own = rate * pipeline.station_load(index) / station.instances
            shares[station.name] = min(own, use.busy_share)
    name = max(shares, key=shares.__getitem__)
    return name, shares[name]


def plan_text(plan: ReplicaPlan) -> str:
    """The figures, then a table of the steps."""
    figures = [
        ("replicas", f"{plan.replicas}"),
        ("load", f"{plan.rate:g} images/s of {plan.boxes:.3g} lines, p99 within {shown_seconds(plan.p99_limit_s)}"),
        ("one replica takes", f"{plan.knee_rate:.3g} images/s within that limit, on {plan.cores:g} cores"),
        ("each gets", f"{plan.replica_rate:.3g} images/s"),
        ("latency", _latency(plan)),
        ("cores used", f"{plan.core_share:.0%} of {plan.cores:g}"),
    ]
    if plan.gpu_share is not None and plan.cores_per_gpu is not None:
        figures.append(("GPU used", f"{plan.gpu_share:.0%}"))
        figures.append(("cores per GPU", f"{plan.cores_per_gpu:.3g}, when it is fully used"))
    figures.append(("bottleneck", f"{plan.bottleneck}, {plan.bottleneck_share:.0%} used"))
    steps = [
        (step.name, f"{step.instances}", f"{step.busy_share:.0%}", f"{step.batch_rows:.3g}") for step in plan.steps
    ]
    return _table(figures) + "\n\n" + _table([("step", "instances", "busy", "rows of a batch"), *steps])


def comparison_text(found: KneeComparison) -> str:
    """Both knees and the error."""
    failed = f", {found.measured_failed_rate:.3g} failed" if found.measured_failed_rate else ""
    return _table(
        [
            (
                "predicted knee",
                f"{found.predicted_rate:.3g} images/s, from the step at {found.low_rate:.3g}/s{_eased(found)}",
            ),
            ("measured knee", f"{found.measured_rate:.3g} images/s{failed}"),
            ("error", f"{found.error:+.1%} of the measured knee, p99 within {shown_seconds(found.p99_limit_s)}"),
        ]
    )


def _eased(found: KneeComparison) -> str:
    return f" and CPU time falling by {found.easing:.0%}" if found.easing else ""


def _latency(plan: ReplicaPlan) -> str:
    times = (("p50", plan.p50_s), ("p95", plan.p95_s), ("p99", plan.p99_s))
    return ", ".join(f"{name} {shown_seconds(seconds)}" for name, seconds in times)


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)

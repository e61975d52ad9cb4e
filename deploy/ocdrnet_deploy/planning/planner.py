"""How many replicas a load needs, and how a measured knee compares with the predicted one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ocdrnet_deploy.planning.errors import MeasurementError
from ocdrnet_deploy.planning.knee import knee_of
from ocdrnet_deploy.planning.load import Load
from ocdrnet_deploy.planning.low_load import FRONT
from ocdrnet_deploy.planning.measurement import Measurement
from ocdrnet_deploy.planning.measurement_file import HOW_TO_MEASURE
from ocdrnet_deploy.planning.pipeline import CPU, Pipeline
from ocdrnet_deploy.planning.replicas import GPU, cores_per_gpu
from ocdrnet_deploy.planning.simulation import Simulated

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
        rate: pictures a second, in all.
        p99_limit_s: asked for.
        boxes: lines of a picture.
        replicas: needed.
        cores: of each replica.
        knee_rate: pictures a second that one replica takes within the limit.
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
        easing: share of a picture's CPU time that goes between idle and fully used cores.
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
        NoCapacityError: one picture alone takes longer than the limit.
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
        NoCapacityError: one picture alone takes longer than the limit.
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

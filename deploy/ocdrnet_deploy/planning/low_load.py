"""A server as a pipeline of stations: service times at low load, and how CPU time scales with load.

How an image's CPU time falls as a server's cores get busier.

Threads that find nothing to do spin for a while before they sleep, woken ones find cold caches, and small batches pay
their fixed cost alone. On two cores a photo was seen to take 156 ms of a core at 43 % use, 137 ms at 84 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ocdrnet_deploy.planning.measurement import Batch, CpuUse, Measurement, MixImage, Model, ModelCounts
from ocdrnet_deploy.planning.pipeline import CPU, UNLIMITED, Pipeline, Station, Task, Visit

_LEAST_SPREAD = 0.1  # between the least and the most busy step, before a line through them means something
_MOST = 0.5  # 0.28 is the most that was seen; far more is a sign of too few requests


def easing(uses: Sequence[CpuUse], cores: float) -> float:
    """Share of an image's CPU time that it loses between idle and fully used cores, by a line through all steps.

    Args:
        uses: of steps at several rates.
        cores: of the machine.

    Returns:
        0..0.5; 0 where the steps are too few or too alike, or CPU time does not fall.
    """
    busy = np.array([use.core_s / use.seconds / cores for use in uses])
    if len(busy) < 2 or np.ptp(busy) < _LEAST_SPREAD:
        return 0.0
    each = [use.core_s / use.images for use in uses]
    weights = np.sqrt([use.images for use in uses])
    slope, idle = np.polyfit(busy, each, 1, w=weights)
    return float(np.clip(-slope / idle, 0.0, _MOST)) if idle > 0 else 0.0


_LEAST_EXECUTIONS = 10  # of a batch size, before its mean time is believed


@dataclass(frozen=True)
class ServiceTimes:
    """What a model's batches cost.

    Attributes:
        overhead_s: of a batch, whatever is in it.
        row_s: more for each row.
        row_work: core seconds of each row.
    """

    overhead_s: float
    row_s: float
    row_work: float


def service_times(counts: ModelCounts, cpu_s: float, visits: int, images: int) -> ServiceTimes:
    """Times that add up to what was measured.

    A model that an ensemble asks twice gets, at the second time, a row with nothing to do for most images: the
    crops to be read again, turned. Those rows cost their batch's overhead alone.

    Args:
        counts: of the model at low load.
        cpu_s: core seconds of its process meanwhile.
        visits: how often the ensemble asks it for one image.
        images: that were answered.
    """
    rows = max(counts.inferences - (visits - 1) * images, 1)
    overhead = _least(counts.batches) if visits > 1 else _intercept(counts.batches)
    # The overhead cannot be more than was measured in all.
    overhead = min(overhead, counts.busy_s / counts.executions)
    row_s = max(0.0, counts.busy_s - overhead * counts.executions) / rows
    return ServiceTimes(overhead, row_s, cpu_s / rows)


def _trusted(batches: Sequence[Batch]) -> list[Batch]:
    return [batch for batch in batches if batch.executions >= _LEAST_EXECUTIONS]


def _least(batches: Sequence[Batch]) -> float:
    """Mean seconds of the quickest batch size; 0 where none was run often enough."""
    return min((batch.compute_s / batch.executions for batch in _trusted(batches)), default=0.0)


def _intercept(batches: Sequence[Batch]) -> float:
    """Seconds of a batch without rows, by a straight line through the mean times; 0 with less than two sizes."""
    trusted = _trusted(batches)
    if len(trusted) < 2:
        return 0.0
    sizes = [batch.size for batch in trusted]
    means = [batch.compute_s / batch.executions for batch in trusted]
    weights = np.sqrt([batch.executions for batch in trusted])
    return max(0.0, float(np.polyfit(sizes, means, 1, w=weights)[1]))


# The pipeline's own names for its networks (model_repository/).
DETECTOR = "ocdnet"
RECOGNIZER = "ocrnet"
NETWORKS = (DETECTOR, RECOGNIZER)
FRONT = "server and network"


def measured_pipeline(
    measured: Measurement, size_exponent: float = 0.0, preferred: Mapping[str, int] | None = None
) -> Pipeline:
    """Stations with the mean times of the measurement; its images are the kinds.

    Args:
        measured: by a load test.
        size_exponent: 0..1; the detector's time of an image grows with its pixels to this power.
        preferred: rows at which a model's batcher stops to collect, by name, where the file does not say.
    """
    names = tuple(dict.fromkeys(measured.visits))
    times = {name: _times(measured, name) for name in names}
    stations = [_front_station(), *(_station(measured, name, times[name], preferred or {}) for name in names)]
    front = Visit(0, tuple(_front_task(measured) for _ in measured.images))
    visits, seen = [front], set[str]()
    for name in measured.visits:
        rows, sizes = _rows(measured, name, name in seen), _sizes(measured.images, name, size_exponent)
        visits.append(Visit(1 + names.index(name), _tasks(times[name], rows, sizes, name in seen)))
        seen.add(name)
    pipeline = Pipeline(tuple(stations), tuple(visits), (float(measured.cores),))
    return pipeline.measured_at(measured.low.rate, easing(measured.cpu_use, measured.cores))


def without_generator(measured: Measurement, pipeline: Pipeline) -> Pipeline:
    """Without the CPU time of a load generator that shared the server's machine."""
    spent = measured.low.client_cpu_s / measured.low.sent
    front = pipeline.visits[0]
    tasks = tuple(replace(task, work=max(0.0, task.work - spent)) for task in front.tasks)
    return replace(pipeline, visits=(replace(front, tasks=tasks), *pipeline.visits[1:]))


def _images(measured: Measurement) -> int:
    return measured.low.models[measured.ensemble].requests


def _times(measured: Measurement, name: str) -> ServiceTimes:
    counts = measured.low.models[name]
    cpu = measured.low.cpu_s.get(name, 0.0)
    return service_times(counts, cpu, measured.visits.count(name), _images(measured))


def _station(measured: Measurement, name: str, times: ServiceTimes, preferred: Mapping[str, int]) -> Station:
    model = measured.models[name]
    return Station(
        name=name,
        instances=model.instances,
        max_rows=_most_rows(model, preferred.get(name)),
        queue_delay_s=model.queue_delay_s if model.max_batch_size else 0.0,
        overhead_s=times.overhead_s,
        resource=CPU,
        parallelism=float(measured.cores),
    )


def _most_rows(model: Model, preferred: int | None) -> int:
    """A batcher stops to collect at its preferred size."""
    wanted = preferred or model.preferred_batch_size or model.max_batch_size
    return min(wanted, model.max_batch_size)


def _front_station() -> Station:
    """The server's own process, the network, and a generator on the same machine: nobody queues for them."""
    return Station(FRONT, instances=UNLIMITED, resource=CPU, parallelism=1.0)


def _front_task(measured: Measurement) -> Task:
    """What is left of the latency when the steps' queues and computing are taken off, and of the CPU time."""
    low, images = measured.low, _images(measured)
    steps = dict.fromkeys(measured.visits)
    in_steps = sum(low.models[name].queue_s + low.models[name].request_s for name in steps) / images
    other = sum(seconds for name, seconds in low.cpu_s.items() if name not in steps) / images
    return Task(0, max(0.0, low.mean_s - in_steps), other + low.client_cpu_s / low.sent)


def _rows(measured: Measurement, name: str, is_again: bool) -> tuple[float, ...]:
    """Rows of each image: crops follow its lines; all else is the same for every image."""
    if is_again:
        return tuple(1.0 for _ in measured.images)
    repeats = measured.visits.count(name) - 1
    mean = measured.low.models[name].inferences / _images(measured) - repeats
    if name != RECOGNIZER:
        return tuple(mean for _ in measured.images)
    # No line makes one blank crop; lines that were read and then dropped for their score are rows, too.
    crops = [max(1.0, image.boxes) for image in measured.images]
    return tuple(max(mean, 0.0) * own * len(crops) / sum(crops) for own in crops)


def _sizes(images: Sequence[MixImage], name: str, exponent: float) -> tuple[float, ...]:
    """Relative time of each image, 1 in the mean."""
    if name != DETECTOR:
        return tuple(1.0 for _ in images)
    sizes = [image.pixels**exponent for image in images]
    return tuple(size * len(sizes) / sum(sizes) for size in sizes)


def _tasks(times: ServiceTimes, rows: Sequence[float], sizes: Sequence[float], is_again: bool) -> tuple[Task, ...]:
    if is_again:
        return tuple(Task(1, 0.0, 0.0) for _ in rows)
    return tuple(
        Task(max(1, round(own)), times.row_s * own * size, times.row_work * own * size)
        for own, size in zip(rows, sizes, strict=True)
    )

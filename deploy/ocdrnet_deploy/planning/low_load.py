"""A server as a pipeline of stations: its times from the step of least load, and how its CPU time falls with load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ocdrnet_deploy.planning.easing import easing
from ocdrnet_deploy.planning.measurement import Measurement, Model, Picture
from ocdrnet_deploy.planning.pipeline import CPU, UNLIMITED, Pipeline, Station, Task, Visit
from ocdrnet_deploy.planning.service_times import ServiceTimes, service_times

# The pipeline's own names for its networks (model_repository/).
DETECTOR = "ocdnet"
RECOGNIZER = "ocrnet"
NETWORKS = (DETECTOR, RECOGNIZER)
FRONT = "server and network"


def measured_pipeline(
    measured: Measurement, size_exponent: float = 0.0, preferred: Mapping[str, int] | None = None
) -> Pipeline:
    """Stations with the mean times of the measurement; its pictures are the kinds.

    Args:
        measured: by a load test.
        size_exponent: 0..1; the detector's time of a picture grows with its pixels to this power.
        preferred: rows at which a model's batcher stops to collect, by name, where the file does not say.
    """
    names = tuple(dict.fromkeys(measured.visits))
    times = {name: _times(measured, name) for name in names}
    stations = [_front_station(), *(_station(measured, name, times[name], preferred or {}) for name in names)]
    front = Visit(0, tuple(_front_task(measured) for _ in measured.pictures))
    visits, seen = [front], set[str]()
    for name in measured.visits:
        rows, sizes = _rows(measured, name, name in seen), _sizes(measured.pictures, name, size_exponent)
        visits.append(Visit(1 + names.index(name), _tasks(times[name], rows, sizes, name in seen)))
        seen.add(name)
    pipeline = Pipeline(tuple(stations), tuple(visits), (float(measured.cores),))
    return pipeline.measured_at(measured.low.rate, easing(measured.cpu_use, measured.cores))


def python_work(measured: Measurement) -> float:
    """Core seconds of a picture outside the two networks: all Python steps and the server's own process."""
    spent = sum(seconds for name, seconds in measured.low.cpu_s.items() if name not in NETWORKS)
    return spent / _pictures(measured)


def without_generator(measured: Measurement, pipeline: Pipeline) -> Pipeline:
    """Without the CPU time of a load generator that shared the server's machine."""
    spent = measured.low.client_cpu_s / measured.low.sent
    front = pipeline.visits[0]
    tasks = tuple(replace(task, work=max(0.0, task.work - spent)) for task in front.tasks)
    return replace(pipeline, visits=(replace(front, tasks=tasks), *pipeline.visits[1:]))


def _pictures(measured: Measurement) -> int:
    return measured.low.models[measured.ensemble].requests


def _times(measured: Measurement, name: str) -> ServiceTimes:
    counts = measured.low.models[name]
    cpu = measured.low.cpu_s.get(name, 0.0)
    return service_times(counts, cpu, measured.visits.count(name), _pictures(measured))


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
    low, pictures = measured.low, _pictures(measured)
    steps = dict.fromkeys(measured.visits)
    in_steps = sum(low.models[name].queue_s + low.models[name].request_s for name in steps) / pictures
    other = sum(seconds for name, seconds in low.cpu_s.items() if name not in steps) / pictures
    return Task(0, max(0.0, low.mean_s - in_steps), other + low.client_cpu_s / low.sent)


def _rows(measured: Measurement, name: str, is_again: bool) -> tuple[float, ...]:
    """Rows of each picture: crops follow its lines; all else is the same for every picture."""
    if is_again:
        return tuple(1.0 for _ in measured.pictures)
    repeats = measured.visits.count(name) - 1
    mean = measured.low.models[name].inferences / _pictures(measured) - repeats
    if name != RECOGNIZER:
        return tuple(mean for _ in measured.pictures)
    # No line makes one blank crop; lines that were read and then dropped for their score are rows, too.
    crops = [max(1.0, picture.boxes) for picture in measured.pictures]
    return tuple(max(mean, 0.0) * own * len(crops) / sum(crops) for own in crops)


def _sizes(pictures: Sequence[Picture], name: str, exponent: float) -> tuple[float, ...]:
    """Relative time of each picture, 1 in the mean."""
    if name != DETECTOR:
        return tuple(1.0 for _ in pictures)
    sizes = [picture.pixels**exponent for picture in pictures]
    return tuple(size * len(sizes) / sum(sizes) for size in sizes)


def _tasks(times: ServiceTimes, rows: Sequence[float], sizes: Sequence[float], is_again: bool) -> tuple[Task, ...]:
    if is_again:
        return tuple(Task(1, 0.0, 0.0) for _ in rows)
    return tuple(
        Task(max(1, round(own)), times.row_s * own * size, times.row_work * own * size)
        for own, size in zip(rows, sizes, strict=True)
    )

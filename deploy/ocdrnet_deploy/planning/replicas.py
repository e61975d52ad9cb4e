"""A measured server turned into the replica to plan with: other boxes, other cores, networks on a GPU."""

from __future__ import annotations

import math
from dataclasses import replace

from ocdrnet_deploy.planning.errors import MeasurementError
from ocdrnet_deploy.planning.gpu_speed import GpuSpeed
from ocdrnet_deploy.planning.low_load import DETECTOR, NETWORKS, RECOGNIZER
from ocdrnet_deploy.planning.pipeline import CPU, Pipeline, Station, Task, Visit
from ocdrnet_deploy.repository.profile import BUSY, TensorRtProfile

GPU = 1
_FULL_CORES = 0.8
_GROWING = ("dbnet_postprocess", "text_crop", "text_turn", "text_decode")


def with_boxes(pipeline: Pipeline, measured: float, wanted: float) -> Pipeline:
    """For images of other numbers of lines than were measured.

    The recognizer's work follows its crops. What a Python step does for an image and what for a line cannot be told
    apart from one mix: with more lines all of it grows, with fewer it stays, so that the plan errs to the safe side.

    Args:
        pipeline: of the measured mix.
        measured: lines of its images, the mean.
        wanted: lines of the images to plan for.

    Raises:
        MeasurementError: the measured mix had no line to go by.
    """
    if not measured:
        raise MeasurementError("mix.pictures has no line of text, from which --boxes could follow; measure another mix")
    factor = wanted / measured
    seen, visits = set[int](), []
    for visit in pipeline.visits:
        name = pipeline.stations[visit.station].name
        is_recognized = name == RECOGNIZER and visit.station not in seen
        seen.add(visit.station)
        growth = factor if is_recognized else max(1.0, factor) if name in _GROWING else 1.0
        visits.append(replace(visit, tasks=tuple(_grown(task, growth, is_recognized) for task in visit.tasks)))
    return replace(pipeline, visits=tuple(visits))


def with_cores(pipeline: Pipeline, cores: float) -> Pipeline:
    """On another number of cores; a step uses no more of them at a time than it was seen to."""
    stations = tuple(replace(each, parallelism=min(each.parallelism, cores)) for each in pipeline.stations)
    return replace(pipeline, stations=stations, capacities=(cores, *pipeline.capacities[1:]))


def on_gpu(pipeline: Pipeline, speed: GpuSpeed, profile: TensorRtProfile) -> Pipeline:
    """With both networks on one GPU, and as many instances of each Python step as keep it busy.

    The GPU is shared: while both networks work, each has half of it. What the CPU does for a plan's copies is not in
    the figures.
    """
    rates = {DETECTOR: speed.pictures_per_s, RECOGNIZER: speed.crops_per_s}
    visits = tuple(_gpu_visit(pipeline, visit, rates) for visit in pipeline.visits)
    moved = replace(pipeline, visits=visits, capacities=(pipeline.capacities[CPU], 1.0))
    moved = replace(moved, stations=tuple(_gpu_station(station, profile) for station in pipeline.stations))
    return _with_instances(moved, 1 / moved.resource_load(GPU))


def cores_for_gpu(pipeline: Pipeline) -> float:
    """Whole cores of a replica that leave a fifth of them free when its GPU is fully used."""
    return float(math.ceil(cores_per_gpu(pipeline) / _FULL_CORES))


def cores_per_gpu(pipeline: Pipeline) -> float:
    """Cores that the Python steps of one GPU keep busy when the GPU is."""
    return pipeline.resource_load(CPU) / pipeline.resource_load(GPU)


def _grown(task: Task, growth: float, is_recognized: bool) -> Task:
    rows = max(1, round(task.rows * growth)) if is_recognized else task.rows
    return Task(rows, task.seconds * growth, task.work * growth)


def _gpu_visit(pipeline: Pipeline, visit: Visit, rates: dict[str, float]) -> Visit:
    rate = rates.get(pipeline.stations[visit.station].name)
    if rate is None:
        return visit
    return replace(visit, tasks=tuple(Task(task.rows, task.rows / rate, task.rows / rate) for task in visit.tasks))


def _gpu_station(station: Station, profile: TensorRtProfile) -> Station:
    if station.name not in NETWORKS:
        return station
    rows = profile.detector_batch if station.name == DETECTOR else profile.recognizer_batch
    delay = profile.queue_delay_us * 1e-6
    return Station(station.name, profile.instances, rows, delay, resource=GPU, parallelism=1.0)


def _with_instances(pipeline: Pipeline, rate: float) -> Pipeline:
    """Python steps get as many instances as `rate` images a second need."""
    stations = list(pipeline.stations)
    for index, station in enumerate(stations):
        if station.resource == CPU:
            needed = math.ceil(rate * pipeline.station_load(index) / BUSY)
            stations[index] = replace(station, instances=max(station.instances, needed))
    return replace(pipeline, stations=tuple(stations))

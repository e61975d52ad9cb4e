"""Results of load tests for the planner's tests: the documented JSON, written by hand or by the simulation itself."""

import numpy as np

from ocdrnet_deploy.planning import queueing
from ocdrnet_deploy.planning.load import Load
from ocdrnet_deploy.planning.pipeline import UNLIMITED, Pipeline, Station, Task, Visit
from ocdrnet_deploy.planning.queueing import StationQueue

STEPS = ("image_preprocess", "ocdnet", "dbnet_postprocess", "text_crop", "ocrnet", "text_turn", "ocrnet", "text_decode")
NAMES = tuple(dict.fromkeys(STEPS))
PYTHON = {"image_preprocess": 0.006, "dbnet_postprocess": 0.004, "text_crop": 0.002, "text_turn": 0.001}
PYTHON |= {"text_decode": 0.003}


def model_counts(requests, seconds, *, rows=None, batches=None):
    """Counters of a model each of whose requests took `seconds`."""
    batches = batches or [{"size": 1, "executions": requests, "compute_s": requests * seconds}]
    return {
        "requests": requests,
        "failures": 0,
        "inferences": rows or requests,
        "executions": sum(batch["executions"] for batch in batches),
        "queue_s": 0.0,
        "compute_input_s": 0.0,
        "compute_infer_s": requests * seconds,
        "compute_output_s": 0.0,
        "batches": batches,
    }


def step(rate, *, requests=100, **changes):
    """A step in which every image of 5 lines took 0.2 s of two cores' detector."""
    crops = [
        {"size": 1, "executions": requests, "compute_s": 0.001 * requests},
        {"size": 5, "executions": requests, "compute_s": 0.051 * requests},
    ]
    models = {name: model_counts(requests, seconds) for name, seconds in PYTHON.items()}
    models["ocdnet"] = model_counts(requests, 0.1)
    models["ocrnet"] = model_counts(2 * requests, 0.026, rows=6 * requests, batches=crops)
    models["ocdrnet"] = model_counts(requests, 0.17)
    cpu = {name: requests * seconds for name, seconds in PYTHON.items()}
    cpu |= {"ocdnet": 0.18 * requests, "ocrnet": 0.09 * requests, "tritonserver": 0.002 * requests}
    found = {
        "offered_rate": rate,
        "users": None,
        "settling": 0,
        "seconds": requests / rate,
        "sent": requests,
        "answered": requests,
        "statuses": {"OK": requests},
        "latency": {"mean": 0.175, "quantiles": [0.15 + 0.0005 * share for share in range(101)]},
        "lateness": {"cpu_share": 0.01},
        "server_cpu_s": cpu,
        "models": models,
        "foreign_requests": 0,
        "passed": True,
    }
    return {**found, **changes}


def served():
    """Settings of the served models."""
    models = {
        name: {"instances": 1, "max_batch_size": 0, "queue_delay_s": None, "preferred_batch_size": None}
        for name in NAMES
    }
    models["ocdnet"] = {"instances": 1, "max_batch_size": 64, "queue_delay_s": 0.0, "preferred_batch_size": 4}
    models["ocrnet"] = {"instances": 1, "max_batch_size": 1000, "queue_delay_s": 0.0, "preferred_batch_size": None}
    models["ocdrnet"] = {"instances": 1, "max_batch_size": 0, "queue_delay_s": None, "depends_on": list(STEPS)}
    return models


def image(boxes, width=640, height=480, sent=50):
    return {"name": "p", "width": width, "height": height, "bytes": 1, "sent": sent, "boxes": boxes}


def result(**changes):
    """A staircase of two steps, the second at its knee."""
    found = {
        "format": "ocdrnet-loadtest",
        "version": 1,
        "mode": "staircase",
        "arrivals": "poisson",
        "target": {"model": "ocdrnet", "models": served()},
        "machine": {"cpu": "Some CPU", "cores": 2, "server_is_local": True},
        "mix": {"pictures": [image(5.0)]},
        "steps": [step(2.0), step(5.0)],
        "knee": {"p99_limit_s": 1.0, "rate": 5.0, "failed_rate": 5.5, "limited_by": "server"},
    }
    return {**found, **changes}


class CountingQueue(StationQueue):
    """A queue that notes its batches by size, as Triton's statistics do."""

    def __init__(self, station):
        super().__init__(station)
        self.sizes = {}
        self.waited = 0.0

    def take(self):
        batch = super().take()
        rows = sum(waiting.task.rows for waiting in batch)
        self.sizes.setdefault(rows, [0, 0.0])[0] += 1
        return batch


def server(cores, *, detector=(0.1, 0.18), crop=(0.01, 0.015), front=(0.004, 0.003), boxes=(2, 8), sizes=(0.6, 1.4)):
    """A true server: detector and crop take (seconds alone, core seconds); images differ in lines and size."""
    python = [Station(name, resource=0, parallelism=1.0) for name in PYTHON]
    networks = [
        Station("ocdnet", max_rows=4, resource=0, parallelism=cores),
        Station("ocrnet", max_rows=1000, overhead_s=0.001, resource=0, parallelism=cores),
    ]
    stations = (Station("server and network", instances=UNLIMITED, resource=0), *python, *networks)
    index = {station.name: at for at, station in enumerate(stations)}
    visits, seen = [Visit(0, tuple(Task(0, *front) for _ in boxes))], set()
    for name in STEPS:
        if name == "ocdnet":
            tasks = tuple(Task(1, detector[0] * size, detector[1] * size) for size in sizes)
        elif name == "ocrnet" and name not in seen:
            tasks = tuple(Task(own, crop[0] * own, crop[1] * own) for own in boxes)
        elif name == "ocrnet":
            tasks = tuple(Task(1, 0.0, 0.0) for _ in boxes)
        else:
            tasks = tuple(Task(1, PYTHON[name], 0.7 * PYTHON[name]) for _ in boxes)
        visits.append(Visit(index[name], tasks))
        seen.add(name)
    return Pipeline(stations, tuple(visits), (float(cores),))


def measured_by_simulation(pipeline, rate, monkeypatch, *, boxes=(2, 8), pixels=(600, 1400), knee=None):
    """What a load test would say of a true server, its counters blurred by requests that overlap."""
    queues = []

    class Noting(CountingQueue):
        def __init__(self, station):
            super().__init__(station)
            queues.append(self)

    monkeypatch.setattr(queueing, "StationQueue", Noting)
    finish = queueing._Run._finish

    def noting_finish(run, processor, now):
        index, since, batch = processor._jobs[0][3]
        queue = run._queues[index]
        queue.sizes[sum(waiting.task.rows for waiting in batch)][1] += now - since
        queue.waited += sum(now - waiting.since for waiting in batch)
        finish(run, processor, now)

    monkeypatch.setattr(queueing._Run, "_finish", noting_finish)
    load = Load(requests=2000, settling=0, seed=77)
    found = load.run(pipeline, rate)[0]
    monkeypatch.undo()

    models, cpu = {}, {}
    for station, queue in zip(pipeline.stations, queues, strict=True):
        visits = [visit for visit in pipeline.visits if pipeline.stations[visit.station] is station]
        work = sum(task.work for visit in visits for task in visit.tasks) / pipeline.kinds * load.requests
        if station.name == "server and network":
            cpu["tritonserver"] = work
            continue
        cpu[station.name] = work
        batches = [
            {"size": size, "executions": count, "compute_s": seconds}
            for size, (count, seconds) in sorted(queue.sizes.items())
        ]
        counts = model_counts(load.requests * len(visits), 0.0, rows=queue.rows, batches=batches)
        models[station.name] = {**counts, "compute_infer_s": queue.waited}
    models["ocdrnet"] = model_counts(load.requests, 0.0)
    models["ocdrnet"]["batches"][0]["compute_s"] = 1.0
    ordered = np.sort(found.latencies)
    quantiles = [float(ordered[min(len(ordered) - 1, round(share / 100 * len(ordered)))]) for share in range(101)]
    low = step(
        rate,
        requests=load.requests,
        latency={"mean": float(found.latencies.mean()), "quantiles": quantiles},
        lateness={"cpu_share": 0.0},
        server_cpu_s=cpu,
        models=models,
    )
    images = [image(float(own), side, 1000) for own, side in zip(boxes, pixels, strict=True)]
    machine = {"cpu": "Simulated", "cores": int(pipeline.capacities[0]), "server_is_local": True}
    return result(machine=machine, mix={"pictures": images}, steps=[low], knee=knee)

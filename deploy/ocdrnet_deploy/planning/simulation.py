"""A discrete-event simulation of a served ensemble: requests go from station to station and share cores."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocdrnet_deploy.planning.pipeline import Pipeline
from ocdrnet_deploy.planning.processor import Processor
from ocdrnet_deploy.planning.station_queue import StationQueue, Waiting

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class StationUse:
    """How a station was used.

    Attributes:
        busy_share: of all its instances' time, 0..1.
        busy_s: instance seconds of each request, the mean.
        batch_rows: rows of a batch, the mean.
    """

    busy_share: float
    busy_s: float
    batch_rows: float


@dataclass(frozen=True)
class Simulated:
    """What came out.

    Attributes:
        latencies: float64 [requests], seconds, of the requests that count, in the order of their arrival.
        stations: use of each.
        resources: share of each shared capacity that was worked with, 0..1.
    """

    latencies: Floats
    stations: tuple[StationUse, ...]
    resources: tuple[float, ...]

    def quantile(self, share: float) -> float:
        """Latency in seconds by nearest rank, as a load test counts; share in 0..1."""
        ordered = np.sort(self.latencies)
        return float(ordered[max(0, math.ceil(share * len(ordered)) - 1)])


def simulate(pipeline: Pipeline, arrivals: Floats, kinds: Sequence[int], settling: int = 0) -> Simulated:
    """Send requests through a server.

    Args:
        pipeline: the server.
        arrivals: float64 [requests], seconds, rising.
        kinds: [requests], which kind of picture each is.
        settling: the first requests, which load the server but do not count.
    """
    return _Run(pipeline, arrivals, kinds).result(settling)


class _Run:
    """One run; events are arrivals, finished batches, and batches that have waited long enough."""

    def __init__(self, pipeline: Pipeline, arrivals: Floats, kinds: Sequence[int]) -> None:
        self._pipeline = pipeline
        self._arrivals: list[float] = arrivals.tolist()
        self._kinds = kinds
        self._queues = [StationQueue(station) for station in pipeline.stations]
        shared = [Processor[tuple[int, float, list[Waiting]]](capacity) for capacity in pipeline.capacities]
        self._shared = shared
        # One more for what nobody shares; `UNSHARED` is -1, the last.
        self._processors = [*shared, Processor[tuple[int, float, list[Waiting]]](math.inf)]
        self._alarms: list[tuple[float, int]] = []
        self._done = np.zeros(len(arrivals))

    def result(self, settling: int) -> Simulated:
        next_arrival = 0
        now = 0.0
        while True:
            arriving = self._arrivals[next_arrival] if next_arrival < len(self._arrivals) else math.inf
            alarm = self._alarms[0][0] if self._alarms else math.inf
            finishing, processor = min(
                ((each.next_finish(), each) for each in self._processors), key=lambda pair: pair[0]
            )
            now, last = min(arriving, alarm, finishing), now
            if now == math.inf:
                return self._summed_up(settling, last)
            if now == finishing:
                self._finish(processor, now)
            elif now == arriving:
                self._enter(next_arrival, 0, now)
                next_arrival += 1
            else:
                self._serve(heapq.heappop(self._alarms)[1], now)

    def _enter(self, request: int, visit: int, now: float) -> None:
        if visit == len(self._pipeline.visits):
            self._done[request] = now
            return
        stop = self._pipeline.visits[visit]
        self._queues[stop.station].add(Waiting(request, visit, now, stop.tasks[self._kinds[request]]))
        self._serve(stop.station, now)

    def _serve(self, index: int, now: float) -> None:
        queue = self._queues[index]
        while (ready := queue.ready_at()) is not None:
            if ready > now:
                heapq.heappush(self._alarms, (ready, index))
                return
            batch = queue.take()
            seconds, demand = queue.station.job([waiting.task for waiting in batch])
            self._processors[queue.station.resource].start(now, seconds, demand, (index, now, batch))

    def _finish(self, processor: Processor[tuple[int, float, list[Waiting]]], now: float) -> None:
        index, since, batch = processor.finish(now)
        self._queues[index].give_back(now - since)
        for waiting in batch:
            self._enter(waiting.request, waiting.visit + 1, now)
        self._serve(index, now)

    def _summed_up(self, settling: int, end: float) -> Simulated:
        requests = len(self._arrivals)
        uses = tuple(
            StationUse(
                busy_share=queue.busy_s / (end * queue.station.instances) if end else 0.0,
                busy_s=queue.busy_s / requests,
                batch_rows=queue.rows / queue.batches if queue.batches else 0.0,
            )
            for queue in self._queues
        )
        used = tuple(each.work / (each.capacity * end) if end else 0.0 for each in self._shared)
        latencies = (self._done - np.asarray(self._arrivals))[settling:]
        return Simulated(latencies, uses, used)

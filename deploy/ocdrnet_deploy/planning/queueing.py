"""A discrete-event simulation of a served ensemble: requests go from station to station and share cores.

The queue before a station, and how its batcher forms batches: Triton's dynamic batcher, in a few lines.

Source of the rules: Triton's user guide, Batchers, "Dynamic Batcher": requests are never split; a batch is sent when it
is full, or when its oldest request has waited for the queue delay.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ocdrnet_deploy.planning.pipeline import Pipeline, Station, Task

T = TypeVar("T")


class Processor(Generic[T]):
    """Processor sharing with a limit: jobs run at full speed until together they ask for more than there is.

    A job alone would use `demand` cores for `duration` seconds. When the demands add up to more than the capacity, all
    are slowed down alike, as by a fair scheduler that gives every thread the same share. The common speed makes one
    clock of progress enough: a job is done when that clock has moved on by its duration, whatever came and went.
    """

    def __init__(self, capacity: float) -> None:
        """Begin idle at time 0.

        Args:
            capacity: cores, or 1 for a GPU; infinite for what nobody shares.
        """
        self.capacity = capacity
        self.work = 0.0
        self._demand = 0.0
        self._now = 0.0
        self._progress = 0.0
        self._jobs: list[tuple[float, int, float, T]] = []
        self._count = 0

    def start(self, now: float, duration: float, demand: float, job: T) -> None:
        """Begin a job."""
        self._advance(now)
        self._count += 1
        heapq.heappush(self._jobs, (self._progress + duration, self._count, demand, job))
        self._demand += demand
        self.work += duration * demand

    def next_finish(self) -> float:
        """When the next job is done if none is started before; infinite when idle."""
        if not self._jobs:
            return math.inf
        return self._now + max(0.0, self._jobs[0][0] - self._progress) / self._speed()

    def finish(self, now: float) -> T:
        """Take out the job that is done at `now`, which is what `next_finish` said."""
        self._advance(now)
        self._progress, _, demand, job = heapq.heappop(self._jobs)
        # Started anew from an idle processor, so that rounding does not add up.
        self._demand = self._demand - demand if self._jobs else 0.0
        return job

    def _advance(self, now: float) -> None:
        self._progress += (now - self._now) * self._speed()
        self._now = now

    def _speed(self) -> float:
        return self.capacity / self._demand if self._demand > self.capacity else 1.0


class Waiting(NamedTuple):
    """A request in a queue: its number, the visit it is at, since when it waits, what it asks."""

    request: int
    visit: int
    since: float
    task: Task


class StationQueue:
    """Requests that wait for a station, and its free instances."""

    def __init__(self, station: Station) -> None:
        """Begin empty, with all instances free."""
        self.station = station
        self.free = station.instances
        self.busy_s = 0.0
        self.batches = 0
        self.rows = 0
        self._waiting: deque[Waiting] = deque()

    def add(self, request: Waiting) -> None:
        """One more at the end."""
        self._waiting.append(request)

    def ready_at(self) -> float | None:
        """When the next batch may start; None if nothing waits or no instance is free."""
        if not self._waiting or not self.free:
            return None
        oldest = self._waiting[0].since
        if not self.station.queue_delay_s or self._is_full():
            return oldest
        return oldest + self.station.queue_delay_s

    def take(self) -> list[Waiting]:
        """The next batch; it occupies an instance until `give_back`."""
        batch = [self._waiting.popleft()]
        rows = batch[0].task.rows
        while self._waiting and rows + self._waiting[0].task.rows <= self.station.max_rows:
            batch.append(self._waiting.popleft())
            rows += batch[-1].task.rows
        self.free -= 1
        self.batches += 1
        self.rows += rows
        return batch

    def give_back(self, seconds: float) -> None:
        """An instance is free again after `seconds` of work."""
        self.free += 1
        self.busy_s += seconds

    def _is_full(self) -> bool:
        rows = 0
        for waiting in self._waiting:
            rows += waiting.task.rows
            if rows >= self.station.max_rows:
                return True
        return False


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
        kinds: [requests], which kind of image each is.
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

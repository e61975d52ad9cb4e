"""What is simulated: stations with instances and batches, the way of a request through them, what they share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

UNSHARED = -1
CPU = 0  # index of the cores among what stations share
UNLIMITED = 10**9


@dataclass(frozen=True)
class Task:
    """What one request asks of a station at one visit.

    Attributes:
        rows: of the batch that it takes up.
        seconds: that it adds to its batch, the station alone on the machine.
        work: core seconds that it adds.
    """

    rows: int
    seconds: float
    work: float


@dataclass(frozen=True)
class Station:
    """A served model.

    Attributes:
        name: of the model.
        instances: batches worked on at the same time.
        max_rows: of a batch; 0 where each request goes alone.
        queue_delay_s: how long a batch that is not full waits for more.
        overhead_s: of each batch, beside its tasks.
        resource: index into the pipeline's capacities, or `UNSHARED`.
        parallelism: cores that a batch can use at most.
    """

    name: str
    instances: int = 1
    max_rows: int = 0
    queue_delay_s: float = 0.0
    overhead_s: float = 0.0
    resource: int = UNSHARED
    parallelism: float = math.inf

    def job(self, tasks: Sequence[Task]) -> tuple[float, float]:
        """Seconds alone and cores used of a batch."""
        seconds, work = self.overhead_s, 0.0
        for task in tasks:
            seconds += task.seconds
            work += task.work
        seconds = max(seconds, work / self.parallelism)
        return seconds, work / seconds if seconds else 0.0


@dataclass(frozen=True)
class Visit:
    """One stop of every request.

    Attributes:
        station: index.
        tasks: of each kind of image; kinds come equally often.
    """

    station: int
    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Pipeline:
    """A server.

    Attributes:
        stations: its models.
        visits: in the order of the ensemble; all have tasks for the same kinds of image.
        capacities: of what stations share, by index: cores; 1 for a GPU.
        easing: share of the work that goes between idle and fully used cores; the tasks' work is that of idle ones.
    """

    stations: tuple[Station, ...]
    visits: tuple[Visit, ...]
    capacities: tuple[float, ...] = ()
    easing: float = 0.0

    @property
    def kinds(self) -> int:
        """Kinds of image."""
        return len(self.visits[0].tasks)

    def station_load(self, index: int) -> float:
        """Seconds of one instance that an image takes of a station when nothing is batched, the mean."""
        station = self.stations[index]
        alone = [station.job([task])[0] for visit in self.visits if visit.station == index for task in visit.tasks]
        return sum(alone) / self.kinds

    def resource_load(self, index: int) -> float:
        """Core seconds that an image takes of a shared resource, the mean."""
        works = [
            task.work for visit in self.visits if self.stations[visit.station].resource == index for task in visit.tasks
        ]
        return sum(works) / self.kinds

    def highest_rate(self) -> float:
        """Images a second that the shared resources allow, whatever is batched; infinite without any."""
        loads = ((capacity, self.resource_load(index)) for index, capacity in enumerate(self.capacities))
        return min((capacity / load for capacity, load in loads if load), default=math.inf)

    def at(self, rate: float) -> Pipeline:
        """With the work that an image takes at `rate` images a second, and no easing any more.

        Work w at a use u of the cores is idle * (1 - easing * u), and u = rate * w / cores.
        """
        if not self.easing:
            return self
        asked = rate * self.resource_load(CPU) / self.capacities[CPU]
        return self._with_work_scaled(max(1 - self.easing, 1 / (1 + self.easing * asked)))

    def measured_at(self, rate: float, easing: float) -> Pipeline:
        """The pipeline whose `at(rate)` is this one."""
        used = min(1.0, rate * self.resource_load(CPU) / self.capacities[CPU])
        return replace(self._with_work_scaled(1 / (1 - easing * used)), easing=easing)

    def _with_work_scaled(self, factor: float) -> Pipeline:
        visits = tuple(
            replace(visit, tasks=tuple(replace(task, work=task.work * factor) for task in visit.tasks))
            if self.stations[visit.station].resource == CPU
            else visit
            for visit in self.visits
        )
        return replace(self, visits=visits, easing=0.0)

    def with_tasks_scaled(self, index: int, seconds: float) -> Pipeline:
        """With a station's times multiplied by `seconds`, its work as before."""
        stations, visits = list(self.stations), list(self.visits)
        stations[index] = replace(stations[index], overhead_s=stations[index].overhead_s * seconds)
        for at, visit in enumerate(visits):
            if visit.station == index:
                tasks = tuple(replace(task, seconds=task.seconds * seconds) for task in visit.tasks)
                visits[at] = replace(visit, tasks=tasks)
        return replace(self, stations=tuple(stations), visits=tuple(visits))

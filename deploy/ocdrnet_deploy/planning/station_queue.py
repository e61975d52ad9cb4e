"""The queue before a station, and how its batcher forms batches: Triton's dynamic batcher, in a few lines.

Source of the rules: Triton's user guide, Batchers, "Dynamic Batcher": requests are never split; a batch is sent when it
is full, or when its oldest request has waited for the queue delay.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ocdrnet_deploy.planning.pipeline import Station, Task


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

"""Finds the knee: the highest rate at which the limits are met. Rates grow until one fails, then halve the gap."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence

from ocdrnet_loadtest.quantities import shown_duration, shown_rate
from ocdrnet_loadtest.result import Knee
from ocdrnet_loadtest.settings import StaircaseSettings
from ocdrnet_loadtest.step_result import Step
from ocdrnet_loadtest.watch import Limits

SERVER = "server"
GENERATOR = "generator"


class Staircase:
    """The search, step by step."""

    def __init__(self, settings: StaircaseSettings, start: float) -> None:
        """Begin at `start` requests a second, above 0."""
        self._settings = settings
        self._next = start
        self.steps: list[Step] = []
        self.passed: Step | None = None
        self.failed: Step | None = None

    async def climb(self, measure: Callable[[float], Awaitable[Step]]) -> list[Step]:
        """Measure one rate after the other until the knee is known, or cannot be."""
        while not self._is_over():
            self._saw(await measure(self._next))
            self._next = self._next_rate()
        return self.steps

    def knee(self, limits: Limits) -> Knee:
        """What was found."""
        best = self.passed
        return Knee(
            p99_limit_s=limits.p99,
            error_limit=limits.errors,
            rate=best.offered_rate if best else None,
            failed_rate=self.failed.offered_rate if self.failed else None,
            images_per_s=best.images_per_s if best else None,
            crops_per_s=best.crops_per_s if best else None,
            limited_by=GENERATOR if self._is_generators() else SERVER,
            note=self._note(limits),
        )

    def _saw(self, step: Step) -> None:
        self.steps.append(step)
        if step.passed:
            self.passed = step
        else:
            self.failed = step

    def _next_rate(self) -> float:
        low, high = _rate(self.passed), _rate(self.failed)
        if self.failed is None:
            return low * self._settings.growth
        if self.passed is None:
            return high / self._settings.growth
        # The middle of two rates on a scale of ratios.
        return math.sqrt(low * high)

    def _is_over(self) -> bool:
        if len(self.steps) >= self._settings.most_steps or self._is_generators():
            return True
        if self.passed is None or self.failed is None:
            return False
        return _rate(self.failed) <= _rate(self.passed) * (1 + self._settings.precision)

    def _is_generators(self) -> bool:
        """The last failure was the client's: what it cannot send, the server cannot miss."""
        return self.failed is not None and self.failed.lateness.is_bottleneck

    def _note(self, limits: Limits) -> str:
        if self._is_generators():
            return (
                "the load generator was the bottleneck: the server's knee is higher; use a bigger machine, or several"
            )
        if self.passed is None:
            return f"no rate met the limits; the lowest tried was {shown_rate(_rate(self.failed))}"
        if self.failed is None:
            return f"every rate met the limits, {len(self.steps)} steps were not enough to break them"
        return _between(self.passed, self.failed, limits, self.steps)


def _between(passed: Step, failed: Step, limits: Limits, steps: Sequence[Step]) -> str:
    note = f"between {shown_rate(_rate(passed))}, which passed, and {shown_rate(_rate(failed))}, which did not"
    latency = passed.latency
    if latency is None:
        return note
    if latency.p99_high is None:
        return f"{note}; {passed.answered} requests are too few to bound the p99, send more in each step"
    interval = f"{shown_duration(latency.p99_low)} to {shown_duration(latency.p99_high)}"
    note = f"{note}; there the p99 is {interval} with 95 % confidence"
    if latency.p99_high > limits.p99:
        note += f", which reaches over the limit of {shown_duration(limits.p99)}: longer steps would make it surer"
    return note


def _rate(step: Step | None) -> float:
    return (step.offered_rate if step else None) or 0.0

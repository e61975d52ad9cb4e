"""Service-level objectives, `--slo p99=300ms`, and whether a run met them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ocdrnet_loadtest import quantities
from ocdrnet_loadtest.errors import SettingError
from ocdrnet_loadtest.result import Knee, Objective
from ocdrnet_loadtest.step_result import Soak, Step

# A window's edges cut off some answers, so a step at a rate of 5 may count 4.95.
_RATE_TOLERANCE = 0.02


@dataclass(frozen=True)
class _Figure:
    """A figure that can have an objective: how its limit is written, and whether more of it is better."""

    parse: Callable[[str], float]
    is_floor: bool
    help: str


FIGURES = {
    "p50": _Figure(quantities.duration, False, "median latency, at most"),
    "p95": _Figure(quantities.duration, False, "95th percentile of latency, at most"),
    "p99": _Figure(quantities.duration, False, "99th percentile of latency, at most"),
    "errors": _Figure(quantities.share, False, "share of requests without an answer, at most"),
    "rate": _Figure(quantities.rate, True, "images a second, at least, within 2 %; of a staircase, its knee"),
    "crops": _Figure(quantities.rate, True, "lines of text a second, at least, within 2 %"),
    "goodput": _Figure(quantities.rate, True, "images a second within the p99 limit, at least, within 2 %"),
    "ratio": _Figure(quantities.ratio, False, "p99 divided by p50, at most"),
    "growth": _Figure(quantities.memory, False, "of a soak: memory that any process gains in 1,000 requests, at most"),
}


@dataclass(frozen=True)
class Slo:
    """One objective.

    Attributes:
        text: as it was written.
        figure: one of `FIGURES`.
        limit: in seconds, as a share, per second, or in bytes.
    """

    text: str
    figure: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> Slo:
        """Read `FIGURE=LIMIT`.

        Raises:
            SettingError: the figure is unknown, or the limit cannot be read.
        """
        name, equals, limit = text.partition("=")
        if not equals or name not in FIGURES:
            raise SettingError(f"{text!r} is no objective; write FIGURE=LIMIT with one of {', '.join(FIGURES)}")
        return cls(text, name, FIGURES[name].parse(limit))

    def judged(self, value: float | None) -> Objective:
        """Hold a measured value against the limit; without one it is not met."""
        return Objective(self.text, self.figure, self.limit, value, value is not None and self._is_met(value))

    def _is_met(self, value: float) -> bool:
        if FIGURES[self.figure].is_floor:
            return value >= self.limit * (1 - _RATE_TOLERANCE)
        return value <= self.limit


def figures_of(step: Step | None, knee: Knee | None, soak: Soak | None) -> dict[str, float | None]:
    """What objectives are held against: the one step, or of a staircase the step at its knee."""
    if step is None:
        return dict.fromkeys(FIGURES)
    latency = step.latency
    slopes = soak.slopes.values() if soak else ()
    return {
        "p50": latency.p50 if latency else None,
        "p95": latency.p95 if latency else None,
        "p99": latency.p99 if latency else None,
        "errors": step.error_share,
        "rate": knee.rate if knee and not soak else step.images_per_s,
        "crops": step.crops_per_s,
        "goodput": step.goodput_per_s,
        "ratio": latency.p99 / latency.p50 if latency else None,
        "growth": max((slope.bytes_per_1000 for slope in slopes), default=None),
    }

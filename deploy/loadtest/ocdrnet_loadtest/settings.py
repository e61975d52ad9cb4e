"""What a run shall do, and when its requests are sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from ocdrnet_loadtest.errors import SettingError
from ocdrnet_loadtest.watch import Limits

POISSON = "poisson"
CONSTANT = "constant"
CLOSED = "closed"  # no schedule: users send when they have been answered
KINDS = (POISSON, CONSTANT)


def schedule(kind: str, rate: float, count: int, random: Random) -> list[float]:
    """Seconds from the start at which each of `count` requests is to leave, rising, within `count / rate`.

    Args:
        kind: `constant` has equal gaps. `poisson` is what many independent callers make: exponential gaps. Given their
            number, the arrivals of a Poisson process are uniform and independent (Ross, Stochastic Processes, theorem
            2.3.1); so every step has exactly its rate, and only the gaps are random.
        rate: requests a second, above 0.
        count: 0 or more.
        random: source of the gaps.

    Raises:
        SettingError: the kind is unknown, or the rate is not above 0.
    """
    if kind not in KINDS:
        raise SettingError(f"arrivals are {kind!r}; they must be one of {', '.join(KINDS)}")
    if not rate > 0:
        raise SettingError(f"the rate is {rate}; it must be above 0 requests a second")
    if kind == CONSTANT:
        return [index / rate for index in range(count)]
    return sorted(random.uniform(0, count / rate) for _ in range(count))


@dataclass(frozen=True)
class StepSettings:
    """How each step is run.

    Attributes:
        arrivals: `poisson` or `constant`.
        requests: that count, at least; the 99th percentile of fewer than 100 is their maximum.
        seconds: that a step lasts, at least.
        settling: share of a step's requests sent before those that count, 0 to 1.
        limits: for goodput, and for a staircase's verdict.
        drain_s: the longest wait after a step for the server's queues to empty.
        seed: of the gaps and of the order of images.
    """

    arrivals: str = POISSON
    requests: int = 500
    seconds: float = 10.0
    settling: float = 0.1
    limits: Limits = field(default_factory=Limits)
    drain_s: float = 30.0
    seed: int = 1

    def count(self, rate: float) -> int:
        """Requests of a step that count."""
        return max(self.requests, round(self.seconds * rate))

    def settling_count(self, rate: float) -> int:
        """Requests of a step that go before."""
        return round(self.count(rate) * self.settling)


@dataclass(frozen=True)
class StaircaseSettings:
    """How the knee is looked for.

    Attributes:
        start: first rate, requests a second; None for half of what one caller at a time gets.
        growth: from step to step, until one fails; over 1.
        precision: how far the lowest rate that failed may lie above the highest that passed, as a share.
        most_steps: after which the search ends.
    """

    start: float | None = None
    growth: float = 1.5
    precision: float = 0.05
    most_steps: int = 20

    def __post_init__(self) -> None:
        if not self.growth > 1:
            raise SettingError(f"growth is {self.growth}; it must be over 1, such as 1.5")
        if not 0 < self.precision < 1:
            raise SettingError(f"precision is {self.precision:g}; it must be between 0 and 100%")

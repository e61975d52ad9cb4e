"""When requests are to be sent, decided before the first of them is: the server cannot slow the schedule down."""

from __future__ import annotations

from random import Random

from ocdrnet_loadtest.errors import SettingError

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

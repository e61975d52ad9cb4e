"""The knee of one replica: the highest rate whose 99th percentile stays under a limit."""

from __future__ import annotations

import math

from ocdrnet_deploy.planning.errors import NoCapacityError
from ocdrnet_deploy.planning.load import Load
from ocdrnet_deploy.planning.pipeline import Pipeline
from ocdrnet_deploy.planning.quantities import shown_seconds

_PRECISION = 0.005
_LOWEST_SHARE = 0.002  # of the rate that the busiest part allows: nearly no queue
_GROWTH = 4.0  # from rate to rate, until one breaks the limit
_MOST_RATES = 8


def knee_of(pipeline: Pipeline, p99_s: float, load: Load) -> float:
    """Requests a second, within half a percent.

    Args:
        pipeline: one replica.
        p99_s: limit in seconds.
        load: to try each rate with.

    Raises:
        NoCapacityError: even a nearly idle server takes longer.
    """
    low = _LOWEST_SHARE * _unbatched_rate(pipeline)
    alone = load.quantile(pipeline, low, 0.99)
    if alone > p99_s:
        raise NoCapacityError(
            f"a p99 of {shown_seconds(p99_s)} cannot be met at any rate: "
            f"on an idle replica it is {shown_seconds(alone)}"
        )
    high = low
    for _ in range(_MOST_RATES):
        low, high = high, high * _GROWTH
        if load.quantile(pipeline, high, 0.99) > p99_s:
            return _between(pipeline, p99_s, load, low, high)
    return high


def _between(pipeline: Pipeline, p99_s: float, load: Load, low: float, high: float) -> float:
    """By bisection on a scale of ratios; `low` meets the limit and `high` does not."""
    while high > low * (1 + _PRECISION):
        middle = math.sqrt(low * high)
        if load.quantile(pipeline, middle, 0.99) <= p99_s:
            low = middle
        else:
            high = middle
    return low


def _unbatched_rate(pipeline: Pipeline) -> float:
    """Pictures a second without batching, of what is busiest."""
    rates = [pipeline.highest_rate()]
    for index, station in enumerate(pipeline.stations):
        load = pipeline.station_load(index)
        rates.append(station.instances / load if load else math.inf)
    return min(rates)

"""The load that a simulated server gets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocdrnet_deploy.planning.pipeline import Pipeline
from ocdrnet_deploy.planning.queueing import Simulated, simulate


@dataclass(frozen=True)
class Load:
    """How many requests, drawn from which seed.

    Attributes:
        requests: that count.
        settling: before them, at the same rate.
        repeats: independent runs; a quantile is the median over them.
        seed: of all draws.
        is_poisson: requests come at random; else at equal gaps.
    """

    requests: int = 5000
    settling: int = 500
    repeats: int = 1
    seed: int = 1
    is_poisson: bool = True

    def run(self, pipeline: Pipeline, rate: float) -> list[Simulated]:
        """Requests arrive `rate` times a second, with images of every kind equally often.

        A Poisson run has exactly its rate, as a step of `ocdrnet loadtest` has: given their number, the arrivals of a
        Poisson process are uniform and independent (Ross, Stochastic Processes, theorem 2.3.1). Each seed's gaps are
        the same for every rate but for their unit, so that rates are compared under the same luck.
        """
        return [self._once(pipeline, rate, np.random.default_rng([self.seed, index])) for index in range(self.repeats)]

    def quantile(self, pipeline: Pipeline, rate: float, share: float) -> float:
        """Latency in seconds, the median over the runs."""
        return float(np.median([found.quantile(share) for found in self.run(pipeline, rate)]))

    def _once(self, pipeline: Pipeline, rate: float, random: np.random.Generator) -> Simulated:
        before, counted = self._gaps(self.settling, random), self._gaps(self.requests, random)
        arrivals = np.concatenate([before, self.settling + counted]) / rate
        kinds = random.integers(pipeline.kinds, size=len(arrivals)).tolist()
        return simulate(pipeline.at(rate), arrivals, kinds, self.settling)

    def _gaps(self, count: int, random: np.random.Generator) -> npt.NDArray[np.float64]:
        """Times of `count` arrivals within `count`."""
        if self.is_poisson:
            return np.sort(random.uniform(0, count, count))
        return np.arange(count, dtype=np.float64)

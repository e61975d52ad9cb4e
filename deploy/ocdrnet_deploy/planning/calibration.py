"""Makes a simulated server show at low load what was measured there; nothing is taken from higher rates.

Measured times hold some waiting for cores already: even at low load two requests overlap now and then. Core seconds do
not. So the times of a station alone on the machine are found by simulating the low rate and scaling them until its
instances are busy as long as measured. How an image's size tells on the detector follows from the spread of latencies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ocdrnet_deploy.planning.load import Load
from ocdrnet_deploy.planning.low_load import measured_pipeline
from ocdrnet_deploy.planning.measurement import Measurement
from ocdrnet_deploy.planning.pipeline import Pipeline

_ROUNDS = 4
_SIZE_EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_LOAD = Load(requests=1500, settling=100)


def calibrated_pipeline(measured: Measurement, preferred: Mapping[str, int] | None = None) -> Pipeline:
    """The server of a measurement.

    Args:
        measured: by a load test.
        preferred: as of `measured_pipeline`.
    """
    made = [measured_pipeline(measured, exponent, preferred) for exponent in _exponents(measured)]
    # How long requests wait for cores hardly depends on the exponent; the middle one serves to compare them all.
    factors = _own_shares(measured, made[len(made) // 2])
    if len(made) == 1:
        return _scaled(made[0], factors)
    best = min(made, key=lambda pipeline: _spread_error(measured, _scaled(pipeline, factors)))
    return _scaled(best, _own_shares(measured, best))


def _exponents(measured: Measurement) -> tuple[float, ...]:
    """Those to try: one where sizes, or the latencies of the images, cannot be told apart."""
    has_sizes = len({image.pixels for image in measured.images}) > 1
    return _SIZE_EXPONENTS if has_sizes and len(measured.low.quantiles) == 101 else (0.0,)


def _own_shares(measured: Measurement, pipeline: Pipeline) -> list[float]:
    """Of each station's measured time, the share that is its own and no waiting for cores."""
    images = measured.low.models[measured.ensemble].requests
    shares = [1.0] * len(pipeline.stations)
    for _ in range(_ROUNDS):
        found = _LOAD.run(_scaled(pipeline, shares), measured.low.rate)[0]
        for index, station in enumerate(pipeline.stations):
            counts, busy = measured.low.models.get(station.name), found.stations[index].busy_s
            if counts is not None and busy:
                shares[index] *= counts.busy_s / images / busy
    return shares


def _scaled(pipeline: Pipeline, factors: Sequence[float]) -> Pipeline:
    for index, factor in enumerate(factors):
        pipeline = pipeline.with_tasks_scaled(index, factor)
    return pipeline


def _spread_error(measured: Measurement, pipeline: Pipeline) -> float:
    """How far the simulated latencies are from the measured ones, in logarithms, over several quantiles."""
    found = _LOAD.run(pipeline, measured.low.rate)[0]
    errors = [np.log(found.quantile(share) / measured.low.quantiles[round(100 * share)]) for share in _QUANTILES]
    return float(np.mean(np.abs(errors)))

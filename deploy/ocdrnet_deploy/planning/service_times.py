"""Service times of one model from its counters at low load: seconds of a batch, of a row, and core seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ocdrnet_deploy.planning.measurement import Batch, ModelCounts

_LEAST_EXECUTIONS = 10  # of a batch size, before its mean time is believed


@dataclass(frozen=True)
class ServiceTimes:
    """What a model's batches cost.

    Attributes:
        overhead_s: of a batch, whatever is in it.
        row_s: more for each row.
        row_work: core seconds of each row.
    """

    overhead_s: float
    row_s: float
    row_work: float


def service_times(counts: ModelCounts, cpu_s: float, visits: int, pictures: int) -> ServiceTimes:
    """Times that add up to what was measured.

    A model that an ensemble asks twice gets, at the second time, a row with nothing to do for most pictures: the
    crops to be read again, turned. Those rows cost their batch's overhead alone.

    Args:
        counts: of the model at low load.
        cpu_s: core seconds of its process meanwhile.
        visits: how often the ensemble asks it for one picture.
        pictures: that were answered.
    """
    rows = max(counts.inferences - (visits - 1) * pictures, 1)
    overhead = _least(counts.batches) if visits > 1 else _intercept(counts.batches)
    # The overhead cannot be more than was measured in all.
    overhead = min(overhead, counts.busy_s / counts.executions)
    row_s = max(0.0, counts.busy_s - overhead * counts.executions) / rows
    return ServiceTimes(overhead, row_s, cpu_s / rows)


def _trusted(batches: Sequence[Batch]) -> list[Batch]:
    return [batch for batch in batches if batch.executions >= _LEAST_EXECUTIONS]


def _least(batches: Sequence[Batch]) -> float:
    """Mean seconds of the quickest batch size; 0 where none was run often enough."""
    return min((batch.compute_s / batch.executions for batch in _trusted(batches)), default=0.0)


def _intercept(batches: Sequence[Batch]) -> float:
    """Seconds of a batch without rows, by a straight line through the mean times; 0 with less than two sizes."""
    trusted = _trusted(batches)
    if len(trusted) < 2:
        return 0.0
    sizes = [batch.size for batch in trusted]
    means = [batch.compute_s / batch.executions for batch in trusted]
    weights = np.sqrt([batch.executions for batch in trusted])
    return max(0.0, float(np.polyfit(sizes, means, 1, w=weights)[1]))

"""How a picture's CPU time falls as a server's cores get busier.

Threads that find nothing to do spin for a while before they sleep, woken ones find cold caches, and small batches pay
their fixed cost alone. On two cores a photo was seen to take 156 ms of a core at 43 % use, 137 ms at 84 %.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocdrnet_deploy.planning.measurement import CpuUse

_LEAST_SPREAD = 0.1  # between the least and the most busy step, before a line through them means something
_MOST = 0.5  # 0.28 is the most that was seen; far more is a sign of too few requests


def easing(uses: Sequence[CpuUse], cores: float) -> float:
    """Share of a picture's CPU time that it loses between idle and fully used cores, by a line through all steps.

    Args:
        uses: of steps at several rates.
        cores: of the machine.

    Returns:
        0..0.5; 0 where the steps are too few or too alike, or CPU time does not fall.
    """
    busy = np.array([use.core_s / use.seconds / cores for use in uses])
    if len(busy) < 2 or np.ptp(busy) < _LEAST_SPREAD:
        return 0.0
    each = [use.core_s / use.pictures for use in uses]
    weights = np.sqrt([use.pictures for use in uses])
    slope, idle = np.polyfit(busy, each, 1, w=weights)
    return float(np.clip(-slope / idle, 0.0, _MOST)) if idle > 0 else 0.0

"""How many processes each Python step has: Triton gives one a single picture at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ocdrnet_deploy.errors import BuildError

# Of the CPU time of all Python steps, for 60 street photos by `python -m benchmarks.stages`.
STEP_SHARES: Mapping[str, float] = MappingProxyType(
    {"image_preprocess": 0.45, "text_decode": 0.22, "dbnet_postprocess": 0.14, "text_crop": 0.13, "text_turn": 0.06}
)
MOST_PROCESSES = 64  # of a step: each takes 70 MB, and a region of shared memory
BUSY = 0.7  # of a process's time at the most, or pictures queue for it


def processes_for(cores: float) -> dict[str, int]:
    """Processes of each step that the steps need to keep some cores busy together.

    Args:
        cores: over 0; those that the networks leave to the Python steps.
    """
    # Rounded first, or the last bit of a float could make a whole number of processes one more.
    wanted = {name: math.ceil(round(cores * share / BUSY, 6)) for name, share in STEP_SHARES.items()}
    return {name: min(MOST_PROCESSES, count) for name, count in wanted.items()}


def parse_processes(values: Iterable[str]) -> dict[str, int]:
    """Counts by step from texts as `image_preprocess=4`.

    Raises:
        BuildError: one is no such text, its step is unknown or a network, or its count is not 1..64.
    """
    counts: dict[str, int] = {}
    for value in values:
        name, _, count = value.partition("=")
        if name not in STEP_SHARES:
            raise BuildError(f"no Python step is called {name!r}; they are {', '.join(STEP_SHARES)}")
        if not count.isascii() or not count.isdigit() or not 1 <= int(count) <= MOST_PROCESSES:
            raise BuildError(f"{value!r} wants processes from 1 to {MOST_PROCESSES}, as in {name}=2")
        counts[name] = int(count)
    return counts

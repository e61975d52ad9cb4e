"""What `trtexec` says about a plan that it has run."""

from __future__ import annotations

import re
from dataclasses import dataclass

_THROUGHPUT = re.compile(r"Throughput: ([\d.]+) qps")
_GPU_TIME = re.compile(r"GPU Compute Time: .*?median = ([\d.]+) ms")


class TrtexecOutputError(ValueError):
    """The output has no performance summary; its last lines are in the text."""


@dataclass(frozen=True)
class Performance:
    """Figures of one run.

    Attributes:
        queries_per_second: batches that were answered in a second.
        gpu_ms: median time that the GPU computed for one batch.
    """

    queries_per_second: float
    gpu_ms: float


def parse_performance(output: str) -> Performance:
    """Read the performance summary.

    Args:
        output: all that `trtexec` wrote.

    Raises:
        TrtexecOutputError: there is none: the run failed, or was asked to skip inference.
    """
    throughput, gpu_time = _THROUGHPUT.search(output), _GPU_TIME.search(output)
    if throughput is None or gpu_time is None:
        last = " / ".join(output.strip().splitlines()[-3:])
        raise TrtexecOutputError(f"trtexec wrote no performance summary; it ended with: {last}")
    return Performance(float(throughput[1]), float(gpu_time[1]))

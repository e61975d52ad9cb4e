"""A long run at one rate: does memory stay flat?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from ocdrnet_loadtest.measuring import Bench
from ocdrnet_loadtest.step_result import MemorySample, MemorySlope, Soak, Step
from ocdrnet_loadtest.users import ServerProcesses

SETTLING = 1000  # requests, in which allocators and caches grow to their working size
_SAMPLES = 300
_LEAST_SAMPLES = 5  # for a line through them to mean something
_FLAT_SHARE, _FLAT_BYTES, _FLAT_REQUESTS = 0.01, 2.0**20, 10_000


class MemoryLog:
    """Samples the memory of a server's processes while a soak runs."""

    def __init__(self, processes: ServerProcesses | None, period: float) -> None:
        self._processes = processes
        self._period = period
        self.answered = 0
        self.samples: list[MemorySample] = []

    async def run(self) -> None:
        """Sample until cancelled."""
        if self._processes is None:
            return
        loop = asyncio.get_running_loop()
        begin = loop.time()
        while True:
            self.samples.append(MemorySample(loop.time() - begin, self.answered, self._processes.resident_bytes()))
            await asyncio.sleep(self._period)


async def soak(
    bench: Bench, log: MemoryLog, rate: float, requests: int, fraction: float | None, settling: int = SETTLING
) -> tuple[Step, Soak]:
    """Send `requests` at `rate` a second, `fraction` of the knee, while `log` samples."""
    sampling = asyncio.create_task(log.run())
    try:
        step = await bench.step(rate, count=requests)
    finally:
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling
    latency = step.latency
    ratio = latency.p99 / latency.p50 if latency and latency.p50 else None
    samples = tuple(log.samples)
    return step, Soak(requests, rate, fraction, settling, samples, memory_slopes(samples, settling), ratio)


def sampling_period(requests: int, rate: float) -> float:
    """Seconds between samples, for some hundreds of them."""
    return max(0.5, requests / rate / _SAMPLES)


def memory_slopes(samples: Sequence[MemorySample], settling: int) -> dict[str, MemorySlope]:
    """For each process that lived through all samples after `settling` answers; empty with too few of them."""
    kept = [sample for sample in samples if sample.answered >= settling]
    if len(kept) < _LEAST_SAMPLES or kept[0].answered == kept[-1].answered:
        return {}
    names = set.intersection(*(set(sample.rss) for sample in kept))
    return {name: _slope(kept, name) for name in sorted(names)}


def _slope(samples: Sequence[MemorySample], name: str) -> MemorySlope:
    answered = np.array([sample.answered for sample in samples], float)
    held = np.array([sample.rss[name] for sample in samples], float)
    per_request = float(np.polyfit(answered, held, 1)[0])
    first, last = int(held[0]), int(held[-1])
    allowed = max(_FLAT_BYTES, _FLAT_SHARE * first) / _FLAT_REQUESTS
    return MemorySlope(per_request * 1000, first, last, per_request <= allowed)

"""Deployment profiles: how the networks share the machine that serves them."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class CpuProfile:
    """Threads and batches of the two networks on a CPU.

    Attributes:
        threads: cores for each network; 0 means all that the server may use.
        detector_streams: images the detector works on at the same time.
        recognizer_streams: batches of crops the recognizer works on at the same time.
        detector_batch: images that one run of the detector takes at most, across requests.
        recognizer_batch: crops that one run of the recognizer takes at most; one image's crops are one batch, so it
            must not be below the detector's candidate cap.
    """

    threads: int = 0
    detector_streams: int = 1
    recognizer_streams: int = 1
    detector_batch: int = 4
    recognizer_batch: int = 1000


def cpu_profile(recognizer_batch: int) -> CpuProfile:
    """The profile for this machine.

    The detector's work is one large image, which several cores share well up to about four. Crops are small and many:
    one core each is best.

    Args:
        recognizer_batch: as in `CpuProfile`.
    """
    cores = len(os.sched_getaffinity(0))
    return CpuProfile(detector_streams=max(1, cores // 4), recognizer_streams=cores, recognizer_batch=recognizer_batch)

"""The limit: the two networks alone, in one process, on exactly what the served pipeline asks of them.

Decoding, scaling, post-processing, cropping and the batches are prepared beforehand and cost nothing. Whichever number
of streams and batching is the fastest for each network counts, for the detector also whether each size has a graph of
its own; a small search finds it. Crops of one shape follow each other, which spares the one graph most of its work.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.in_process import RECOGNIZED, Pair, open_pair, read_in_process
from ocdrnet_triton.engines.base import Placement
from ocdrnet_triton.engines.openvino import OpenVinoNetwork

Batch = npt.NDArray[np.uint8]
DETECTOR_BATCHES = (1, 4)  # images a job
CROP_BATCHES = (4, 8, 16, 32)  # crops a job
MOST_GRAPHS = 40  # more shapes than any set here has
TRIALS = 2  # timings of each setting, after one that does not count


@dataclass(frozen=True)
class Choice:
    """A setting of one network.

    Attributes:
        streams: jobs computed at once.
        batch: images or crops a job at most; 0: the pipeline's own batches.
        graphs: shapes that may have a graph of their own.
        seconds: that all pictures' jobs took.
    """

    streams: int
    batch: int
    graphs: int
    seconds: float

    def __str__(self) -> str:
        batch = f"batches up to {self.batch}" if self.batch else "the pipeline's batches"
        graphs = "a graph for each shape" if self.graphs else "one graph"
        return f"{self.streams} streams, {batch}, {graphs}: {self.seconds:.3f} s"


class NetworksAlone:
    """Both networks at their best settings, loaded, with everything that they have to compute for some images."""

    def __init__(self, repository: Path, images: Sequence[bytes]) -> None:
        """Read the images once to learn what the networks get, then search the settings."""
        detector, recognizer = asked_of_networks(open_pair(repository), images)
        folder = repository / "ocdnet" / "1" / "model.onnx"
        self._detector, self._maps, self.detector = _best(
            folder, ["pred"], detector, DETECTOR_BATCHES, (0, MOST_GRAPHS)
        )
        folder = repository / "ocrnet" / "1" / "model.onnx"
        self._recognizer, self._crops, self.recognizer = _best(folder, RECOGNIZED, recognizer, (0, *CROP_BATCHES), (0,))
        self.crops = sum(len(batch) for batch in recognizer)

    def run(self) -> int:
        """Everything once, one network after the other, each with all cores; returns the number of crops."""
        self._detector.run(self._maps)
        self._recognizer.run(self._crops)
        return self.crops


def asked_of_networks(pair: Pair, images: Sequence[bytes]) -> tuple[list[Batch], list[Batch]]:
    """What detector and recognizer get when the images are read, second readings too."""
    for image in images:
        read_in_process(image, pair)
    return pair.detector.inputs, pair.recognizer.inputs


def rebatched(batches: Sequence[Batch], size: int) -> list[Batch]:
    """The same rows in batches of equal shape, up to `size` rows each, the largest shapes first.

    Args:
        batches: uint8 [n, h, w, 3].
        size: rows a batch at most; 0 leaves the batches as they are.
    """
    if not size:
        return list(batches)
    by_shape: dict[tuple[int, ...], list[Batch]] = {}
    for batch in batches:
        by_shape.setdefault(batch.shape[1:], []).append(batch)
    largest_first = sorted(by_shape, key=lambda shape: shape[0] * shape[1], reverse=True)
    joined = (np.concatenate(by_shape[shape]) for shape in largest_first)
    return [rows[start : start + size] for rows in joined for start in range(0, len(rows), size)]


def _best(
    model: Path, outputs: Sequence[str], batches: Sequence[Batch], sizes: Sequence[int], graphs: Sequence[int]
) -> tuple[OpenVinoNetwork, list[Batch], Choice]:
    def network(streams: int, most: int) -> OpenVinoNetwork:
        return OpenVinoNetwork(model, outputs, Placement(0, streams, most))

    streams = sorted({1, 2, len(os.sched_getaffinity(0))})
    choices = [
        Choice(count, size, most, _seconds(network(count, most), rebatched(batches, size)))
        for count, size, most in product(streams, sizes, graphs)
    ]
    best = min(choices, key=lambda choice: choice.seconds)
    chosen, jobs = network(best.streams, best.graphs), rebatched(batches, best.batch)
    chosen.run(jobs)
    return chosen, jobs, best


def _seconds(network: OpenVinoNetwork, batches: Sequence[Batch]) -> float:
    network.run(batches)
    taken = []
    for _ in range(TRIALS):
        start = time.perf_counter()
        network.run(batches)
        taken.append(time.perf_counter() - start)
    return min(taken)

"""What the CPU networks run once while they are loaded, so that the first request is as fast as the hundredth.

An engine prepares its kernels for each shape that it meets, 20 to 70 ms of a core for each with the default networks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.image.resize import detector_size
from ocdrnet_ops.recognition.width_groups import BATCH_SIZES, padded_width
from ocdrnet_triton.engines.base import Network
from ocdrnet_triton.engines.recognizer import LARGEST_BATCH

IMAGES = ((720, 1280), (1280, 720), (1200, 1600), (1600, 1200))  # height, width: screens and cameras, both ways up
LONGEST_CROP = 512  # pixels; longer ones are rare, and slow enough to hide what they cost the first time
JOBS = 3  # of each shape, where there are several streams: each has its turn


def warm_ups(settings: Mapping[str, str]) -> int:
    """How often each shape is run: `warm_ups` of config.pbtxt, else `JOBS`; one stream has all prepared after once.

    Measured with the default detector, of one stream: 4.2 s of CPU for the first run of four shapes, 1.3 s for each
    later one.

    Args:
        settings: parameters of config.pbtxt.
    """
    return 1 if settings["streams"] == "1" else int(settings.get("warm_ups", JOBS))


def warm_detector(network: Network, card: DetectorCard, jobs: int = JOBS) -> None:
    """Show it images of common shapes, each as often as `jobs` says."""
    free = card.resize == "multiple-of-32"
    sizes = {detector_size(*picture, card) for picture in IMAGES} if free else {(card.height, card.width)}
    for height, width in sorted(sizes):
        network.run([np.zeros((1, height, width, 3), np.uint8)] * jobs)


def warm_recognizer(network: Network, card: RecognizerCard, max_columns: int, jobs: int = JOBS) -> None:
    """Show it crops of every width up to `LONGEST_CROP`, in batches of every size up to 8 that they come in."""
    widths = [card.width] if card.width else sorted({padded_width(width) for width in range(1, LONGEST_CROP, 16)})
    for width in widths:
        largest = card.max_batch or LARGEST_BATCH if card.width else max(1, max_columns // width)
        for size in (size for size in BATCH_SIZES if size <= min(LARGEST_BATCH, largest)):
            network.run([np.zeros((size, card.height, width, 3), np.uint8)] * jobs)

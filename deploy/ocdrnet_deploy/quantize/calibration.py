"""Images that INT8's value ranges are taken from, as the two networks see them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_deploy.errors import BuildError
from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.crop import crop_lines
from ocdrnet_ops.dbnet import dbnet_settings, detect_boxes
from ocdrnet_ops.resize import detector_input

Images = npt.NDArray[np.uint8]
Detect = Callable[[Images], npt.NDArray[Any]]

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_MAX_IMAGES = 64
_MAX_CROPS = 256
_WIDTH_STEP = 32
_SAMPLES = Path(__file__).parents[3] / "samples"  # in a checkout; an installed wheel has none


def calibration_images(folder: Path | None) -> list[Images]:
    """Pictures of a folder, uint8 [H, W, 3] BGR, the first 64 by name.

    Args:
        folder: of images like those that will be read; the checkout's `samples/` when left out.

    Raises:
        BuildError: there is no folder or no image in it.
    """
    where = folder or _SAMPLES
    paths = sorted(path for path in where.glob("*") if path.suffix.lower() in _SUFFIXES) if where.is_dir() else []
    images = [image for path in paths[:_MAX_IMAGES] if (image := cv2.imread(str(path))) is not None]
    if not images:
        raise BuildError(f"{where} has no image to calibrate INT8 on. Name a folder of pictures: --calibration DIR")
    return [image.astype(np.uint8, copy=False) for image in images]


def network_inputs(
    images: list[Images], detect: Detect, detector: DetectorCard, recognizer: RecognizerCard
) -> tuple[list[Images], list[Images]]:
    """What detector and recognizer are fed for these images: inputs uint8 [1, h, w, 3] of each.

    Args:
        images: uint8 [H, W, 3].
        detect: runs the detector: uint8 [1, h, w, 3] -> probability map uint8 [1, 1, h, w].
        detector: its card.
        recognizer: its card.
    """
    scaled = [detector_input(image, detector) for image in images]
    crops: list[Images] = []
    for image, placed in zip(images, scaled, strict=True):
        size = (image.shape[1], image.shape[0])
        probability = detect(placed.tiles)[0, 0]
        found = detect_boxes(probability, placed.placements[0], size, dbnet_settings(detector, {}))
        if not len(found.boxes):
            continue  # there would be one blank crop
        cut = crop_lines(image, found.boxes, recognizer)
        for pixels, width in zip(cut.pixels, cut.widths[:, 0], strict=True):
            own = max(_WIDTH_STEP, -(-int(width) // _WIDTH_STEP) * _WIDTH_STEP)
            crops.append(np.ascontiguousarray(pixels[None, :, :own]))
    return [placed.tiles for placed in scaled], _spread(crops)


def _spread(crops: list[Images]) -> list[Images]:
    """At most 256, from all images alike."""
    return crops[:: max(1, -(-len(crops) // _MAX_CROPS))]

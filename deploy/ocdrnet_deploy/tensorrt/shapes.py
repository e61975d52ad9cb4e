"""Optimization profiles: the input shapes that a plan takes, and the one it is tuned for."""

from __future__ import annotations

from dataclasses import dataclass

from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.recognition.width_groups import padded_width

Shape = tuple[int, int, int, int]

_STEP = 32  # a detector's sizes, and a free recognizer's widths, are multiples of it
_TUNED_CROPS = 32  # NVIDIA's own build of OCRNet: min 1, opt 32
_TUNED_IMAGES = 8
# Crops of a free width in a run, of several images' groups. A plan allots memory for its largest input: scores of
# 18,710 classes for 64 crops of 3584 pixels are 2 GB.
GROUPED_CROPS = 64
_TUNED_WIDTH = 320  # PP-OCR's training width: the most frequent crop


@dataclass(frozen=True)
class ShapeRange:
    """Shapes of the tensor `input`, [N, h, w, 3].

    Attributes:
        least: smallest in every dimension.
        tuned: the one that kernels are chosen for.
        most: largest in every dimension.
    """

    least: Shape
    tuned: Shape
    most: Shape

    @property
    def max_batch(self) -> int:
        """Images or crops that one run takes at most."""
        return self.most[0]

    @property
    def tuned_batch(self) -> int:
        """The batch that the plan is fastest at."""
        return self.tuned[0]

    @property
    def is_fixed(self) -> bool:
        """Whether all but the batch is fixed."""
        return self.least[1:] == self.most[1:]

    @property
    def dims(self) -> tuple[int, int, int]:
        """The dims of config.pbtxt, without the batch: -1 where a dimension is free."""
        height, width, planes = (a if a == b else -1 for a, b in zip(self.least[1:], self.most[1:], strict=True))
        return height, width, planes


def detector_shapes(card: DetectorCard, batch: int) -> ShapeRange:
    """Shapes of a detector: its card's size, or every size to which the pipeline may scale an image.

    Args:
        card: of the detector.
        batch: images that one run takes at most.
    """
    tuned_batch = min(batch, _TUNED_IMAGES)
    if card.resize != "multiple-of-32":
        return _fixed(batch, tuned_batch, card.height, card.width)
    side, longest = _multiple(card.side), _multiple(card.max_side)
    wide = min(longest, _multiple(card.side * 16 / 9))  # what cameras and screens have most
    return ShapeRange((1, _STEP, _STEP, 3), (tuned_batch, min(side, longest), wide, 3), (batch, longest, longest, 3))


def recognizer_shapes(card: RecognizerCard, batch: int) -> ShapeRange:
    """Shapes of a recognizer: its card's size, or its height and every width to which crops are padded.

    Args:
        card: of the recognizer.
        batch: crops that one run takes at most.
    """
    tuned_batch = min(batch, _TUNED_CROPS)
    if card.width:
        return _fixed(batch, tuned_batch, card.height, card.width)
    longest = padded_width(card.max_width)
    return ShapeRange(
        (1, card.height, _STEP, 3),
        (tuned_batch, card.height, min(_TUNED_WIDTH, longest), 3),
        (batch, card.height, longest, 3),
    )


def _fixed(batch: int, tuned_batch: int, height: int, width: int) -> ShapeRange:
    return ShapeRange((1, height, width, 3), (tuned_batch, height, width, 3), (batch, height, width, 3))


def _multiple(length: float) -> int:
    return max(_STEP, round(length / _STEP) * _STEP)

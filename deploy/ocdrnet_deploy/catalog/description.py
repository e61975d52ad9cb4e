"""What must be known of a network to adapt it: its input, its answer, and the rest of its card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["detector", "recognizer"]
Planes = Literal["bgr", "rgb", "gray"]
Answer = Literal["probability-map", "logit-map", "class-scores", "class-logits", "ids"]

ANSWERS: dict[Kind, tuple[Answer, ...]] = {
    "detector": ("probability-map", "logit-map"),
    "recognizer": ("class-scores", "class-logits", "ids"),
}


@dataclass(frozen=True)
class Normalization:
    """What the network was trained on: `(pixel - mean) * scale`, pixels 0..255.

    Attributes:
        planes: order of the input's planes; `gray` is one plane, 0.299 R + 0.587 G + 0.114 B, rounded.
        mean: subtracted from each plane as fed, in that order.
        scale: multiplied with each plane after.
    """

    planes: Planes
    mean: tuple[float, ...]
    scale: tuple[float, ...]


def _of_unit(planes: Planes, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Normalization:
    """From a mean and a standard deviation that are stated for pixels of 0..1."""
    return Normalization(planes, tuple(255 * m for m in mean), tuple(1 / (255 * d) for d in deviation))


_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# By the names that catalog and cards use. The three variants of OCDNet stand in NVIDIA's own code: TAO's training and
# evaluation (the default), nvOCDR, and TAO's INT8 calibrator; they differ in the order of planes and means.
# PaddleOCR's detectors take ImageNet's means on BGR planes as they are, MMOCR's on RGB; docTR states its own.
NORMALIZATIONS: dict[str, Normalization] = {
    "half": Normalization("bgr", (127.5,) * 3, (1 / 127.5,) * 3),
    "rgb-half": Normalization("rgb", (127.5,) * 3, (1 / 127.5,) * 3),
    "gray-half": Normalization("gray", (127.5,), (1 / 127.5,)),
    "tao": Normalization("bgr", (122.67891434, 116.66876762, 104.00698793), (1 / 255,) * 3),
    "nvocdr": Normalization("bgr", (104.00698793, 116.66876762, 122.67891434), (1 / 255,) * 3),
    "tao-int8-calibrator": Normalization("rgb", (122.67891434, 116.66876762, 104.00698793), (1 / 255,) * 3),
    "imagenet-bgr": _of_unit("bgr", *_IMAGENET),
    "imagenet-rgb": _of_unit("rgb", *_IMAGENET),
    "doctr-detection": _of_unit("rgb", (0.798, 0.785, 0.772), (0.264, 0.2749, 0.287)),
    "doctr-recognition": _of_unit("rgb", (0.694, 0.695, 0.693), (0.299, 0.296, 0.301)),
}


@dataclass(frozen=True)
class NetworkDescription:
    """How a network is adapted.

    Attributes:
        kind: detector or recognizer.
        answer: what comes out of the graph. Of a detector a `probability-map`, or a `logit-map` that still needs its
            sigmoid; of a recognizer `class-scores` after a softmax at each time step, `class-logits` before it, or
            `ids` and probabilities of the best class already.
        normalization: of its input.
        max_batch: images that one run takes at most; 0 where the graph does not limit it.
        card: fields of its model card that are not in the weights file.
        blank: index of the CTC blank among a recognizer's classes; negative from the end. With the decoder `attention`,
            of the class that ends a text; 0 where the first two classes are [GO] and [s].
    """

    kind: Kind
    answer: Answer
    normalization: Normalization
    max_batch: int
    card: dict[str, Any]
    blank: int = 0

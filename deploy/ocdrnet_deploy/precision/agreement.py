"""How far an adapted network in its engine and precision agrees with the original in 32-bit floats.

Both see the same drawn inputs. The original gets its planes from NumPy, so a fault in the graph's first or last nodes
shows as well as one of precision.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ocdrnet_deploy.catalog.description import NetworkDescription, Normalization
from ocdrnet_deploy.graphs.adapt import GRAY
from ocdrnet_deploy.graphs.signature import outputs
from ocdrnet_deploy.networks.prepare import Original
from ocdrnet_deploy.warm_up_image import warm_up_image
from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.image.resize import detector_input

CROPS = 24
_FREE_WIDTH = 320  # pixels of a crop of a network that takes any width
_LONGEST = 12  # characters


def drawn_tile(card: DetectorCard) -> npt.NDArray[np.uint8]:
    """An image of 1280 x 720 with a few lines, as the detector is fed it: uint8 [1, h, w, 3] BGR."""
    image = cv2.imdecode(np.frombuffer(warm_up_image(), np.uint8), cv2.IMREAD_COLOR)
    return detector_input(np.asarray(image, np.uint8), card).tiles[:1]


def drawn_crops(card: RecognizerCard) -> npt.NDArray[np.uint8]:
    """Crops with words of the recognizer's own letters, in many colours: uint8 [24, h, w, 3] BGR."""
    draw = random.Random(card.height)
    letters = [each for each in card.characters if each.isascii() and each.isprintable() and len(each) == 1] or ["0"]
    width = card.width or _FREE_WIDTH
    crops = []
    for index in range(CROPS):
        word = "".join(draw.choice(letters) for _ in range(2 + index % (_LONGEST - 1)))
        crops.append(_crop(word, draw, card.height, width, fills=bool(card.width)))
    return np.stack(crops)


def _crop(word: str, draw: random.Random, height: int, width: int, *, fills: bool) -> npt.NDArray[np.uint8]:
    """A word on one line; stretched to the whole crop, or left of an empty rest."""
    font = ImageFont.load_default(size=40)
    _, _, right, bottom = font.getbbox(word)
    dark, bright = (tuple(draw.randint(low, low + 80) for _ in range(3)) for low in (0, 170))
    ground, ink = draw.sample([dark, bright], 2)
    image = Image.new("RGB", (int(right) + 12, int(bottom) + 10), ground)
    ImageDraw.Draw(image).text((6, 2), word, fill=ink, font=font)
    own = width if fills else min(width, max(1, image.width * height // image.height))
    line = np.asarray(image.resize((own, height), Image.Resampling.BICUBIC))[..., ::-1]
    return np.pad(line, ((0, 0), (0, width - own), (0, 0)), mode="edge")


Array = npt.NDArray[Any]
CONFIDENT = 0.9  # ids that the original gives at least so much are compared: the others are a toss
LEAST_EQUAL = 0.99  # of those
FEWEST = 20  # of them; with fewer nothing is said
_BINARIZED = 76.5  # of 255: the threshold of most DBNets, 0.3
TEXT = 26  # of 255: pixels that either map gives so much are compared; the rest is background and always equal
# Levels of 255 that the map may be off where there is text, on average. Not at most: the default detector in bfloat16,
# whose boxes are as good as in FP32 (docs/tensorrt.md), is off by 0.5 to 1.5, and by up to 46 in single pixels.
MOST_OFF = 8.0


@dataclass(frozen=True)
class Agreement:
    """What was compared, and how much of it agrees.

    Attributes:
        kind: `ids` of time steps that the original is sure of, or `pixels` of a map, those of text.
        compared: how many.
        equal: share of the ids that are equal; of the pixels, that are on the same side of 0.3. 1 where there are none.
        off: mean difference of the probabilities, in levels of 255.
    """

    kind: str
    compared: int
    equal: float
    off: float

    @property
    def is_enough(self) -> bool:
        """Whether the network may be served; also where there was nothing to compare."""
        return self.compared < FEWEST or (self.equal >= LEAST_EQUAL if self.kind == "ids" else self.off <= MOST_OFF)

    def __str__(self) -> str:
        if self.compared < FEWEST:
            return f"{self.compared} {self.kind} of drawn text that FP32 is sure of: too few to compare"
        if self.kind == "ids":
            return f"{self.equal:.2%} of {self.compared} confident ids as in FP32"
        return f"map off by {self.off:.2g} of 255 on average where there is text"


def original_inputs(pixels: Array, normalization: Normalization) -> Array:
    """What the network was trained on: float32 [N, C, h, w] from uint8 [N, h, w, 3] BGR."""
    planes = pixels.astype(np.float32)
    if normalization.planes == "gray":
        planes = np.rint((planes * np.array(GRAY, np.float32)).sum(-1, keepdims=True))
    elif normalization.planes == "rgb":
        planes = planes[..., ::-1]
    scaled = (planes - np.array(normalization.mean)) * np.array(normalization.scale)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), np.float32)


def output_names(original: Original) -> list[str]:
    """Outputs of the original that its answer is in."""
    if original.description.answer == "ids":
        return ["output_id", "output_prob"]
    found = outputs(original.model)
    return [next((each.name for each in found if each.name == "pred"), found[0].name)]


def compare_maps(original: Mapping[str, Array], description: NetworkDescription, answered: Array) -> Agreement:
    """Of a detector: `answered` uint8 [N, 1, h, w] against the original's map."""
    expected = next(iter(original.values())).astype(np.float64).reshape(answered.shape)
    if description.answer == "logit-map":
        expected = 1 / (1 + np.exp(-expected))
    expected *= 255
    text = (expected > TEXT) | (answered > TEXT)
    compared = int(text.sum())
    if not compared:
        return Agreement("pixels", 0, 1.0, 0.0)
    same = (expected[text] > _BINARIZED) == (answered[text] > _BINARIZED)
    return Agreement("pixels", compared, float(same.mean()), float(np.abs(expected - answered)[text].mean()))


def compare_ids(
    original: Mapping[str, Array], description: NetworkDescription, ids: Array, probabilities: Array
) -> Agreement:
    """Of a recognizer: ids and probabilities [N, T] against those of the original."""
    expected, sure = best_ids(original, description)
    confident = sure >= CONFIDENT
    equal = ids == expected
    compared = int(confident.sum())
    if not compared:
        return Agreement("ids", 0, 1.0, 0.0)
    off = np.abs(probabilities - sure)[confident].mean() * 255
    return Agreement("ids", compared, float(np.mean(equal[confident])), float(off))


def best_ids(original: Mapping[str, Array], description: NetworkDescription) -> tuple[Array, Array]:
    """What a recognizer's original answered as ids of the pipeline, and their probabilities: [N, T] each."""
    if description.answer == "ids":
        return original["output_id"], original["output_prob"]
    scores = next(iter(original.values())).astype(np.float64)
    if description.answer == "class-logits":
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
    best = scores.argmax(-1)
    blank = description.blank % scores.shape[-1]
    if description.card.get("decoder") == "attention" and description.blank:
        return np.where(best == blank, 1, best + 2 - (best > blank)), scores.max(-1)
    return np.where(best == blank, 0, best + (best < blank)), scores.max(-1)

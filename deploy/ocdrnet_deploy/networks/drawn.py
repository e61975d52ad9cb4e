"""Inputs with text that a network is tried on: drawn here, so that they are on every machine and always the same."""

from __future__ import annotations

import random

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ocdrnet_deploy.server.first_picture import first_picture
from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.resize import detector_input

CROPS = 24
_FREE_WIDTH = 320  # pixels of a crop of a network that takes any width
_LONGEST = 12  # characters


def drawn_tile(card: DetectorCard) -> npt.NDArray[np.uint8]:
    """A picture of 1280 x 720 with a few lines, as the detector is fed it: uint8 [1, h, w, 3] BGR."""
    picture = cv2.imdecode(np.frombuffer(first_picture(), np.uint8), cv2.IMREAD_COLOR)
    return detector_input(np.asarray(picture, np.uint8), card).tiles[:1]


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
    picture = Image.new("RGB", (int(right) + 12, int(bottom) + 10), ground)
    ImageDraw.Draw(picture).text((6, 2), word, fill=ink, font=font)
    own = width if fills else min(width, max(1, picture.width * height // picture.height))
    line = np.asarray(picture.resize((own, height), Image.Resampling.BICUBIC))[..., ::-1]
    return np.pad(line, ((0, 0), (0, width - own), (0, 0)), mode="edge")

"""Model cards: what the pipeline must know about a network, as data beside its weights.

`ocdrnet models build` writes a `card.json` next to each network; the Python steps read it. Nothing about a
particular network stands in code.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ResizePolicy = Literal["stretch", "letterbox", "multiple-of-32"]
Decoder = Literal["ctc", "attention"]
Interpolation = Literal["linear", "cubic"]
Padding = Literal["gray", "black", "edge"]


# Gray 127 is 0 after PP-OCR's normalization. `edge` is none of one value.
PADDINGS: dict[Padding, int] = {"gray": 127, "black": 0, "edge": -1}


class CardError(ValueError):
    """A card lacks a field, has one too many, or a value that the pipeline cannot work with."""


@dataclass(frozen=True)
class DetectorCard:
    """A DBNet text detector: image to shrunk-text probability map.

    Attributes:
        name: the catalog's name of the network.
        source: where the weights come from.
        license: the weights' licence.
        sha256: of the original weights file, in hex.
        resize: `stretch` to `height` x `width`, `letterbox` into it, or the image's own size scaled so that its
            short side is `side` and rounded to a `multiple-of-32`.
        height: of a fixed input, in pixels; 0 when the size is free.
        width: of a fixed input, in pixels; 0 when the size is free.
        side: target of the short side in pixels, for `multiple-of-32`.
        max_side: upper limit of the long side in pixels, for `multiple-of-32`.
        binarize_threshold: probability above which a pixel is text, 0..1 (DBNet, section 3.4).
        box_threshold: mean probability a region needs to become a box, 0..1.
        unclip_ratio: growth of the shrunk region, r' in DBNet's equation D' = A' * r' / L'.
        min_size: short side in map pixels below which a region is noise.
        max_candidates: regions answered per image at most; what is over it is flagged.
        dilate: join regions one pixel apart before boxes are drawn (2x2 kernel).
    """

    name: str
    source: str
    license: str
    sha256: str
    resize: ResizePolicy
    height: int = 0
    width: int = 0
    side: int = 736
    max_side: int = 2016
    binarize_threshold: float = 0.3
    box_threshold: float = 0.5
    unclip_ratio: float = 1.5
    min_size: int = 3
    max_candidates: int = 1000
    dilate: bool = False

    def __post_init__(self) -> None:
        if self.resize not in ("stretch", "letterbox", "multiple-of-32"):
            raise CardError(f"detector {self.name}: unknown resize {self.resize!r}; stretch, letterbox, multiple-of-32")
        fixed = self.height > 0 and self.width > 0
        if fixed == (self.resize == "multiple-of-32"):
            raise CardError(f"detector {self.name}: {self.resize} does not go with size {self.height}x{self.width}")
        if self.height % 32 or self.width % 32:
            raise CardError(f"detector {self.name}: size {self.height}x{self.width} is not a multiple of 32")
        for field in ("binarize_threshold", "box_threshold"):
            _check_range(self, field, 0, 1)
        for field in ("side", "max_side", "min_size", "max_candidates"):
            _check_range(self, field, 1)
        for field in ("height", "width", "unclip_ratio"):
            _check_range(self, field, 0)


@dataclass(frozen=True)
class RecognizerCard:
    """A text recognizer: fixed-height crop to character ids.

    Attributes:
        name: the catalog's name of the network.
        source: where the weights come from.
        license: the weights' licence.
        sha256: of the original weights file, in hex.
        height: of the input, in pixels.
        width: of a fixed input in pixels, to which crops are stretched; 0 when the width is free.
        max_width: of a free input, in pixels; longer lines are read in pieces.
        stride: pixels of width per time step, for a free width.
        time_steps: of a fixed width; 0 where the network does not say.
        interpolation: between pixels when a crop is stretched to a fixed width; `linear`, or `cubic` as OCRNet's
            training has it.
        keep_aspect: scale a crop to the height, and to a fixed width only where it is wider: the rest is `padding`.
        padding: right of a short line, as the network was trained: `gray`, `black`, or its last column, `edge`.
        max_batch: crops that one run of the network takes at most; 0 where it does not limit them.
        decoder: `ctc` (blank is id 0) or `attention` ([GO] is id 0, [s] is id 1).
        characters: text of the ids that follow, from 1 or from 2 on.
        min_text_score: lines that score lower are not answered, 0..1.
        crop_margin: of a line's height, what a crop shows above and below its outline, 0..1; before and behind a line
            it shows more (`geometry.crop.SIDES`).
        shares: how many of the characters each of several recognizers has, in their order; empty where there is one.
    """

    name: str
    source: str
    license: str
    sha256: str
    height: int
    decoder: Decoder
    characters: tuple[str, ...]
    width: int = 0
    max_width: int = 3200
    stride: int = 8
    time_steps: int = 0
    interpolation: Interpolation = "linear"
    keep_aspect: bool = False
    padding: Padding = "gray"
    max_batch: int = 0
    min_text_score: float = 0.5
    crop_margin: float = 0.0
    shares: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.decoder not in ("ctc", "attention"):
            raise CardError(f"recognizer {self.name}: decoder is {self.decoder!r}; known are ctc, attention")
        if not self.characters:
            raise CardError(f"recognizer {self.name}: the character list is empty")
        if self.height <= 0 or self.stride <= 0:
            raise CardError(f"recognizer {self.name}: height {self.height} and stride {self.stride} must be positive")
        if not all(isinstance(character, str) for character in self.characters):
            raise CardError(f"recognizer {self.name}: the character list holds something that is no text")
        if self.decoder == "attention" and not self.width:
            raise CardError(f"recognizer {self.name}: attention goes with a fixed width; its steps are no places")
        if self.interpolation not in ("linear", "cubic"):
            raise CardError(f"recognizer {self.name}: interpolation is {self.interpolation!r}; known are linear, cubic")
        if self.padding not in PADDINGS:
            raise CardError(f"recognizer {self.name}: padding is {self.padding!r}; known are {', '.join(PADDINGS)}")
        if not isinstance(self.keep_aspect, bool):
            raise CardError(f"recognizer {self.name}: keep_aspect is {self.keep_aspect!r}; it must be true or false")
        if self.shares and (self.decoder != "ctc" or self.width):
            raise CardError(f"recognizer {self.name}: several recognizers must be CTC ones of a free width")
        if self.shares and (min(self.shares) < 1 or sum(self.shares) != len(self.characters)):
            raise CardError(
                f"recognizer {self.name}: the shares {self.shares} are not of {len(self.characters)} characters"
            )
        for field in ("width", "time_steps", "max_batch"):
            _check_range(self, field, 0)
        _check_range(self, "max_width", 1)
        _check_range(self, "min_text_score", 0, 1)
        _check_range(self, "crop_margin", 0, 1)

    @functools.cached_property
    def known(self) -> frozenset[str]:
        """All characters; made once, for it takes a millisecond with a list of 18,000."""
        return frozenset(self.characters)

    @functools.cached_property
    def space_ids(self) -> tuple[int, ...]:
        """Ids of characters that are white space."""
        first = 2 if self.decoder == "attention" else 1
        return tuple(index for index, character in enumerate(self.characters, first) if not character.strip())


def read_detector_card(path: Path) -> DetectorCard:
    """Read a detector's card.

    Raises:
        CardError: a field is missing, unknown or out of range.
    """
    fields = _fields(path, DetectorCard)
    try:
        return DetectorCard(**fields)
    except TypeError as error:
        raise CardError(f"{path}: {error}") from None


def read_recognizer_card(path: Path) -> RecognizerCard:
    """Read a recognizer's card.

    Raises:
        CardError: a field is missing, unknown or out of range.
    """
    fields = _fields(path, RecognizerCard)
    try:
        return RecognizerCard(**fields | {name: tuple(fields.get(name, ())) for name in ("characters", "shares")})
    except TypeError as error:
        raise CardError(f"{path}: {error}") from None


def card_json(card: DetectorCard | RecognizerCard) -> str:
    """The card as JSON text, readable by the function that made it."""
    return json.dumps(dataclasses.asdict(card), ensure_ascii=False, indent=1) + "\n"


def _check_range(card: DetectorCard | RecognizerCard, field: str, low: float, high: float = math.inf) -> None:
    value = getattr(card, field)
    if not low <= value <= high or math.isinf(value):
        raise CardError(f"{card.name}: {field} is {value!r}; it must be from {low:g} to {high:g}")


def _fields(path: Path, kind: type[DetectorCard] | type[RecognizerCard]) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CardError(f"{path}: not JSON in UTF-8: {error}") from None
    if not isinstance(fields, dict):
        raise CardError(f"{path}: a card is a JSON object, not a {type(fields).__name__}")
    if unknown := sorted(set(fields) - {field.name for field in dataclasses.fields(kind)}):
        raise CardError(f"{path}: unknown field {unknown[0]!r}")
    return fields

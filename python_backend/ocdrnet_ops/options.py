"""Options of one request: names, types, ranges and help, in one place for server, client, command line and docs.

A number that a request leaves out has the default of the model card, a choice its first word. Options travel as Triton
request parameters; over HTTP also as headers (`ocdrnet-box-threshold: 0.6`), so that a raw `curl --data-binary` can
set them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, TypeAlias, TypedDict

from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.option_kinds import ChoiceOption, NumberOption, Option, OptionValue, TextOption, shown

HEADER_PREFIX = "ocdrnet-"
Options: TypeAlias = Mapping[str, OptionValue]

BINARIZE_THRESHOLD = NumberOption(
    "binarize_threshold", float, 0.01, 0.99, "Probability above which a pixel counts as text."
)
BOX_THRESHOLD = NumberOption("box_threshold", float, 0.0, 1.0, "Mean probability a region needs to become a box.")
UNCLIP_RATIO = NumberOption("unclip_ratio", float, 0.0, 5.0, "How far a detected region is grown to hold its text.")
MAX_CANDIDATES = NumberOption(
    "max_candidates", int, 1, 10_000, "Boxes per image at most; over it the answer is flagged as truncated."
)
MIN_SIZE = NumberOption(
    "min_size", int, 1, 1000, "Short side, in pixels of the detector's map, below which a region is noise."
)
DETECTOR_SIDE = NumberOption(
    "detector_side", int, 32, 4096, "Short side in pixels to which the image is scaled for the detector."
)
TILING = ChoiceOption(
    "tiling",
    ("auto", "off", "on"),
    "Whether the detector sees a large image in overlapping tiles; `auto`: where the whole would shrink too much.",
)
GEOMETRY = ChoiceOption(
    "geometry", ("quad", "polygon"), "Shape of a line's outline; `polygon` follows curved text and straightens it."
)
UPSIDE_DOWN = ChoiceOption(
    "upside_down",
    ("auto", "off", "on"),
    "Whether lines are also read turned; `auto`: those whose first reading is doubtful.",
)
CHARSET = TextOption(
    "charset",
    1000,
    "Characters that may be read: `all`, a named set such as `digits` or `latin`, or the characters themselves.",
)
MIN_TEXT_SCORE = NumberOption("min_text_score", float, 0.0, 1.0, "Lines whose text scores lower are left out.")
MERGE = ChoiceOption("merge", ("line", "word", "paragraph"), "What one box of the answer holds.")

OPTIONS: tuple[Option, ...] = (
    BINARIZE_THRESHOLD,
    BOX_THRESHOLD,
    UNCLIP_RATIO,
    MAX_CANDIDATES,
    MIN_SIZE,
    DETECTOR_SIDE,
    TILING,
    GEOMETRY,
    UPSIDE_DOWN,
    CHARSET,
    MIN_TEXT_SCORE,
    MERGE,
)


class ReadOptions(TypedDict, total=False):
    """`OPTIONS` as keywords of `Client.read`, so that an editor completes them and a type checker checks them."""

    binarize_threshold: float
    box_threshold: float
    unclip_ratio: float
    max_candidates: int
    min_size: int
    detector_side: int
    tiling: Literal["auto", "off", "on"]
    geometry: Literal["quad", "polygon"]
    upside_down: Literal["auto", "off", "on"]
    charset: str
    min_text_score: float
    merge: Literal["line", "word", "paragraph"]


_BY_NAME = {option.name: option for option in OPTIONS}


def parse_options(parameters: Mapping[str, object]) -> dict[str, OptionValue]:
    """Options that a request sets, checked.

    Args:
        parameters: as Triton hands them over: option names, or their header form with `ocdrnet-` in front; numbers
            may be strings.

    Raises:
        OptionError: a name is unknown, or a value is out of range.
    """
    options: dict[str, OptionValue] = {}
    for given, value in parameters.items():
        name = given.lower().removeprefix(HEADER_PREFIX).replace("-", "_")
        if name not in _BY_NAME:
            raise OptionError(f"unknown parameter {shown(given)}; known are {', '.join(sorted(_BY_NAME))}")
        options[name] = _BY_NAME[name].parse(value)
    return options


def parse_request_parameters(text: str) -> dict[str, OptionValue]:
    """`parse_options` for the JSON text that the Python backend's `request.parameters()` returns."""
    return parse_options(json.loads(text) if text else {})


def choice(options: Options, option: ChoiceOption) -> str:
    """What a request chose, or the default."""
    return str(options.get(option.name, option.choices[0]))


def number(options: Options, option: NumberOption, default: float) -> float:
    """A number that a request set, or the default."""
    return float(options.get(option.name, default))

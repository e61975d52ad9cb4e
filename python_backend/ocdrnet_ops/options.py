"""The options of a request: their names, types, ranges and help, in one place for server, client and docs.

A number that a request leaves out has the default of the model card, a choice its first word. Options travel as Triton
request parameters; over HTTP also as headers (`ocdrnet-box-threshold: 0.6`), so that a raw `curl --data-binary` can
set them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Literal, TypeAlias, TypedDict

from ocdrnet_ops.errors import OptionError

OptionValue: TypeAlias = int | float | str
LONGEST_SHOWN = 80  # characters of a value in a message: gRPC drops an answer whose message is over 16 KiB


@dataclass(frozen=True)
class NumberOption:
    """A number within an inclusive range.

    Attributes:
        name: of the request parameter.
        kind: `int` or `float`.
        low: lowest value.
        high: highest value.
        help: a sentence.
    """

    name: str
    kind: type[int] | type[float]
    low: float
    high: float
    help: str

    @property
    def type_name(self) -> str:
        """As the docs name it."""
        return self.kind.__name__

    @property
    def allowed(self) -> str:
        """The range in words."""
        return f"{self.low:g} to {self.high:g}"

    @property
    def ends(self) -> tuple[OptionValue, ...]:
        """Lowest and highest value."""
        return self.kind(self.low), self.kind(self.high)

    def parse(self, value: object) -> int | float:
        """The value as a number within the range.

        Raises:
            OptionError: `value` is no number of this kind, or out of range.
        """
        number = self._number(value)
        if number is None or not self.low <= number <= self.high:
            what = "an integer" if self.kind is int else "a number"
            raise OptionError(f"{self.name} is {shown(value)}; it must be {what} from {self.allowed}")
        return number

    def _number(self, value: object) -> int | float | None:
        if isinstance(value, bool) or not isinstance(value, (Real, str)):
            return None
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
        if self.kind is int:
            return int(number) if number.is_integer() else None
        return number


@dataclass(frozen=True)
class ChoiceOption:
    """One of several words; the first is the default.

    Attributes:
        name: of the request parameter.
        choices: what it may be.
        help: a sentence.
    """

    name: str
    choices: tuple[str, ...]
    help: str

    type_name = "choice"

    @property
    def allowed(self) -> str:
        """The choices, separated by commas."""
        return ", ".join(self.choices)

    @property
    def ends(self) -> tuple[OptionValue, ...]:
        """Every choice."""
        return self.choices

    def parse(self, value: object) -> str:
        """The choice, in lower case.

        Raises:
            OptionError: `value` is none of them.
        """
        choice = value.strip().lower() if isinstance(value, str) else None
        if choice not in self.choices:
            raise OptionError(f"{self.name} is {shown(value)}; it must be one of {self.allowed}")
        return choice


@dataclass(frozen=True)
class TextOption:
    """A text of limited length.

    Attributes:
        name: of the request parameter.
        longest: characters at most.
        help: a sentence.
    """

    name: str
    longest: int
    help: str

    type_name = "text"

    @property
    def allowed(self) -> str:
        """The length in words."""
        return f"1 to {self.longest} characters"

    @property
    def ends(self) -> tuple[OptionValue, ...]:
        """A shortest and a longest text."""
        return "0", "0" * self.longest

    def parse(self, value: object) -> str:
        """The text as it is.

        Raises:
            OptionError: `value` is no text, empty, or too long.
        """
        if not isinstance(value, str) or not 1 <= len(value) <= self.longest:
            raise OptionError(f"{self.name} is {shown(value)}; it must be a text of {self.allowed}")
        return value


Option: TypeAlias = NumberOption | ChoiceOption | TextOption


def shown(value: object) -> str:
    """A value as a message shows it, shortened."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}... ({len(text):,} characters)"


HEADER_PREFIX = "ocdrnet-"
Options: TypeAlias = Mapping[str, OptionValue]

BINARIZE_THRESHOLD = NumberOption(
    "binarize_threshold", float, 0.01, 0.99, "Probability above which a pixel counts as text."
)
BOX_THRESHOLD = NumberOption("box_threshold", float, 0.0, 1.0, "Mean probability a region needs to become a box.")
UNCLIP_RATIO = NumberOption("unclip_ratio", float, 0.0, 5.0, "How far a detected region is grown to hold its text.")
MAX_CANDIDATES = NumberOption(
    "max_candidates",
    int,
    1,
    10_000,
    "Boxes per image at most, within what the repository was built for; over it the answer is flagged as truncated.",
)
MIN_SIZE = NumberOption(
    "min_size", int, 1, 1000, "Short side, in pixels of the detector's map, below which a region is noise."
)
DETECTOR_SIDE = NumberOption(
    "detector_side",
    int,
    32,
    4096,
    "Short side in pixels to which the image is scaled for the detector; a detector of fixed size refuses it.",
)
TILING = ChoiceOption(
    "tiling",
    ("auto", "off", "on"),
    "Whether the detector sees a large image in overlapping tiles; `auto`: where the whole does not show all of it.",
)
GEOMETRY = ChoiceOption(
    "geometry", ("quad", "polygon"), "Shape of a line's outline in the answer; `polygon` follows curved text."
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
CHARACTERS = ChoiceOption("characters", ("off", "on"), "Whether the answer tells where each character of a word is.")

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
    CHARACTERS,
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
    characters: Literal["off", "on"]


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

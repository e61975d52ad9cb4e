"""Options of one request: names, types, ranges and help, in one place for server, client, command line and docs.

An option that a request leaves out has the default of the model card. Options travel as Triton request parameters;
over HTTP also as headers (`ocdrnet-box-threshold: 0.6`), so that a raw `curl --data-binary` can set them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

from ocdrnet_ops.errors import OptionError

HEADER_PREFIX = "ocdrnet-"
LONGEST_SHOWN = 80  # characters of a value in a message: gRPC drops an answer whose message is over 16 KiB


@dataclass(frozen=True)
class Option:
    """One request option: an inclusive range of numbers and a sentence of help."""

    name: str
    kind: type[int] | type[float]
    low: float
    high: float
    help: str

    def parse(self, value: object) -> int | float:
        """The value as a number within the range.

        Raises:
            OptionError: `value` is no number of this kind, or out of range.
        """
        number = self._number(value)
        if number is None or not self.low <= number <= self.high:
            what = "an integer" if self.kind is int else "a number"
            raise OptionError(f"{self.name} is {_shown(value)}; it must be {what} from {self.low:g} to {self.high:g}")
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


OPTIONS: tuple[Option, ...] = (
    Option("binarize_threshold", float, 0.01, 0.99, "Probability above which a pixel counts as text."),
    Option("box_threshold", float, 0.0, 1.0, "Mean probability a region needs to become a box."),
    Option("unclip_ratio", float, 0.0, 5.0, "How far a detected region is grown to hold its text."),
    Option(
        "max_candidates",
        int,
        1,
        10_000,
        "Boxes per image at most; over it the answer is flagged as truncated.",
    ),
    Option(
        "min_size",
        int,
        1,
        1000,
        "Short side, in pixels of the detector's map, below which a region is noise.",
    ),
    Option("detector_side", int, 32, 4096, "Short side in pixels to which the image is scaled for the detector."),
    Option("min_text_score", float, 0.0, 1.0, "Lines whose text scores lower are left out."),
)
_BY_NAME = {option.name: option for option in OPTIONS}


def parse_options(parameters: Mapping[str, object]) -> dict[str, int | float]:
    """Options that a request sets, checked.

    Args:
        parameters: as Triton hands them over: option names, or their header form with `ocdrnet-` in front; numbers
            may be strings.

    Raises:
        OptionError: a name is unknown, or a value is out of range.
    """
    options: dict[str, int | float] = {}
    for given, value in parameters.items():
        name = given.lower().removeprefix(HEADER_PREFIX).replace("-", "_")
        if name not in _BY_NAME:
            raise OptionError(f"unknown parameter {_shown(given)}; known are {', '.join(sorted(_BY_NAME))}")
        options[name] = _BY_NAME[name].parse(value)
    return options


def parse_request_parameters(text: str) -> dict[str, int | float]:
    """`parse_options` for the JSON text that the Python backend's `request.parameters()` returns."""
    return parse_options(json.loads(text) if text else {})


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}... ({len(text):,} characters)"

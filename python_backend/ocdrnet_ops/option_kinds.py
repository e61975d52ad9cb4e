"""Kinds of request options: a number in a range, one of several words, a text."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TypeAlias

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

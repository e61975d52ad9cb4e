"""Strict reading of JSON: a key that is missing or of another kind is an error that names its place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from ocdrnet_deploy.planning.errors import MeasurementError

T = TypeVar("T")


class Fields:
    """A JSON object and where it stands in its file."""

    def __init__(self, data: object, place: str) -> None:
        """Take an object.

        Args:
            data: parsed JSON.
            place: dotted path, for messages; empty for the whole file.

        Raises:
            MeasurementError: it is no object.
        """
        if not isinstance(data, Mapping):
            raise MeasurementError(f"{place or 'the file'} is {_shown(data)}; it must be an object")
        self._data: Mapping[str, Any] = data
        self._place = place

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self._data.get(key) is not None

    def knows(self, key: str) -> bool:
        """Whether the key is there, be it null."""
        return key in self._data

    def place(self, key: str) -> str:
        """The dotted path of a key."""
        return f"{self._place}.{key}" if self._place else key

    def number(self, key: str) -> float:
        """A finite number from 0 on."""
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise MeasurementError(f"{self.place(key)} is {_shown(value)}; it must be a number from 0 on")
        return float(value)

    def count(self, key: str) -> int:
        """A whole number from 0 on."""
        value = self._value(key)
        if type(value) is not int or value < 0:
            raise MeasurementError(f"{self.place(key)} is {_shown(value)}; it must be a whole number from 0 on")
        return value

    def text(self, key: str) -> str:
        """A string."""
        return self._of(str, key, "text")

    def flag(self, key: str) -> bool:
        """True or false."""
        return self._of(bool, key, "true or false")

    def names(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        items = self._of(list, key, "a list")
        if not all(isinstance(item, str) for item in items):
            raise MeasurementError(f"{self.place(key)} is {_shown(items)}; it must be a list of names")
        return tuple(items)

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of numbers from 0 on."""
        items = self._of(list, key, "a list")
        entries = Fields({str(index): item for index, item in enumerate(items)}, self.place(key))
        return tuple(entries.number(str(index)) for index in range(len(items)))

    def sub(self, key: str) -> Fields:
        """An object."""
        return Fields(self._value(key), self.place(key))

    def each(self, key: str) -> Iterator[Fields]:
        """The objects of a list."""
        for index, item in enumerate(self._of(list, key, "a list")):
            yield Fields(item, f"{self.place(key)}[{index}]")

    def keys(self) -> tuple[str, ...]:
        """All keys."""
        return tuple(self._data)

    def _value(self, key: str) -> Any:  # noqa: ANN401 (JSON)
        if key not in self._data:
            raise MeasurementError(f"{self.place(key)} is missing")
        return self._data[key]

    def _of(self, kind: type[T], key: str, name: str) -> T:
        value = self._value(key)
        if not isinstance(value, kind):
            raise MeasurementError(f"{self.place(key)} is {_shown(value)}; it must be {name}")
        return value


def _shown(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."

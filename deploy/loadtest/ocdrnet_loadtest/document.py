"""Dataclasses from JSON: checks every key and type, and names the place of what does not fit."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from ocdrnet_loadtest.errors import ResultFileError

T = TypeVar("T")


def parsed(kind: type[T], data: object, place: str = "result") -> T:
    """A dataclass made from what `dataclasses.asdict` and JSON left of it.

    Keys that the dataclass lacks are ignored, so that an older reader takes a newer file of the same version.

    Raises:
        ResultFileError: a key is missing or a value is of another type; the text names its place.
    """
    if not isinstance(data, Mapping):
        raise ResultFileError(f"{place} is {_shown(data)}; it must be an object")
    hints = get_type_hints(kind)
    values = {}
    for field in fields(cast(Any, kind)):
        if field.name in data:
            values[field.name] = _value(hints[field.name], data[field.name], f"{place}.{field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ResultFileError(f"{place} has no key {field.name!r}")
    return kind(**values)


def _value(hint: object, data: object, place: str) -> object:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return None if data is None else _value(inner, data, place)
    if origin is tuple:
        items = _checked(list, data, place, "a list")
        return tuple(_value(arguments[0], item, f"{place}[{index}]") for index, item in enumerate(items))
    if origin is dict:
        entries = _checked(dict, data, place, "an object")
        return {key: _value(arguments[1], item, f"{place}.{key}") for key, item in entries.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        return parsed(hint, data, place)
    return _scalar(hint, data, place)


def _scalar(hint: object, data: object, place: str) -> object:
    if hint is Any:
        return data
    if hint is float:
        # bool is an int to Python, and JSON writes 2.0 as 2.
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            raise ResultFileError(f"{place} is {_shown(data)}; it must be a number")
        return float(data)
    if type(data) is not hint:
        raise ResultFileError(f"{place} is {_shown(data)}; it must be of type {getattr(hint, '__name__', hint)}")
    return data


def _checked(kind: type[T], data: object, place: str, name: str) -> T:
    if not isinstance(data, kind):
        raise ResultFileError(f"{place} is {_shown(data)}; it must be {name}")
    return data


def _shown(data: object) -> str:
    text = repr(data)
    return text if len(text) <= 40 else f"{text[:37]}..."

"""Durations, shares, rates and memory as people write them: `300ms`, `0.1%`, `5`, `2MiB`."""

from __future__ import annotations

import math
import re

from ocdrnet_loadtest.errors import SettingError

_DURATIONS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
_MEMORY = {"B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KIB": 2.0**10, "MIB": 2.0**20, "GIB": 2.0**30}
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([A-Za-z%/]*)")


def duration(text: str) -> float:
    """Seconds of `300ms`, `1.5s`, `2min` or a bare `0.3`.

    Raises:
        SettingError: it is something else, or 0.
    """
    number, unit = _split(text, "a duration such as 300ms, 1.5s or 2min")
    if (unit and unit not in _DURATIONS) or number == 0:
        raise SettingError(f"{text!r} is no duration above 0; write it such as 300ms, 1.5s or 2min")
    return number * _DURATIONS[unit or "s"]


def share(text: str) -> float:
    """0 to 1 of `0.1%` or a bare `0.001`.

    Raises:
        SettingError: it is something else, or over 100 %.
    """
    number, unit = _split(text, "a share such as 0.1% or 0.001")
    value = number / 100 if unit == "%" else number
    if unit not in ("", "%") or value > 1:
        raise SettingError(f"{text!r} is no share from 0 to 100%; write it such as 0.1% or 0.001")
    return value


def rate(text: str) -> float:
    """One per second, of `5`, `5/s` or `0.5`.

    Raises:
        SettingError: it is something else, or 0.
    """
    number, unit = _split(text, "a rate such as 5 or 5/s")
    if unit not in ("", "/s") or number == 0:
        raise SettingError(f"{text!r} is no rate above 0; write it such as 5 or 5/s")
    return number


def ratio(text: str) -> float:
    """A plain number above 0, of `4` or `4x`.

    Raises:
        SettingError: it is something else.
    """
    number, unit = _split(text, "a ratio such as 4")
    if unit not in ("", "x") or number == 0:
        raise SettingError(f"{text!r} is no ratio above 0; write it such as 4")
    return number


def memory(text: str) -> float:
    """Bytes of `2MiB`, `500KB` or a bare `1000`.

    Raises:
        SettingError: it is something else.
    """
    number, unit = _split(text, "an amount of memory such as 2MiB")
    if unit.upper() not in ("", *_MEMORY):
        raise SettingError(f"{text!r} is no amount of memory; write it such as 2MiB or 500KB")
    return number * _MEMORY[unit.upper() or "B"]


def shown_duration(seconds: float) -> str:
    """Three digits with the unit that fits: `12.3 ms`, `1.23 s`."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else f"{_digits(seconds)} s"


def shown_rate(value: float) -> str:
    """Three digits: `4.92/s`, `118/s`."""
    return f"{_digits(value)}/s"


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _split(text: str, expected: str) -> tuple[float, str]:
    match = _NUMBER.fullmatch(text.strip())
    if match is None or not math.isfinite(float(match[1])):
        raise SettingError(f"{text!r} is not {expected}")
    return float(match[1]), match[2]

"""Times, rates and shares as people write them: `300ms`, `2000`, `20%`."""

from __future__ import annotations

import math
import re

from ocdrnet_deploy.planning.errors import QuantityError

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "": 1.0}
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([a-z%/]*)")


def duration(text: str) -> float:
    """Seconds of `300ms`, `1.5s`, `2min` or a bare `0.3`.

    Raises:
        QuantityError: it is something else, or 0.
    """
    return _read(text, _SECONDS, "time above 0, such as 300ms or 1.5s")


def rate(text: str) -> float:
    """One per second, of `2000`, `2000/s` or `0.5`.

    Raises:
        QuantityError: it is something else, or 0.
    """
    return _read(text, {"": 1.0, "/s": 1.0}, "rate above 0, such as 2000 or 2000/s")


def share(text: str) -> float:
    """Above 0, of `20%` or `0.2`.

    Raises:
        QuantityError: it is something else, or 0.
    """
    return _read(text, {"": 1.0, "%": 0.01}, "share above 0, such as 20% or 0.2")


def shown_seconds(seconds: float) -> str:
    """Three digits with the unit that fits: `12.3 ms`, `1.23 s`."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def _read(text: str, units: dict[str, float], wanted: str) -> float:
    match = _NUMBER.fullmatch(text.strip())
    if match is None or match[2] not in units or not 0 < float(match[1]) < math.inf:
        raise QuantityError(f"{text!r} is no {wanted}")
    return float(match[1]) * units[match[2]]

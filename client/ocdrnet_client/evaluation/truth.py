"""The layout that ICDAR 2015 and SROIE share: a region a line, `x1,y1,x2,y2,x3,y3,x4,y4,text`."""

from __future__ import annotations

import math

from ocdrnet_client.evaluation.errors import TruthError
from ocdrnet_client.evaluation.regions import Region

# What both sets write in place of a text that nobody can read.
DONT_CARE = "###"
_COORDINATES = 8
_EXPECTED = "x1,y1,x2,y2,x3,y3,x4,y4,text"


def parse_regions(content: str, name: str) -> tuple[Region, ...]:
    """The regions of one picture's truth file.

    Args:
        content: of the file; lines without anything are passed over, and the text may contain commas.
        name: of the file, for errors.

    Raises:
        TruthError: a line is not in the layout.
    """
    lines = enumerate(content.removeprefix("\ufeff").split("\n"), 1)
    return tuple(_region(line.strip(), f"{name}, line {number}") for number, line in lines if line.strip())


def _region(line: str, place: str) -> Region:
    parts = line.split(",", _COORDINATES)
    if len(parts) <= _COORDINATES:
        raise TruthError(f"{place}: {_short(line)} has {len(parts)} fields; expected {_EXPECTED}")
    numbers = [_coordinate(part, place) for part in parts[:_COORDINATES]]
    text = parts[_COORDINATES].strip()
    return Region(text, tuple(zip(numbers[::2], numbers[1::2], strict=True)), text == DONT_CARE)


def _coordinate(part: str, place: str) -> float:
    try:
        number = float(part)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise TruthError(f"{place}: {_short(part)} is no coordinate; expected {_EXPECTED}")
    return number


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")

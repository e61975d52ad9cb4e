"""Least values of figures, so that a change for the worse fails a build."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from ocdrnet_client.evaluation.errors import FloorsError

# A note for people, in a format that has no comments.
_COMMENT = "comment"
# Of these less is better, so that their floor is a ceiling.
_CEILINGS = ("character_error_rate", "seconds_per_image.")


def parse_floors(content: str, name: str) -> dict[str, float]:
    """The floors of a file: a JSON object of dotted figures and numbers, and perhaps a `comment`.

    Raises:
        FloorsError: it is anything else.
    """
    try:
        floors = json.loads(content)
    except ValueError as error:
        raise FloorsError(f"{name} is not JSON: {error}") from error
    if not isinstance(floors, dict):
        raise FloorsError(f"{name} holds no object such as {{'detection.hmean': 0.7}}")
    floors.pop(_COMMENT, None)
    for figure, floor in floors.items():
        if isinstance(floor, bool) or not isinstance(floor, (int, float)):
            raise FloorsError(f"{name}: the floor of {figure} is {floor!r}; it must be a number")
    return floors


def check_names(floors: Mapping[str, float], known: Mapping[str, object], name: str) -> None:
    """Refuse floors of figures that this evaluation does not have, which would never be held.

    Raises:
        FloorsError: there is one; the text lists those that there are.
    """
    if unknown := [figure for figure in floors if figure not in known]:
        raise FloorsError(f"{name}: no figure {unknown[0]!r} here; there are {', '.join(known)}")


def under_floors(floors: Mapping[str, float], figures: Mapping[str, float | None]) -> Iterator[str]:
    """A sentence for each figure that is worse than its floor, or that could not be told."""
    for figure, floor in floors.items():
        value = figures[figure]
        if value is None:
            yield f"{figure} is unknown; its floor is {floor:g}"
        elif figure.startswith(_CEILINGS) and value > floor:
            yield f"{figure} is {value:g}, over its ceiling {floor:g}"
        elif not figure.startswith(_CEILINGS) and value < floor:
            yield f"{figure} is {value:g}, under its floor {floor:g}"

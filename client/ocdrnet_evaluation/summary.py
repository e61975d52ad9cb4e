"""The figures of `ocdrnet eval` as text, and whether they are above their floors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ocdrnet_evaluation.errors import FloorsError

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


ROWS = {
    "detection": "detection",
    "end_to_end": "end to end",
    "end_to_end_weak": "end to end, weak lexicon",
    "end_to_end_strong": "end to end, strong lexicon",
    "bag_of_words": "bag of words",
}
_NAME_WIDTH = max(map(len, ROWS.values()))


def rates(figures: Mapping[str, Any]) -> Iterator[tuple[str, float, float, float]]:
    """Each row of the table that these figures have: its name, precision, recall and hmean."""
    for key, name in ROWS.items():
        if key in figures:
            row = figures[key]
            yield name, row["precision"], row["recall"], row.get("hmean", row.get("f1"))


def notes(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What stands below the table: a name and a sentence each."""
    if (rate := figures["character_error_rate"]) is not None:
        where = f" of matched {figures['level']}s" if "matched" in figures else ""
        yield (
            "character error rate",
            f"{rate:.2%}, {figures['edits']} edits in {figures['characters']} characters{where}",
        )
    if (median := figures["seconds_per_image"]["median"]) is not None:
        p95 = figures["seconds_per_image"]["p95"]
        yield "time per image", f"median {median:.3f} s, 95 % within {p95:.3f} s, concurrency {figures['concurrency']}"
    if figures["failed"]:
        yield "failed", ", ".join(figures["failed"])


def title(figures: Mapping[str, Any]) -> str:
    """The set, and how much of it there is."""
    count = figures["images"]
    parts = [f"{figures['dataset']}: {count} {'image' if count == 1 else 'images'}"]
    if "truth" in figures:
        level = figures["level"]
        parts.append(f"{figures['truth']} {level}s of truth, {figures['read']} read, {figures['matched']} matched")
    return ", ".join(parts)


def table(figures: Mapping[str, Any]) -> str:
    """All of it, for a terminal."""
    lines = [title(figures), "", f"{'':{_NAME_WIDTH}}  precision  recall   hmean"]
    lines += [f"{name:{_NAME_WIDTH}}  {p:9.4f}  {r:6.4f}  {h:6.4f}" for name, p, r, h in rates(figures)]
    lines.append("")
    lines += [f"{name:{_NAME_WIDTH}}  {text}" for name, text in notes(figures)]
    return "\n".join(lines)

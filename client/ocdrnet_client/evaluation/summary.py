"""The figures as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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

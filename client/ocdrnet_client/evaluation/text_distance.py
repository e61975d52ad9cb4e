"""When two texts count as equal, and how far apart they are otherwise."""

from __future__ import annotations

import re


def normalized(text: str) -> str:
    """The text's letters a to z and digits in lower case; texts with the same ones count as equal."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def words(text: str) -> list[str]:
    """Runs of letters a to z and digits, in lower case."""
    return re.findall(r"[a-z0-9]+", text.lower())


def folded(text: str) -> str:
    """The text with each run of white space as one space, none at the ends."""
    return " ".join(text.split())


def edits(first: str, second: str) -> int:
    """Insertions, deletions and replacements of characters that make one text the other (Levenshtein).

    Myers' bit-parallel algorithm in Hyyrö's form (H. Hyyrö, "Explaining and extending the bit-parallel approximate
    string matching algorithm of Myers", 2001, figure 3): a column of the table is two integers, one bit a row, so
    that a page against a page takes milliseconds.
    """
    if not first or not second:
        return len(first) + len(second)
    rows = _rows_by_character(first)
    every, last, distance = (1 << len(first)) - 1, 1 << (len(first) - 1), len(first)
    # Bits of the rows at which the column rises, or falls, by one from the row above.
    rises, falls = every, 0
    for character in second:
        equal = rows.get(character, 0)
        diagonal = (((equal & rises) + rises) ^ rises) | equal | falls
        right_rises = (falls | ~(diagonal | rises)) & every
        right_falls = rises & diagonal
        distance += bool(right_rises & last) - bool(right_falls & last)
        right_rises, right_falls = right_rises << 1 | 1, right_falls << 1
        rises = (right_falls | ~(diagonal | right_rises)) & every
        falls = right_rises & diagonal & every
    return distance


def _rows_by_character(text: str) -> dict[str, int]:
    rows: dict[str, int] = {}
    for index, character in enumerate(text):
        rows[character] = rows.get(character, 0) | 1 << index
    return rows

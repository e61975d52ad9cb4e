"""Edit distances of texts, and matching by a lexicon."""

from __future__ import annotations

import re
from collections.abc import Iterable


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


NONE, WEAK, STRONG = "none", "weak", "strong"


class Lexicon:
    """Entries, each once, compared by their letters a to z and digits."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Take the entries in order; those that are the same by letters and digits, or have none, are left out."""
        self._entries: dict[str, str] = {}
        for entry in entries:
            if key := normalized(entry):
                self._entries.setdefault(key, entry)
        self._closest: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def closest(self, text: str) -> str:
        """The entry with the fewest edits from a text; the text itself where there is no entry or nothing to compare.

        Of entries equally far, that whose length is nearest to the text's wins, then the first listed. There is no
        largest distance: the competition leaves to its participants when a text is too far from any entry.
        """
        key = normalized(text)
        if not key or not self._entries:
            return text
        if key not in self._closest:
            self._closest[key] = self._entries.get(key) or self._search(key)
        return self._closest[key]

    def _search(self, key: str) -> str:
        best, fewest = "", float("inf")
        for entry in sorted(self._entries, key=lambda entry: abs(len(entry) - len(key))):
            # Texts are at least as far apart as their lengths, so that none of those that follow is closer.
            if abs(len(entry) - len(key)) >= fewest:
                break
            if (distance := edits(key, entry)) < fewest:
                best, fewest = entry, distance
        return self._entries[best]

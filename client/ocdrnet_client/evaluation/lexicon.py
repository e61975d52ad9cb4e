"""Reading with a list of words: each text that was read becomes the entry it is closest to."""

from __future__ import annotations

from collections.abc import Iterable

from ocdrnet_client.evaluation.text_distance import edits, normalized

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

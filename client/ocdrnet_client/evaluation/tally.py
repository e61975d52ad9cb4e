"""Precision, recall and their harmonic mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tally:
    """Counts of what there was, what was read, and what of it was right.

    Attributes:
        truth: things in the truth.
        read: things that were read.
        right: things in both, at most the smaller of the two.
    """

    truth: int = 0
    read: int = 0
    right: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.truth + other.truth, self.read + other.read, self.right + other.right)

    @property
    def precision(self) -> float:
        """Share of what was read that is right, 0 to 1; 0 if nothing was read."""
        return self.right / max(self.read, 1)

    @property
    def recall(self) -> float:
        """Share of the truth that was read, 0 to 1; 0 if there is no truth."""
        return self.right / max(self.truth, 1)

    @property
    def hmean(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1, also called F1."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    @property
    def mark(self) -> float:
        """`hmean`, but 1 where there is nothing to read and nothing was read: what one picture deserves."""
        return 1.0 if self.truth == self.read == 0 else self.hmean

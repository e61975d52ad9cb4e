"""What stands in an image and where: the content of the JSON file beside each sample."""

from dataclasses import dataclass
from typing import Any

from samples.drawing.geometry import Matrix, Quad, project


@dataclass(frozen=True)
class Word:
    """A run of characters without a space, and the quad around its ink."""

    text: str
    box: Quad

    def moved(self, matrix: Matrix) -> "Word":
        """Return the word as seen through a perspective map."""
        return Word(self.text, project(self.box, matrix))


@dataclass(frozen=True)
class Line:
    """Words that a reader takes in as one, and the quad around them all."""

    words: tuple[Word, ...]
    box: Quad

    def moved(self, matrix: Matrix) -> "Line":
        """Return the line as seen through a perspective map."""
        return Line(tuple(word.moved(matrix) for word in self.words), project(self.box, matrix))

    def to_dict(self) -> dict[str, Any]:
        """Return the line as it stands in the JSON file, in pixels with one decimal."""
        return {
            "text": " ".join(word.text for word in self.words),
            "box": _rounded(self.box),
            "words": [{"text": word.text, "box": _rounded(word.box)} for word in self.words],
        }


def _rounded(box: Quad) -> list[list[float]]:
    return [[round(x, 1), round(y, 1)] for x, y in box]

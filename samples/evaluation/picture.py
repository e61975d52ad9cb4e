"""A picture of the set and its truth file in the layout of ICDAR 2015, task 4."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import dist
from pathlib import Path

from PIL import Image

from samples.drawing.canvas import Canvas
from samples.drawing.geometry import Quad, rectangle
from samples.drawing.truth import Line, Word

_DONT_CARE = "###"
# Below this height nobody reads a word for sure, so that it counts neither way.
_SMALLEST_LEGIBLE = 9.0
# Room around the ink, as a share of a line's height: people leave some when they draw boxes by hand.
_MARGIN = 0.1


@dataclass(frozen=True)
class Picture:
    """A finished picture.

    Attributes:
        stem: the file's name without suffix.
        image: the pixels.
        lines: the text on it, every word as high as its line.
    """

    stem: str
    image: Image.Image
    lines: list[Line]

    @property
    def name(self) -> str:
        """The picture's file name."""
        return f"{self.stem}.jpg"

    def save(self, folder: Path) -> None:
        """Write the picture and, beside it, its truth."""
        folder.mkdir(parents=True, exist_ok=True)
        self.image.save(folder / self.name, quality=75, optimize=True)
        (folder / f"gt_{self.stem}.txt").write_text("".join(self._truth()), encoding="utf-8")

    def _truth(self) -> Iterator[str]:
        for word in (word for line in self.lines for word in line.words):
            corners = ",".join(f"{round(value)}" for point in word.box for value in point)
            yield f"{corners},{word.text if _height(word.box) >= _SMALLEST_LEGIBLE else _DONT_CARE}\n"


def even_words(canvas: Canvas) -> Canvas:
    """Make every word's box a little higher than its line, as people and detectors draw it; for upright text.

    Ink alone would give "on" a box half as high as "of", for no difference that a reader sees.
    """
    canvas.lines = [Line(tuple(_stretched(word, line.box) for word in line.words), line.box) for line in canvas.lines]
    return canvas


def _stretched(word: Word, line: Quad) -> Word:
    (left, _), _, (right, _), _ = word.box
    (_, top), _, (_, bottom), _ = line
    room = _MARGIN * (bottom - top)
    return Word(word.text, rectangle(left - room, top - room, right + room, bottom + room))


def _height(box: Quad) -> float:
    return (dist(box[0], box[3]) + dist(box[1], box[2])) / 2

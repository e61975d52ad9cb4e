"""Pages of running text in several columns, whose lines are known in reading order. Drawn for tests, not committed."""

from dataclasses import dataclass

from samples.drawing.canvas import Canvas, Colour, Style
from samples.drawing.fonts import Face, load
from samples.drawing.sample import Sample

_WIDTH, _HEIGHT = 1654, 2200
_LEFT, _RIGHT = 110, 1544
_GUTTER = 56
_SIZE, _PITCH, _INDENT = 28, 38, 34
_INK: Colour = (28, 28, 30)
_SUBJECTS = (
    "The harbour",
    "A lantern",
    "Her sister",
    "The keeper",
    "This valley",
    "An engine",
    "The garden",
    "My uncle",
)
_VERBS = ("carried", "followed", "remembered", "painted", "answered", "measured", "repaired", "counted")
_OBJECTS = ("seven boats", "the narrow road", "a winter market", "two silver bells", "the old bridge", "every window")
_WHEN = ("before noon", "without a word", "in early spring", "as the rain began", "under the hill", "for many years")
_HEADINGS = ("Letters from the northern coast", "How the lighthouse was built", "What the gardeners remember")


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading of its own.

    Attributes:
        columns: how many stand side by side.
        rows: of each column; the last one is left shorter.
        picture: column and first and last row where an image stands instead of text, if any.
    """

    columns: int
    rows: int
    picture: tuple[int, int, int] | None = None


PAGES = (
    (Section(2, 44),),
    (Section(3, 44, picture=(1, 10, 20)),),
    (Section(4, 44),),
    (Section(2, 20), Section(3, 20)),
    (Section(3, 12), Section(4, 10), Section(2, 14, picture=(0, 3, 6))),
)
"""Pages of two, three and four columns, alone and below one another, some with an image."""


def draw(*sections: Section) -> Sample:
    """Draw a page of several sections, one below the other, with a heading over each and the page's number.

    Args:
        sections: three at most, 50 rows together.

    Returns:
        The page, its lines in reading order.
    """
    canvas, sentences, y = Canvas(_WIDTH, _HEIGHT, (255, 255, 255)), _Sentences(), 90.0
    for section, heading in zip(sections, _HEADINGS, strict=False):
        canvas.write(heading, (_WIDTH / 2, y), Style(Face.SERIF_BOLD, 54, _INK), "m")
        y += 80
        _draw_columns(canvas, section, sentences, y)
        y += section.rows * _PITCH + 70
    canvas.write("117", (_WIDTH / 2, _HEIGHT - 40), Style(Face.SERIF, _SIZE, _INK), "m")
    columns = "-".join(str(section.columns) for section in sections)
    return Sample(f"columns-{columns}.png", canvas.finished(), canvas.lines)


def _draw_columns(canvas: Canvas, section: Section, sentences: "_Sentences", top: float) -> None:
    width = (_RIGHT - _LEFT - _GUTTER * (section.columns - 1)) / section.columns
    style = Style(Face.SERIF, _SIZE, _INK)
    for column in range(section.columns):
        left = _LEFT + column * (width + _GUTTER)
        rows = section.rows - (3 if column == section.columns - 1 else 0)
        for row in range(rows):
            y = top + row * _PITCH
            if section.picture and section.picture[0] == column and section.picture[1] <= row <= section.picture[2]:
                canvas.box((left, y - _SIZE, left + width, y + 12), (176, 190, 197))
                continue
            indent = _INDENT if sentences.is_at_paragraph else 0
            canvas.write(sentences.fill(width - indent), (left + indent, y), style)


class _Sentences:
    """Numbered sentences without end, three to a paragraph."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._count = 0

    @property
    def is_at_paragraph(self) -> bool:
        return not self._words

    def fill(self, width: float) -> str:
        """Return the words that fit into a line, the last ones of a paragraph if there are no more."""
        font, line = load(Face.SERIF, _SIZE), ""
        if not self._words:
            self._words = " ".join(self._sentence() for _ in range(3)).split()
        while self._words and font.getlength(f"{line} {self._words[0]}") <= width:
            line = f"{line} {self._words.pop(0)}".strip()
        return line

    def _sentence(self) -> str:
        n, self._count = self._count, self._count + 1
        parts = (_SUBJECTS[n % 8], _VERBS[n * 3 // 2 % 8], _OBJECTS[n * 5 % 6], _WHEN[n * 7 // 3 % 6])
        return f"{' '.join(parts)} {1200 + n}."

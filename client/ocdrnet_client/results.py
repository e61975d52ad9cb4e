"""The results: Page -> Line -> Word of one image, and the outcome of one image among many.

The result tree of one image: Page -> Line -> Word, in plain Python numbers.

Asked for `merge=word` or `merge=paragraph`, a Line is a word or a paragraph. Asked for `characters=on`, a Word has
Characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeAlias, TypeVar

from ocdrnet_client.errors import OcdrnetError, UnexpectedResponseError
from ocdrnet_client.images import ImageSource
from ocdrnet_ops.scripts import script_of

Source = TypeVar("Source", bound=ImageSource)


@dataclass(frozen=True)
class Outcome(Generic[Source]):
    """The answer to one item of `read_many`: a page, or the error that took its place; never both.

    Attributes:
        source: the item, as it was given.
        page: what was read, None if it failed.
        error: why it failed, None if it was read.

    Example:
        >>> for outcome in client.read_many(paths):
        ...     print(outcome.source, outcome.page.text if outcome.page else outcome.error)
    """

    source: Source
    page: Page | None = None
    error: OcdrnetError | None = None

    def __post_init__(self) -> None:
        if (self.page is None) == (self.error is None):
            raise ValueError("an outcome is either a page or an error")

    def unwrap(self) -> Page:
        """The page.

        Raises:
            OcdrnetError: the error that took its place.
        """
        if self.error is not None:
            raise self.error
        assert self.page is not None
        return self.page


Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[Point, Point, Point, Point]

# A tenth of a pixel is finer than any detector; four digits keep scores apart that differ in rank.
_PIXEL_DIGITS = 1
_SCORE_DIGITS = 4


@dataclass(frozen=True)
class Character:
    """One character of a word.

    Attributes:
        text: what it says: a code point, or several that the recognizer knows as one character.
        score: 0 to 1, how sure the recognizer is.
        box: as of the word, which it is a part of; neighbours share the gap between them.
    """

    text: str
    score: float
    box: Box

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, rounded to a tenth of a pixel and four digits of score."""
        return {"text": self.text, "score": _score(self.score), "box": _corners(self.box)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Character:
        """The inverse of `to_dict`.

        Raises:
            UnexpectedResponseError: a key is missing or a value is of the wrong kind.
        """
        with _Reading("character"):
            return cls(str(data["text"]), float(data["score"]), box_from(data["box"]))


@dataclass(frozen=True)
class Word:
    """One word of a line.

    Attributes:
        text: what it says.
        score: 0 to 1, how sure the recognizer is.
        box: four corners (x, y) in pixels of the upright image, clockwise from the text's top-left.
        characters: of its text, in the order of reading; empty unless `characters=on` was asked.
    """

    text: str
    score: float
    box: Box
    characters: tuple[Character, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, rounded to a tenth of a pixel and four digits of score."""
        characters = [character.to_dict() for character in self.characters]
        return {
            "text": self.text,
            "score": _score(self.score),
            "box": _corners(self.box),
            **({"characters": characters} if characters else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Word:
        """The inverse of `to_dict`.

        Raises:
            UnexpectedResponseError: a key is missing or a value is of the wrong kind.
        """
        with _Reading("word"):
            characters = tuple(Character.from_dict(character) for character in data.get("characters", ()))
            return cls(str(data["text"]), float(data["score"]), box_from(data["box"]), characters)


@dataclass(frozen=True)
class Line:
    """One line of text.

    Attributes:
        text: what it says.
        score: 0 to 1, how sure the recognizer is of the text.
        box: four corners (x, y) in pixels of the upright image, clockwise from the text's top-left.
        box_score: 0 to 1, how sure the detector is that text is there.
        words: the line's words, in reading order.
        paragraph: index of the paragraph that the line belongs to; lines of one follow each other.
        polygon: outline of curved text, clockwise from the text's top-left; empty unless `geometry=polygon` was asked.
    """

    text: str
    score: float
    box: Box
    box_score: float
    words: tuple[Word, ...] = ()
    paragraph: int = 0
    polygon: tuple[Point, ...] = ()

    @property
    def script(self) -> str:
        """The Unicode script of most of its letters, as a guess: `Latin`, `Han`, `Cyrillic`; `Common` of digits."""
        return script_of(self.text)

    @property
    def outline(self) -> tuple[Point, ...]:
        """The polygon where there is one, else the box."""
        return self.polygon or self.box

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, rounded to a tenth of a pixel and four digits of score."""
        return {
            "text": self.text,
            "score": _score(self.score),
            "box": _corners(self.box),
            "box_score": _score(self.box_score),
            "words": [word.to_dict() for word in self.words],
            "paragraph": self.paragraph,
            "script": self.script,
            **({"polygon": _corners(self.polygon)} if self.polygon else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Line:
        """The inverse of `to_dict`.

        Raises:
            UnexpectedResponseError: a key is missing or a value is of the wrong kind.
        """
        with _Reading("line"):
            words = tuple(Word.from_dict(word) for word in data["words"])
            box, polygon = box_from(data["box"]), points_from(data.get("polygon", ()))
            score, box_score = float(data["score"]), float(data["box_score"])
            return cls(str(data["text"]), score, box, box_score, words, int(data["paragraph"]), polygon)


@dataclass(frozen=True)
class Page:
    """Everything read in one image.

    Attributes:
        width: pixels, after the image was turned upright by its EXIF orientation.
        height: pixels, likewise.
        lines: in reading order.
        truncated: more text was found than the server's `max_candidates`; some is missing here.
        frames: frames or pages in the file, of which the first was read.
        image: the file's name, None where the image came as bytes or an array.
        unreadable: regions, missing here, that look like text of a script that the server's recognizer does not know.
    """

    width: int
    height: int
    lines: tuple[Line, ...] = ()
    truncated: bool = False
    frames: int = 1
    image: str | None = None
    unreadable: int = 0

    @property
    def text(self) -> str:
        """The lines, joined by line breaks."""
        return "\n".join(line.text for line in self.lines)

    @property
    def paragraphs(self) -> tuple[tuple[Line, ...], ...]:
        """The lines, paragraph by paragraph."""
        return tuple(tuple(lines) for _, lines in groupby(self.lines, key=lambda line: line.paragraph))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before trusting that this is all the text; empty if nothing."""
        notes = []
        if self.truncated:
            notes.append("more text was found than the limit allows, some is missing; raise max_candidates")
        if self.frames > 1:
            notes.append(f"only the first of {self.frames} frames or pages was read; split the file to read all")
        if self.unreadable:
            regions = "1 region looks" if self.unreadable == 1 else f"{self.unreadable} regions look"
            notes.append(
                f"{regions} like text in a script that the server's recognizer does not know, and none of it is here; "
                "ocdrnet models list names recognizers, models build --recognizer adds one"
            )
        return tuple(notes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, rounded to a tenth of a pixel and four digits of score."""
        return {
            "image": self.image,
            "width": self.width,
            "height": self.height,
            "lines": [line.to_dict() for line in self.lines],
            "truncated": self.truncated,
            "frames": self.frames,
            **({"unreadable": self.unreadable} if self.unreadable else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Page:
        """The inverse of `to_dict`.

        Raises:
            UnexpectedResponseError: a key is missing or a value is of the wrong kind.
        """
        with _Reading("page"):
            lines = tuple(Line.from_dict(line) for line in data["lines"])
            size = int(data["width"]), int(data["height"])
            unreadable = int(data.get("unreadable") or 0)
            return cls(*size, lines, bool(data["truncated"]), int(data["frames"]), data["image"], unreadable)


def box_from(corners: Iterable[Iterable[float]]) -> Box:
    """Four (x, y) pairs as plain floats.

    Raises:
        ValueError: there are not four pairs.
    """
    first, second, third, fourth = ((float(x), float(y)) for x, y in corners)
    return first, second, third, fourth


def points_from(corners: Iterable[Iterable[float]]) -> tuple[Point, ...]:
    """(x, y) pairs as plain floats.

    Raises:
        ValueError: one is no pair.
    """
    return tuple((float(x), float(y)) for x, y in corners)


def _corners(points: Iterable[Point]) -> list[list[float]]:
    return [[round(x, _PIXEL_DIGITS), round(y, _PIXEL_DIGITS)] for x, y in points]


def _score(score: float) -> float:
    return round(score, _SCORE_DIGITS)


class _Reading:
    """Names the part of a document that could not be read back."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, KeyError):
            raise UnexpectedResponseError(f"not a {self._part} as to_dict writes it: no key {error}") from error
        if isinstance(error, (TypeError, ValueError)):
            raise UnexpectedResponseError(f"not a {self._part} as to_dict writes it: {error}") from error

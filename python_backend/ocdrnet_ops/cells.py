"""Cells of a line: what stands apart by more than a word space, such as a label and its amount, is a line of its own.

A detector joins what stands closer than about its text's height times one and a half; the columns of a table are often
closer than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ocdrnet_ops.decoded_line import DecodedLine
from ocdrnet_ops.words import WordSpan

CELL_GAP = 1.0  # line heights between two words of different cells; on receipts 0.8 splits as many lines as it mends


@dataclass(frozen=True)
class Cell:
    """A line, or a part of one.

    Attributes:
        text: with its spaces.
        score: mean probability of its characters, 0..1.
        words: places as fractions of the whole line's width.
        whole: the line is not parted.
    """

    text: str
    score: float
    words: tuple[WordSpan, ...]
    whole: bool


def split_cells(line: DecodedLine, words: list[WordSpan], aspect: float) -> list[Cell]:
    """Cells of a line, from left to right; one without words has one cell.

    Args:
        line: as it was decoded.
        words: of the line.
        aspect: width of the line, in its heights.
    """
    gaps = [(after.start - before.end) * aspect for before, after in pairwise(words)]
    parted = [index + 1 for index, gap in enumerate(gaps) if gap > CELL_GAP]
    if not parted:
        return [Cell(line.text.strip(), line.score, tuple(words), True)]
    edges = [0, *parted, len(words)]
    parts = [words[first:last] for first, last in pairwise(edges)]
    texts = _texts(line.text, parts)
    return [Cell(text, _mean(part), tuple(part), False) for text, part in zip(texts, parts, strict=True)]


def _texts(text: str, parts: list[list[WordSpan]]) -> list[str]:
    """The piece of the line's text that each part's words stand in."""
    pieces, end = [], 0
    for part in parts:
        start = text.index(part[0].text, end)
        end = start
        for word in part:
            end = text.index(word.text, end) + len(word.text)
        pieces.append(text[start:end])
    return pieces


def _mean(words: list[WordSpan]) -> float:
    """Mean over the characters of all words."""
    lengths = [len(word.text) for word in words]
    return sum(word.score * length for word, length in zip(words, lengths, strict=True)) / sum(lengths)

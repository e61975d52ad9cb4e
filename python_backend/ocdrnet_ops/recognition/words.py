"""Where the words of a line are, and where a line falls into segments.

Words of a line, from the time steps of its characters.

A CTC recognizer says at which step it read each character; a step is a fixed number of crop pixels, so the crop's
warp turns steps into places on the image. Steps mark where a character was recognized, not its edges: a word ends
half a character before the middle of the gap to the next word would, so the gap is shared by the spaces' width.
An attention recognizer has no such steps; its characters are taken to be equally wide.

Words are what stands between spaces. Chinese and Japanese are written without them, so a run of either is one word; it
ends where Latin letters or digits begin. Korean has spaces.

Segments of a line: what stands apart by more than a word space, such as a label and its amount, is a line of its own.

A detector joins what stands closer than about its text's height times one and a half; the columns of a table are often
closer than that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.geometry.quads import Quads
from ocdrnet_ops.geometry.text_outline import points_at
from ocdrnet_ops.recognition.character_spans import CharacterSpan, character_spans, with_character_beside
from ocdrnet_ops.recognition.decoding import DecodedLine
from ocdrnet_ops.scripts import UNSPACED, is_unspaced

_FIRST_UNSPACED = chr(UNSPACED[0][0])
_LATIN = (("\u0000", "\u024f"), ("\u1e00", "\u1eff"))  # digits among them


@dataclass(frozen=True)
class WordSpan:
    """One word of a line.

    Attributes:
        text: without spaces.
        score: mean probability of its characters, 0..1.
        start: where it begins, as a fraction of the line's width, 0..1.
        end: where it ends, likewise; greater than `start`.
        characters: of its text, where they were asked for; their lengths add up to its length.
    """

    text: str
    score: float
    start: float
    end: float
    characters: tuple[CharacterSpan, ...] = ()


def split_words(
    line: DecodedLine, steps: float, margins: tuple[float, float] = (0.0, 0.0), characters: bool = False
) -> list[WordSpan]:
    """Words of a line, split at its spaces and where Chinese or Japanese touches Latin letters or digits.

    Args:
        line: decoded characters with their time steps.
        steps: width of the crop in time steps.
        margins: of the crop's width, what it shows before the line and behind it; together less than 1.
        characters: whether to tell where each word's characters are, too.
    """
    groups = _word_groups(line.characters)
    if not groups:
        return []
    if len(groups) == 1 and not characters:
        ((a, b),) = groups
        return [WordSpan("".join(line.characters[a:b]).strip(), _mean_score(line, a, b), 0.0, 1.0)]
    own = (1 - sum(margins)) * steps
    centers = (line.starts + line.ends) / 2 - line.lag - margins[0] * steps
    edges = _word_edges(centers, groups, own)
    return [
        WordSpan(
            "".join(line.characters[a:b]).strip(),
            _mean_score(line, a, b),
            left / own,
            right / own,
            _characters(line, a, b, centers, (left, right)) if characters else (),
        )
        for (a, b), (left, right) in zip(groups, edges, strict=True)
    ]


def _characters(
    line: DecodedLine, first: int, last: int, centers: npt.NDArray[np.float32], edges: tuple[float, float]
) -> tuple[CharacterSpan, ...]:
    texts = list(line.characters[first:last])
    texts[0] = texts[0].lstrip()  # as of the word's text
    texts[-1] = texts[-1].rstrip()
    return character_spans(texts, line.scores[first:last].tolist(), centers[first:last].tolist(), *edges)


def _mean_score(line: DecodedLine, first: int, last: int) -> float:
    """`line.scores[first:last].mean()`, whose checks take four times as long for the few characters of a word."""
    return float(np.float32(float(np.add.reduce(line.scores[first:last])) / (last - first)))


def _word_groups(characters: tuple[str, ...]) -> list[tuple[int, int]]:
    """Index ranges of the words' characters."""
    text = "".join(characters)
    if text.isalnum() and max(text) < _FIRST_UNSPACED:
        return [(0, len(characters))]
    groups, start = [], None
    for i, character in enumerate((*characters, " ")):
        blank = not character.strip()
        if start is not None and (blank or _changes_script(characters[i - 1], character)):
            groups.append((start, i))
            start = None
        if not blank and start is None:
            start = i
    return groups


def _changes_script(before: str, after: str) -> bool:
    """Whether Chinese or Japanese meets Latin letters or digits."""
    if max(before, after) < _FIRST_UNSPACED:
        return False
    return (is_unspaced(before[-1:]) and _is_latin(after[:1])) or (_is_latin(before[-1:]) and is_unspaced(after[:1]))


def _is_latin(character: str) -> bool:
    return character.isalnum() and any(first <= character <= last for first, last in _LATIN)


def _word_edges(
    centers: npt.NDArray[np.float32], groups: list[tuple[int, int]], steps: float
) -> list[tuple[float, float]]:
    """Left and right edge of each word in time steps; the line's own edges for the first and the last."""
    pitch = _character_pitch(centers, groups, steps)
    places = np.clip(centers, 0, steps).tolist()  # some may be read in the margin
    lefts = [0.0] + [max(0.0, places[a] - pitch / 2) for a, _ in groups[1:]]
    rights = [min(steps, places[b - 1] + pitch / 2) for _, b in groups[:-1]] + [steps]
    for i in range(len(groups) - 1):
        if rights[i] > lefts[i + 1]:
            rights[i] = lefts[i + 1] = (rights[i] + lefts[i + 1]) / 2
    return list(zip(lefts, rights, strict=True))


def _character_pitch(centers: npt.NDArray[np.float32], groups: list[tuple[int, int]], steps: float) -> float:
    """Mean distance between neighbouring characters inside words, in time steps."""
    firsts, lasts = zip(*groups, strict=True)
    gaps = (centers[np.array(lasts) - 1] - centers[list(firsts)]).tolist()
    count = sum(b - a - 1 for a, b in groups)
    return sum(gaps) / count if count else steps / max(1, len(centers))


def word_quads(outline: npt.NDArray[np.float32], spans: list[WordSpan]) -> Quads:
    """Quads of words inside their line's outline: float32 [len(spans), 4, 2], clockwise from the text's top-left.

    Args:
        outline: float32 [P, 2], a quad or an outline from the text's top-left on.
        spans: of the line.
    """
    at = np.array([(span.start, span.end) for span in spans], np.float32).reshape(-1, 2)
    if len(outline) == 4:
        return quad_parts(np.broadcast_to(outline, (len(spans), 4, 2)), at)
    top, bottom = (side.reshape(-1, 2, 2) for side in points_at(outline, at.ravel()))
    return np.stack([top[:, 0], top[:, 1], bottom[:, 1], bottom[:, 0]], axis=1)


def quad_parts(quads: Quads, places: npt.NDArray[np.float32]) -> Quads:
    """Parts of straight lines: float32 [M, 4, 2], clockwise from the text's top-left.

    Args:
        quads: float32 [M, 4, 2], the line of each part.
        places: float32 [M, 2], where it begins and ends, as fractions of the line's width.
    """
    at = places[:, :, None]
    top = quads[:, None, 0] + at * (quads[:, None, 1] - quads[:, None, 0])
    bottom = quads[:, None, 3] + at * (quads[:, None, 2] - quads[:, None, 3])
    return np.concatenate([top, bottom[:, ::-1]], axis=1)


CELL_GAP = 1.0  # line heights between two words of different segments; on receipts 0.8 splits as many lines as it mends
# Likewise where two columns part there: of the lines within so many heights above and below, so many stand on each
# side, and so many of those to the right begin so close to the gap's middle, which time steps tell to about 0.7.
COLUMN_GAP, COLUMN_REACH, COLUMN_LINES, COLUMN_EDGE, COLUMN_OVERHANG = 0.6, 6.0, 3, 1.5, 0.7
HEADLINE = 1.4  # times as high as the lines around it: a headline stands over both columns


@dataclass(frozen=True)
class LineSegment:
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


def split_segments(
    line: DecodedLine, words: list[WordSpan], aspect: float, in_gutter: Callable[[float], bool] = lambda place: False
) -> list[LineSegment]:
    """Segments of a line, from left to right; one without words has one segment.

    Args:
        line: as it was decoded.
        words: of the line.
        aspect: width of the line, in its heights.
        in_gutter: whether a place, as a fraction of the line's width, is one between two columns.
    """
    parted = []
    for index, (before, after) in enumerate(pairwise(words), 1):
        gap = (after.start - before.end) * aspect
        if gap > CELL_GAP or (gap > COLUMN_GAP and in_gutter((before.end + after.start) / 2)):
            parted.append(index)
    if not parted:
        return [LineSegment(line.text.strip(), line.score, tuple(words), True)]
    edges = [0, *parted, len(words)]
    parts = [words[first:last] for first, last in pairwise(edges)]
    texts = _texts(line.text, parts)
    return [LineSegment(text, _mean(part), tuple(part), False) for text, part in zip(texts, parts, strict=True)]


def is_in_gutter(quads: Quads, line: int, place: float) -> bool:
    """Whether the lines near one stand in two columns that part at a place in it.

    A detector joins two lines across a narrow gutter, now and then, and their gap alone looks like a wide word space.

    Args:
        quads: float32 [N, 4, 2], of the lines of an image, clockwise from the text's top-left.
        line: index of the line.
        place: fraction of its width.
    """
    own = quads[line]
    along = own[1] - own[0]
    width, height = float(np.linalg.norm(along)), float(np.linalg.norm(own[3] - own[0]))
    unit = along / max(width, 1e-6)
    away = quads - own[0]
    y = away.mean(axis=1) @ np.array([-unit[1], unit[0]]) - height / 2
    near = np.abs(y) < COLUMN_REACH * height
    near[line] = False
    heights = np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1)
    if not near.any() or height >= HEADLINE * float(np.median(heights[near])):
        return False
    x = away[near] @ unit - place * width
    first, last = x.min(axis=1) / max(height, 1e-6), x.max(axis=1) / max(height, 1e-6)
    left, right = last <= COLUMN_OVERHANG, first >= -COLUMN_OVERHANG
    begins = right & (first <= COLUMN_EDGE)
    return bool(min(left.sum(), begins.sum()) >= COLUMN_LINES and (left | right).all())


def renamed(segment: LineSegment, text: str) -> LineSegment:
    """A segment of one word that reads otherwise."""
    return replace(segment, text=text, words=tuple(replace(word, text=text) for word in segment.words))


def with_character(segment: LineSegment, character: str, score: float, behind: bool) -> LineSegment:
    """A segment with one more character in its last word, or its first; the words' places stay what they are.

    Nothing tells where in the word it stands: where characters were asked for, it takes an equal share.
    """
    words = list(segment.words)
    at = -1 if behind else 0
    word, count = words[at], len(words[at].text)
    text = word.text + character if behind else character + word.text
    spans = with_character_beside(word.characters, score, len(character), behind) if word.characters else ()
    words[at] = replace(word, text=text, score=(word.score * count + score) / (count + 1), characters=spans)
    whole = segment.text + character if behind else character + segment.text
    return LineSegment(whole, _mean(words), tuple(words), segment.whole)


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

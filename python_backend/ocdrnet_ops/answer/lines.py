"""The recognizer's output -> the lines and words of one image, in reading order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import CardError, RecognizerCard
from ocdrnet_ops.geometry.crop import side_shares
from ocdrnet_ops.geometry.quads import Quads, clip_quads, widen_to_squares
from ocdrnet_ops.geometry.text_outline import (
    Outlines,
    are_straight,
    corner_quads,
    of_points,
    outline_part,
    outline_quads,
    outline_sizes,
)
from ocdrnet_ops.layout.justified import justified_rows, row_quad
from ocdrnet_ops.layout.paragraphs import join_paragraph, paragraphs
from ocdrnet_ops.layout.reading_order import reading_order
from ocdrnet_ops.layout.text_direction import UprightLines, upright_lines
from ocdrnet_ops.recognition.character_spans import character_rows
from ocdrnet_ops.recognition.crossing import crossed_out, run_down
from ocdrnet_ops.recognition.decoding import FIRST_CHARACTER, DecodedLine, decode_attention, decode_ctc_lines
from ocdrnet_ops.recognition.line_flip import (
    CLEAR,
    DOUBTFUL,
    ReadingScores,
    is_readable,
    score_readings,
    time_steps,
    turned_lines,
    unknown_script,
)
from ocdrnet_ops.recognition.lone_characters import cut_off_characters, settle_look_alikes, stand_among_equals
from ocdrnet_ops.recognition.right_to_left import is_right_to_left, to_logical
from ocdrnet_ops.recognition.superscripts import RAISED, join_superscripts
from ocdrnet_ops.recognition.words import (
    LineSegment,
    WordSpan,
    is_in_gutter,
    quad_parts,
    renamed,
    split_segments,
    split_words,
    with_character,
    word_quads,
)


@dataclass(frozen=True)
class RecognizerOutput:
    """What the recognizer answered for a batch of crops.

    Attributes:
        ids: int32 [n, T], most probable character id of each time step.
        probabilities: float32 [n, T], of those ids.
    """

    ids: npt.NDArray[np.int32]
    probabilities: npt.NDArray[np.float32]


@dataclass(frozen=True)
class FlippedReading(RecognizerOutput):
    """What it answered for crops that were turned by 180 degrees.

    Attributes:
        lines: int32 [m], indices of those crops; n is m, or 1 where there is none.
    """

    lines: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Candidates:
    """Outlines of one image that may hold text.

    Attributes:
        outlines: float32 [N, P, 2], original pixels: quads with P = 4, outlines with more.
        scores: float32 [N], of the detector, 0..1.
        widths: int32 [max(N, 1)], own width of each crop in pixels; of an image without outlines a blank one's.
    """

    outlines: Outlines
    scores: npt.NDArray[np.float32]
    widths: npt.NDArray[np.int32]


# A wall or a cloud that a detector takes for text is often read as a character or a few, with scores up to 0.95; a row
# of them would not be. So a shorter line counts as this many characters in a row: a lone one must reach 0.95 for 0.6.
SHORT = 10
# Score of a box from which on a region that cannot be read is told of. Lines of drawn pages in eight scripts have from
# 0.93 to 0.98; what was no text in 35 photos and receipts, and had few characters for its width, had 0.86 at most.
SURELY_TEXT = 0.9


@dataclass(frozen=True)
class Lines:
    """Texts of one image, in reading order.

    Attributes:
        boxes: float32 [N, 4, 2], original pixels, clockwise from the text's top-left, clipped to the image.
        polygons: float32 [N, P, 2], likewise, along bent lines; the boxes where there is none.
        box_scores: float32 [N], 0..1.
        texts: of the N lines.
        scores: float32 [N], 0..1.
        paragraphs: int32 [N], index of each line's paragraph.
        word_boxes: float32 [M, 4, 2], as the boxes.
        word_texts: of the M words.
        word_scores: float32 [M], 0..1.
        word_lines: int32 [M], index of each word's line.
        characters: float32 [C, 5], where they were asked for, in the order of the words' texts: index of the word;
            start and end, as shares of its box from the left end; score, 0..1; code points of the word's text.
        unreadable: regions left out that look like text of a script that the recognizer does not know.
    """

    boxes: Quads
    polygons: Outlines
    box_scores: npt.NDArray[np.float32]
    texts: list[str]
    scores: npt.NDArray[np.float32]
    paragraphs: npt.NDArray[np.int32]
    word_boxes: Quads
    word_texts: list[str]
    word_scores: npt.NDArray[np.float32]
    word_lines: npt.NDArray[np.int32]
    characters: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 5), np.float32))
    unreadable: int = 0


@dataclass(frozen=True)
class _Found:
    """A line, or a segment of one, before its order is known; of a straight one the outline is its quad."""

    segment: LineSegment
    outline: Outlines
    word_quads: Quads
    box_score: np.float32


def decode_lines(
    candidates: Candidates,
    first: RecognizerOutput,
    second: FlippedReading,
    image_size: tuple[int, int],
    card: RecognizerCard,
    min_text_score: float,
    any_character: bool = True,
    characters: bool = False,
) -> Lines:
    """Decode the better reading of every crop, split it into segments and words, and put them into reading order.

    Args:
        candidates: the crops' outlines.
        first: reading of the crops as their outlines lie; of an image without outlines that of a blank crop.
        second: reading of some of them, turned by 180 degrees.
        image_size: width and height of the original in pixels, to which the answer is clipped.
        card: of the recognizer.
        min_text_score: lines that score lower are left out, 0..1, so is a line without a character; one shorter than
            `SHORT` counts as so many characters in a row, unless it stands in a row or column of equals.
        any_character: the request restricts no characters: lone look-alikes may become what stands beside them, and
            digits that are raised beside their line such ones in it; few characters for a width are doubtful.
        characters: whether to tell where the words' characters are, too.

    Raises:
        CardError: the recognizer answered an id that the card has no character for.
    """
    _check_ids(first.ids, card)
    _check_ids(second.ids, card)
    count = len(candidates.outlines)
    steps = time_steps(candidates.widths, first.ids.shape[1], card)[:count]
    upside_down, best, crossed = _better_readings(candidates, first, second, card, any_character)
    scores, trusted = best.scores, best.trusted
    knows_script = is_readable(best[~crossed])
    if not knows_script:
        trusted = np.where(trusted < CLEAR, 0, trusted)
    # Of a text whose other characters are ruled out, what is left scores less: there a lone character alone is doubted.
    short = (best.lengths > 0) & (best.lengths < (SHORT if any_character else 2))
    enough = ~crossed & (trusted ** np.where(short, SHORT / np.maximum(1, best.lengths), 1) >= min_text_score)
    outlines = candidates.outlines.copy()
    outlines[upside_down] = np.roll(outlines[upside_down], outlines.shape[1] // 2, axis=1)
    doubtful = short & ~enough & ~crossed & (trusted >= min_text_score)
    if doubtful.any():
        enough |= doubtful & stand_among_equals(outline_quads(outlines), short, enough)
    aspects = np.divide(*outline_sizes(outlines).T) if count else scores
    straight, corners = are_straight(outlines), corner_quads(outlines)
    margins = side_shares(outlines, card)
    chosen = np.flatnonzero(enough).tolist()
    read = _decode_chosen(chosen, first, second, upside_down, steps, scores, card)
    quads = outline_quads(outlines[chosen])
    joined: Sequence[DecodedLine | None] = read
    if any_character and not card.known.isdisjoint(RAISED.values()):
        joined = join_superscripts(read, steps[chosen], margins[chosen], quads)
    parts: list[tuple[LineSegment, npt.NDArray[np.float32], np.float32]] = []
    for row, (index, line) in enumerate(zip(chosen, joined, strict=True)):
        if line is not None and line.text.strip():
            own_margins = float(margins[index, 0]), float(margins[index, 1])
            words = split_words(line, float(steps[index]), own_margins, characters)
            segments = split_segments(line, words, aspects[index], partial(is_in_gutter, quads, row))
            outline = corners[index] if straight[index] else outlines[index]
            parts += [(segment, outline, candidates.scores[index]) for segment in segments]
    found = [_widened(line) for line in _with_cut_off(_placed(parts))]
    found = _settled(found, card.known) if any_character else found
    if card.decoder == "ctc":  # an attention decoder answers in the order of reading
        found = [_read_right_to_left(line) for line in found]
    lost = unknown_script(best, knows_script) & ~crossed & ~enough & (candidates.scores >= SURELY_TEXT)
    return replace(_in_order(found, outlines.shape[1], image_size), unreadable=int(lost.sum()))


def _better_readings(
    candidates: Candidates, first: RecognizerOutput, second: FlippedReading, card: RecognizerCard, any_character: bool
) -> tuple[npt.NDArray[np.bool_], ReadingScores, npt.NDArray[np.bool_]]:
    """Which lines are upside down, how well each one's better reading is, and which give way to those they cross."""
    count, turned = len(candidates.outlines), second.lines
    widths = candidates.widths[:count]
    rated = score_readings(first.ids[:count], first.probabilities[:count], widths, card, any_character)
    if not len(turned):
        crossed = crossed_out(candidates.outlines, rated.trusted, rated.lengths)
        return np.zeros(count, np.bool_), rated, crossed
    again = score_readings(
        second.ids[: len(turned)], second.probabilities[: len(turned)], widths[turned], card, any_character
    )
    highest = _with_turned(rated, turned, again, again.trusted > rated.trusted[turned])
    crossed = crossed_out(candidates.outlines, highest.trusted, highest.lengths)
    upside_down, is_down = np.zeros(count, np.bool_), run_down(candidates.outlines)
    for voters in (~crossed & ~is_down, ~crossed & is_down):  # which way up one kind is says nothing of the other
        own = voters[turned]
        places = (np.cumsum(voters) - 1)[turned[own]].astype(np.int32)
        upside_down[voters] = turned_lines(rated[voters], places, again[own])
    return upside_down, _with_turned(rated, turned, again, upside_down[turned]), crossed


def _with_turned(
    first: ReadingScores, turned: npt.NDArray[np.int32], second: ReadingScores, chosen: npt.NDArray[np.bool_]
) -> ReadingScores:
    """The first readings, with the second ones of the lines that are chosen among the turned."""
    scores, lengths = first.scores.copy(), first.lengths.copy()
    scores[turned[chosen]], lengths[turned[chosen]] = second.scores[chosen], second.lengths[chosen]
    return ReadingScores(scores, lengths, first.aspects)


def _decode_chosen(
    chosen: list[int],
    first: RecognizerOutput,
    second: FlippedReading,
    upside_down: npt.NDArray[np.bool_],
    steps: npt.NDArray[np.float64],
    scores: npt.NDArray[np.float32],
    card: RecognizerCard,
) -> list[DecodedLine]:
    """The better reading of each chosen line."""
    rows = np.arange(len(upside_down))
    rows[second.lines] = np.where(upside_down[second.lines], np.arange(len(second.lines)), second.lines)
    found: dict[int, DecodedLine] = {}
    for reading, is_turned in ((first, False), (second, True)):
        own = [index for index in chosen if upside_down[index] == is_turned]
        if own:
            ids, probabilities = reading.ids[rows[own]], reading.probabilities[rows[own]]
            lines = _decode(ids, probabilities, np.ceil(steps[own]).astype(np.int64), scores[own].tolist(), card)
            found.update(zip(own, lines, strict=True))
    return [found[index] for index in chosen]


def _decode(
    ids: npt.NDArray[np.int32],
    probabilities: npt.NDArray[np.float32],
    ends: npt.NDArray[np.int64],
    scores: list[float],
    card: RecognizerCard,
) -> list[DecodedLine]:
    if card.decoder != "attention":
        return decode_ctc_lines(ids, probabilities, ends, scores, card.characters)
    return [
        replace(decode_attention(own_ids[:end], own[:end], card.characters), score=score)
        for own_ids, own, end, score in zip(ids, probabilities, ends.tolist(), scores, strict=True)
    ]


def _placed(parts: Sequence[tuple[LineSegment, npt.NDArray[np.float32], np.float32]]) -> list[_Found]:
    """Segments with their words' quads; each comes with the outline and the score of its whole line."""
    straight = [(outline, word) for segment, outline, _ in parts if len(outline) == 4 for word in segment.words]
    places = np.array([(word.start, word.end) for _, word in straight], np.float32).reshape(-1, 2)
    all_quads = quad_parts(np.array([outline for outline, _ in straight], np.float32).reshape(-1, 4, 2), places)
    found, end = [], 0
    for segment, outline, box_score in parts:
        if len(outline) == 4:
            quads = all_quads[end : end + len(segment.words)]
            end += len(segment.words)
        else:
            quads = word_quads(outline, list(segment.words))
        own = outline if segment.whole else outline_part(outline, segment.words[0].start, segment.words[-1].end)
        found.append(_Found(segment, own, quads, box_score))
    return found


def _widened(line: _Found) -> _Found:
    """A straight line of one character with the square around it."""
    is_lone = len(line.segment.text) == 1 and len(line.outline) == 4
    return replace(line, outline=widen_to_squares(line.outline[None])[0]) if is_lone else line


def _settled(found: list[_Found], known: Collection[str]) -> list[_Found]:
    """Lone look-alikes read as what stands beside them: the "0" among letters is an "O"."""
    if sum(len(line.segment.text) == 1 for line in found) <= 1:
        return found
    settled = settle_look_alikes([line.segment.text for line in found], _quads(found), known)
    return [
        line if text == line.segment.text else replace(line, segment=renamed(line.segment, text))
        for line, text in zip(found, settled, strict=True)
    ]


def _with_cut_off(found: list[_Found]) -> list[_Found]:
    """Lines with the lone characters that were cut off them."""
    texts = [line.segment.text for line in found]
    if not any(len(text) == 1 for text in texts):
        return found
    joined: list[_Found | None] = list(found)
    for index, host, behind in cut_off_characters(texts, _quads(found)):
        line, character = found[host], found[index]
        is_sure = character.segment.score >= DOUBTFUL
        if is_sure and len(line.outline) == len(character.outline) == 4 and line.segment.words:
            joined[host], joined[index] = _with_character(line, character, behind), None
    return [line for line in joined if line is not None]


def _with_character(line: _Found, character: _Found, behind: bool) -> _Found:
    along = line.outline[1] - line.outline[0]
    places = (character.outline - line.outline[0]) @ along / max(float(along @ along), 1e-6)
    start, end = min(0.0, float(places.min())), max(1.0, float(places.max()))
    outline = word_quads(line.outline, [WordSpan("", 0.0, start, end)])[0]
    quads = line.word_quads.copy()
    if behind:
        quads[-1, 1:3] = outline[1:3]
    else:
        quads[0, [0, 3]] = outline[[0, 3]]
    segment = with_character(line.segment, character.segment.text, character.segment.score, behind)
    return _Found(segment, outline, quads, line.box_score)


def _read_right_to_left(line: _Found) -> _Found:
    """A line of Arabic or Hebrew with its characters and words in the order in which they are read."""
    segment, places = to_logical(line.segment)
    return line if segment is line.segment else replace(line, segment=segment, word_quads=line.word_quads[places])


def _quads(found: list[_Found]) -> Quads:
    return np.concatenate([outline_quads(line.outline[None]) for line in found])


def _in_order(found: list[_Found], points: int, image_size: tuple[int, int]) -> Lines:
    polygons, flip = _of_points(found, points), _mirrored if _runs_right_to_left(found) else _as_seen
    order = reading_order(flip(outline_quads(polygons)))
    found, polygons = [found[index] for index in order.tolist()], polygons[order]
    boxes = outline_quads(polygons)
    lines = upright_lines(flip(boxes))
    joined = _rows_joined(found, boxes, lines, flip)
    if len(joined) < len(found):
        polygons = _of_points(joined, points)
        boxes = outline_quads(polygons)
        lines = upright_lines(flip(boxes))
    found = joined
    words = [word for line in found for word in line.segment.words]
    word_quads = np.concatenate([*(line.word_quads for line in found), np.zeros((0, 4, 2), np.float32)])
    word_boxes = clip_quads(word_quads, image_size)
    return Lines(
        clip_quads(boxes, image_size),
        clip_quads(polygons, image_size),
        np.array([line.box_score for line in found], np.float32),
        [line.segment.text for line in found],
        np.array([line.segment.score for line in found], np.float32),
        paragraphs(flip(boxes), lines),
        word_boxes,
        [word.text for word in words],
        np.array([word.score for word in words], np.float32),
        np.repeat(np.arange(len(found), dtype=np.int32), [len(line.segment.words) for line in found]),
        character_rows([word.characters for word in words], word_quads, word_boxes),
    )


def _of_points(found: list[_Found], points: int) -> Outlines:
    """The lines' outlines with so many points each, float32 [N, points, 2]."""
    same = [of_points(line.outline[None], points)[0] for line in found]
    return np.array(same, np.float32).reshape(-1, points, 2)


def _runs_right_to_left(found: list[_Found]) -> bool:
    """Whether most of a page, by its characters, is read from right to left."""
    lengths = [len(line.segment.text) for line in found]
    own = [count for count, line in zip(lengths, found, strict=True) if is_right_to_left(line.segment.text)]
    return sum(own) > sum(lengths) / 2


def _as_seen(quads: Quads) -> Quads:
    return quads


def _mirrored(quads: Quads) -> Quads:
    """Quads of a page seen in a mirror: there, a page that is read from right to left is read from left to right."""
    return np.asarray(quads[:, [1, 0, 3, 2]] * np.array([-1, 1], np.float32), np.float32)


def _rows_joined(
    found: list[_Found], boxes: Quads, lines: UprightLines, flip: Callable[[Quads], Quads]
) -> list[_Found]:
    """Lines in reading order; the torn pieces of a row of justified text as one. `lines` are of the flipped boxes."""
    if not found:
        return found
    rows = justified_rows(flip(boxes), np.array([len(line.segment.words) for line in found], np.int64), lines)
    return [
        _joined(found, boxes, row, flip) for row in np.split(np.arange(len(found)), np.flatnonzero(np.diff(rows)) + 1)
    ]


def _joined(found: list[_Found], boxes: Quads, row: npt.NDArray[np.int64], flip: Callable[[Quads], Quads]) -> _Found:
    pieces: list[_Found] = [found[index] for index in row.tolist()]
    if len(pieces) == 1:
        return pieces[0]
    lengths = [len(piece.segment.text) for piece in pieces]
    segment = LineSegment(
        join_paragraph([piece.segment.text for piece in pieces]),
        float(np.average([piece.segment.score for piece in pieces], weights=lengths)),
        tuple(word for piece in pieces for word in piece.segment.words),
        False,
    )
    word_boxes = np.concatenate([piece.word_quads for piece in pieces])
    quad = flip(row_quad(flip(boxes[row]))[None])[0]
    return _Found(segment, quad, word_boxes, np.float32(np.mean([piece.box_score for piece in pieces])))


def _check_ids(ids: npt.NDArray[np.int32], card: RecognizerCard) -> None:
    """A list that belongs to another network shows here first: a graph that answers ids does not count its classes."""
    last = len(card.characters) + (FIRST_CHARACTER - 1 if card.decoder == "attention" else 0)
    highest = int(ids.max(initial=0))
    if highest > last:
        raise CardError(
            f"{card.name} answered id {highest}; its card's {len(card.characters)} characters end at id {last}"
        )

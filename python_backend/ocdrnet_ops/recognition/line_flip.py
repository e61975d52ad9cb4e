"""Which lines to read a second time, turned by 180 degrees, and which of the two readings to keep.

A detector's box does not say which of its long sides is the top. Text read upside down scores lower, on photos and
receipts about 0.7 instead of 0.97, but not always: so the lines of an image decide together which way up it is, and a
single line is turned against them only where its scores leave no doubt. The thresholds below were chosen on 60 street
photos and 20 receipts, each upright and turned by 180 degrees; within 0.05 of each of them the word F1 changes by less
than 0.01.

A recognizer that does not know what it sees says little, and may be sure of it: of a Chinese line upside down it reads
one character, of Georgian or Korean none. So a reading of few characters for its width counts as none. A script that
has Latin's shapes, such as Hebrew, it reads as letters, badly either way up: no such page is turned, or answered.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import PADDINGS, RecognizerCard
from ocdrnet_ops.geometry.crop import fill_beside
from ocdrnet_ops.recognition.decoding import BLANK, END, GO

DOUBTFUL = 0.85  # a first reading that scores lower is doubtful
DOUBTFUL_DOWN = 0.97  # likewise of a line that runs down the image, of which either end may be the first
HOPELESS = 0.3  # one that scores lower still, or is shorter than two characters, is noise either way up
SHARE = 0.5  # of an image's characters: when more are doubtful, the image may be upside down, and all are read again
CERTAIN = 0.9  # a reading against the image's way up needs this score
MARGIN = 0.15  # and this lead, to turn a line of an upright image
SLACK = 0.05  # or this one, to leave a line of an upside-down image as it is
UNTURNED_LEAD = 0.3  # what a line that was read once counts for upright: about the usual gap of the two scores
SPARSE = 3.0  # box heights of width for each character: of 13,170 lines of real files none that was right had more
GOOD = 0.8  # mean of the better readings, over the turned ones' characters, under which an image is not turned
LONG = 3.5  # box heights of width: whether longer lines can be read says whether an image can be
LEAST_LONG = 3  # lines, from which on that is asked
CLEAR = 0.95  # score of a line that leaves no doubt of its script: of 9 unknown ones none was read with more
READABLE = (
    0.1  # of the long lines' width that must be clear, for others to be answered; of 60 photos the least was 0.18
)


@dataclass(frozen=True)
class ReadingScores:
    """How well the crops of one image were read.

    Attributes:
        scores: float32 [N], mean probability of each line's characters, 0..1; 0 for a line without any.
        lengths: int64 [N], number of characters; spaces are none.
        aspects: float64 [N], width of each box in its heights; 0 where crops are stretched, which do not show it.
    """

    scores: npt.NDArray[np.float32]
    lengths: npt.NDArray[np.int64]
    aspects: npt.NDArray[np.float64]

    @functools.cached_property
    def sparse(self) -> npt.NDArray[np.bool_]:
        """Which lines have too few characters for their width."""
        return self.aspects > SPARSE * np.maximum(1, self.lengths)

    @functools.cached_property
    def trusted(self) -> npt.NDArray[np.float32]:
        """The scores, 0 for sparse lines: float32 [N]."""
        return np.where(self.sparse, np.float32(0), self.scores)

    def __getitem__(self, lines: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> ReadingScores:
        return ReadingScores(self.scores[lines], self.lengths[lines], self.aspects[lines])


def score_readings(
    ids: npt.NDArray[np.int32],
    probabilities: npt.NDArray[np.float32],
    widths: npt.NDArray[np.int32],
    card: RecognizerCard,
    any_character: bool = True,
) -> ReadingScores:
    """Score and length of every line, without decoding its text.

    Args:
        ids: int32 [N, T], most probable character id of each time step.
        probabilities: float32 [N, T], of those ids.
        widths: int32 [N], own width of each crop in pixels; what lies behind is padding.
        card: of the recognizer.
        any_character: the request restricts no characters. Where it does, few characters for a width are no doubt.
    """
    steps = time_steps(widths, ids.shape[1], card)
    inside = np.arange(ids.shape[1]) < np.ceil(steps)[:, None]
    if card.decoder == "attention":
        before_end = np.cumsum(ids == END, axis=1) == 0
        kept = before_end & (ids != GO) & inside
    else:
        kept = (ids != BLANK) & inside
        kept[:, 1:] &= ids[:, 1:] != ids[:, :-1]
    for space in card.space_ids:  # a reading of spaces alone is no reading
        kept &= ids != space
    lengths = kept.sum(axis=1)
    totals = np.where(kept, probabilities, 0).sum(axis=1)
    says_nothing = (card.width and not card.keep_aspect) or not any_character
    aspects = np.zeros(len(widths)) if says_nothing else widths / card.height * (1 + 2 * card.crop_margin)
    return ReadingScores(np.asarray(totals / np.maximum(1, lengths), np.float32), lengths, aspects)


def time_steps(widths: npt.NDArray[np.int32], steps: int, card: RecognizerCard) -> npt.NDArray[np.float64]:
    """Width of each crop in time steps: all of them where it is stretched, its own share elsewhere."""
    if card.width:
        shares = widths / card.width if card.keep_aspect else np.ones(len(widths))
        return np.asarray(steps * shares, np.float64)
    return widths / card.stride


def lines_to_turn(
    first: ReadingScores, widths: npt.NDArray[np.int32], run_down: npt.NDArray[np.bool_], upside_down: str
) -> npt.NDArray[np.int32]:
    """Lines to read again, turned by 180 degrees: int32 [M], their indices.

    Args:
        first: the readings as the boxes lie.
        widths: int32 [N], of the crops; one of no width is the blank one of an image without text.
        run_down: bool [N], lines that run down or up the image.
        upside_down: `off`: none; `on`: all; `auto`: the doubtful ones that hold something, or all where most of the
            text is doubtful.
    """
    count = len(first.scores)
    doubtful = first.trusted < np.where(run_down, DOUBTFUL_DOWN, DOUBTFUL)
    weights = np.maximum(1, first.lengths)
    everything = upside_down == "on" or weights[doubtful].sum() > SHARE * weights.sum()
    worth_it = first.sparse | ((first.scores >= HOPELESS) & (first.lengths > 1))
    chosen = np.ones(count, bool) if everything else doubtful & worth_it
    return np.flatnonzero(chosen & (widths > 0) & (upside_down != "off")).astype(np.int32)


def turned_lines(first: ReadingScores, turned: npt.NDArray[np.int32], second: ReadingScores) -> npt.NDArray[np.bool_]:
    """Whether each line is upside down: bool [N].

    Args:
        first: the N readings as the boxes lie.
        turned: int32 [M], the lines that were read again.
        second: their M readings, turned by 180 degrees.
    """
    lead = np.full(len(first.scores), -UNTURNED_LEAD, np.float32)
    lead[turned] = second.trusted - first.trusted[turned]
    upside_down = (np.maximum(1, first.lengths) * lead).sum() > 0
    best = np.maximum(second.trusted, first.trusted[turned])
    if upside_down and (second.lengths * (best - GOOD)).sum() > 0:
        better = (lead > -SLACK) | (first.trusted < CERTAIN)
    else:
        better = lead > MARGIN
        better[turned] &= second.trusted > CERTAIN
    again = np.zeros(len(lead), bool)
    again[turned] = True
    return np.asarray(better & again)


def is_readable(best: ReadingScores) -> bool:
    """Whether the recognizer knows an image's script: not where hardly any of its long lines is clear.

    Args:
        best: the better reading of each line.
    """
    long = best.aspects >= LONG
    clear = long & (best.trusted >= CLEAR)
    return bool(long.sum() < LEAST_LONG or best.aspects[clear].sum() >= READABLE * best.aspects[long].sum())


def unknown_script(best: ReadingScores, knows_script: bool) -> npt.NDArray[np.bool_]:
    """Which lines read as one of a script that the recognizer does not know: bool [N].

    Args:
        best: the better reading of each line.
        knows_script: of the image, as of `is_readable`; where it is false, its long lines are such, too.
    """
    return np.asarray(best.sparse | ((best.aspects >= LONG) & (best.trusted < CLEAR) & (not knows_script)))


def turn_crops(crops: npt.NDArray[np.uint8], widths: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """Crops turned by 180 degrees within their own width.

    Args:
        crops: uint8 [M, h, w, 3]; what lies right of a crop's own width repeats its last column.
        widths: int32 [M], own width of each crop in pixels.
    """
    turned = np.empty_like(crops)
    for out, crop, width in zip(turned, crops, widths.tolist(), strict=True):
        cv2.flip(crop[:, :width], -1, dst=out[:, :width])
        fill_beside(out, width, PADDINGS["edge"])
    return turned

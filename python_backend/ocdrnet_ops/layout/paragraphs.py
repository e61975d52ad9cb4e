"""Lines in reading order -> paragraphs.

A paragraph goes on while lines of one size follow at one pitch under one another. Within such a run a new one begins
at an indented line, at one that sticks out (a hanging indent), or after a line that ends clearly short of the column.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.geometry.quads import Quads
from ocdrnet_ops.layout.running_text import SAME_ROW
from ocdrnet_ops.layout.text_direction import Floats, Ints, Masks, UprightLines, median, upright_lines
from ocdrnet_ops.scripts import is_unspaced

FARTHEST = 2.2  # line heights: no paragraph is set wider
WIDER = 1.3  # of the usual pitch: a larger step down begins a paragraph
SMALLER = 0.68  # of a line's height: a smaller neighbour is of another size; ascenders and descenders make up the rest
OVERLAP = 0.5  # of the narrower row: what must lie under the row above
INDENT = 0.6  # line heights: what begins farther in or out than that begins a paragraph
SHORT = 1.5  # line heights that a line of justified text ends before the column, if it is a paragraph's last
RAGGED_SHORT = 0.3  # of the column's width, likewise for ragged text, whose lines are never filled
FULL = 0.7  # quantile of the rows' ends that is the column's edge
FLUSH = 0.5  # line heights: ends closer than that to the edge stand at it
FLUSH_SHARE = 0.6  # of a run's rows end at the column's edge, if it is justified
REACH = 4  # rows before and after that show where a column begins and ends: it may narrow beside an image
FEWEST_ROWS = 3  # of a run that show where its column begins and ends


def paragraphs(boxes: Quads, lines: UprightLines | None = None) -> npt.NDArray[np.int32]:
    """Group lines into paragraphs.

    Args:
        boxes: float32 [N, 4, 2] in reading order, clockwise from the text's top-left.
        lines: `upright_lines` of the boxes, where the caller has them.

    Returns:
        int32 [N], index of each line's paragraph: from 0, the same as the line's before or one more.
    """
    if not len(boxes):
        return np.zeros(0, np.int32)
    lines = lines or upright_lines(boxes)
    starts = np.flatnonzero(np.concatenate([[True], ~_beside(lines)]))
    row_starts = _row_starts(lines, starts)
    begins = np.zeros(len(boxes), np.int32)
    begins[starts[row_starts]] = 1
    return np.asarray(np.cumsum(begins) - 1, np.int32)


def join_paragraph(texts: Sequence[str]) -> str:
    """The lines of a paragraph as one text.

    Lines are joined by a space, by nothing between two Chinese or Japanese characters. Nothing is taken out: whether
    a hyphen at a line's end belongs to its word, only a dictionary knows.

    Args:
        texts: of the lines, in reading order.
    """
    texts = [text for text in texts if text]
    if not texts:
        return ""
    gaps = ["" if is_unspaced(before[-1]) and is_unspaced(after[0]) else " " for before, after in pairwise(texts)]
    return "".join(part for pair in zip(texts, [*gaps, ""], strict=True) for part in pair)


def _beside(lines: UprightLines) -> Masks:
    """Which lines but the first go on in the row of the line before: bool [N - 1]."""
    before, after = lines[:-1], lines[1:]
    level = np.abs(after.y - before.y) < SAME_ROW * np.minimum(before.height, after.height)
    return np.asarray(level & (after.x > before.x) & (before.turned == after.turned))


def _row_starts(lines: UprightLines, starts: Ints) -> Masks:
    """Which rows begin a paragraph: bool [rows]."""
    counts = np.diff(np.append(starts, len(lines.x)))
    y, height = (np.add.reduceat(values, starts) / counts for values in (lines.y, lines.height))
    left, right = np.minimum.reduceat(lines.left, starts), np.maximum.reduceat(lines.right, starts)
    goes_on = _go_on(y, height, left, right) & ~lines.turned[starts][1:] & ~lines.turned[starts][:-1]
    begins = np.concatenate([[True], ~goes_on])
    edges = np.append(np.flatnonzero(begins), len(begins))
    for first, last in pairwise(edges.tolist()):
        if last - first >= FEWEST_ROWS:
            run = slice(first, last)
            begins[first + 1 : last] = _begin_within(left[run], right[run], median(height[run]))
    return begins


def _go_on(y: Floats, height: Floats, left: Floats, right: Floats) -> Masks:
    """Which rows but the first follow the row before as lines of one block do: bool [rows - 1]."""
    larger, smaller = np.maximum(height[1:], height[:-1]), np.minimum(height[1:], height[:-1])
    overlap = np.minimum(right[1:], right[:-1]) - np.maximum(left[1:], left[:-1])
    width = right - left
    under = overlap >= OVERLAP * np.minimum(width[1:], width[:-1])
    step = np.diff(y)
    follows = under & (step > 0) & (step <= FARTHEST * larger) & (smaller >= SMALLER * larger)
    return np.asarray(follows & (step <= WIDER * _usual_step(step, follows))) if len(step) else follows


def _usual_step(step: Floats, follows: Masks) -> Floats:
    """The pitch around each step: the second smallest of those up to two rows before and after it that follow."""
    steps = np.pad(np.where(follows, step, np.inf), 2, constant_values=np.inf)
    around = np.sort(np.lib.stride_tricks.sliding_window_view(steps, 5), axis=1)
    return np.where(np.isfinite(around[:, 1]), around[:, 1], around[:, 0])


def _begin_within(left: Floats, right: Floats, height: float) -> Masks:
    """Which rows but the first of a run begin a paragraph: bool [rows - 1]."""
    if _is_centered(left, right, height):
        return np.zeros(len(left) - 1, np.bool_)
    begin = np.median(_window(left, REACH), axis=1)
    end = np.quantile(_window(right, REACH), FULL, axis=1)
    justified = np.mean(np.abs(right - end) < FLUSH * height) >= FLUSH_SHARE
    slack = SHORT * height if justified else np.maximum(RAGGED_SHORT * (end - begin), SHORT * height)
    moved = np.where(np.abs(left - begin) > INDENT * height, np.sign(left - begin), 0)
    indented = (moved[1:] > 0) & (moved[:-1] <= 0)
    out = (moved[1:] < 0) & (moved[:-1] >= 0)
    later = np.maximum(right[1:], np.append(right[2:], -np.inf))  # beside an image all lines end early
    short = (right < end - slack)[:-1] & (later > right[:-1] + SHORT * height)
    return np.asarray(indented | out | short)


def _window(values: Floats, reach: int) -> Floats:
    """Each value with those around it, the same number for all: float64 [N, min(N, 2 reach + 1)]."""
    size = min(len(values), 2 * reach + 1)
    windows = np.lib.stride_tricks.sliding_window_view(values, size)
    return np.asarray(windows[np.clip(np.arange(len(values)) - reach, 0, len(windows) - 1)])


def _is_centered(left: Floats, right: Floats, height: float) -> bool:
    centers = (left + right) / 2
    return bool(np.ptp(centers) < INDENT * height < np.ptp(left) / 2)

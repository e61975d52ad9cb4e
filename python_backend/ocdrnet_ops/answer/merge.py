"""What one box of the answer holds: a line, a word, or a paragraph."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.answer.lines import Lines
from ocdrnet_ops.layout.paragraphs import join_paragraph


def merge_lines(lines: Lines, level: str, geometry: str) -> Lines:
    """The answer at the level, and with the outlines, that a request asks for.

    Args:
        lines: of one image.
        level: `line`: as they are; `word`: each word is a line of its own; `paragraph`: the lines of a paragraph are
            one, its box the smallest around them that lies as the first does, its scores the means of theirs.
        geometry: `quad`: a bent line's polygon is its box, too; `polygon`: it follows the line.
    """
    if geometry == "quad":
        lines = dataclasses.replace(lines, polygons=lines.boxes)
    if level == "word":
        return _words(lines)
    return _paragraphs(lines) if level == "paragraph" and lines.texts else lines


def _words(lines: Lines) -> Lines:
    return dataclasses.replace(
        lines,
        boxes=lines.word_boxes,
        polygons=lines.word_boxes,
        box_scores=lines.box_scores[lines.word_lines],
        texts=lines.word_texts,
        scores=lines.word_scores,
        paragraphs=lines.paragraphs[lines.word_lines],
        word_lines=np.arange(len(lines.word_texts), dtype=np.int32),
    )


def _paragraphs(lines: Lines) -> Lines:
    starts = np.flatnonzero(np.diff(lines.paragraphs, prepend=-1))
    groups = np.split(np.arange(len(lines.texts)), starts[1:])
    boxes = np.stack([_around(lines.boxes[group]) for group in groups])
    return dataclasses.replace(
        lines,
        boxes=boxes,
        polygons=boxes,
        box_scores=_means(lines.box_scores, groups),
        texts=[join_paragraph([lines.texts[index] for index in group]) for group in groups],
        scores=_means(lines.scores, groups),
        paragraphs=np.arange(len(groups), dtype=np.int32),
        word_lines=lines.paragraphs[lines.word_lines],
    )


def _means(values: npt.NDArray[np.float32], groups: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.float32]:
    return np.array([values[group].mean() for group in groups], np.float32)


def _around(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The smallest rectangle around all boxes whose first edge runs as that of the first: float32 [4, 2]."""
    if len(boxes) == 1:
        return np.asarray(boxes[0])
    edge = boxes[0, 1] - boxes[0, 0]
    right = edge / max(float(np.linalg.norm(edge)), 1e-6)
    axes = np.stack([right, np.array([-right[1], right[0]])])
    places = boxes.reshape(-1, 2) @ axes.T
    (left, top), (far, bottom) = places.min(axis=0), places.max(axis=0)
    corners = np.array([(left, top), (far, top), (far, bottom), (left, bottom)])
    placed: npt.NDArray[np.float32] = (corners @ axes).astype(np.float32)
    return placed

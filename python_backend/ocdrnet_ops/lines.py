"""Recognizer output -> lines and words of one image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.attention import FIRST_CHARACTER, decode_attention
from ocdrnet_ops.cards import CardError, RecognizerCard
from ocdrnet_ops.ctc import decode_ctc
from ocdrnet_ops.geometry import Quads, clip_quads
from ocdrnet_ops.words import WordSpan, split_words, word_quads


@dataclass(frozen=True)
class Lines:
    """Texts of one image.

    Attributes:
        kept: int64 [N], index of each line's box among the candidates.
        boxes: float32 [N, 4, 2], original pixels, clockwise from the text's top-left, clipped to the image.
        texts: of the N lines.
        scores: float32 [N], 0..1.
        word_boxes: float32 [M, 4, 2], likewise.
        word_texts: of the M words.
        word_scores: float32 [M], 0..1.
        word_lines: int32 [M], index of each word's line.
    """

    kept: npt.NDArray[np.int64]
    boxes: Quads
    texts: list[str]
    scores: npt.NDArray[np.float32]
    word_boxes: Quads
    word_texts: list[str]
    word_scores: npt.NDArray[np.float32]
    word_lines: npt.NDArray[np.int32]


def decode_lines(
    ids: npt.NDArray[np.int32],
    probabilities: npt.NDArray[np.float32],
    widths: npt.NDArray[np.int32],
    boxes: Quads,
    image_size: tuple[int, int],
    card: RecognizerCard,
    min_text_score: float,
) -> Lines:
    """Decode every crop of an image and split it into words.

    Args:
        ids: int32 [max(N, 1), T], most probable character id of each time step.
        probabilities: float32 [max(N, 1), T], of those ids.
        widths: int32 [max(N, 1)], own width of each crop in pixels.
        boxes: float32 [N, 4, 2], the crops' boxes; the blank crop of an image without text has none.
        image_size: width and height of the original in pixels, to which the answer is clipped.
        card: of the recognizer.
        min_text_score: lines that score lower are left out, 0..1; so is a line without a character.

    Raises:
        CardError: the recognizer answered an id that the card has no character for.
    """
    _check_ids(ids, card)
    decode = decode_attention if card.decoder == "attention" else decode_ctc
    kept: list[int] = []
    texts: list[str] = []
    scores: list[float] = []
    quads: list[Quads] = []
    words: list[tuple[int, WordSpan]] = []
    for index, box in enumerate(boxes):
        steps = time_steps(int(widths[index]), ids.shape[1], card)
        own = math.ceil(steps)  # what lies behind is padding, in which a network may read something
        line = decode(ids[index, :own], probabilities[index, :own], card.characters)
        text = line.text.strip()
        if not text or line.score < min_text_score:
            continue
        spans = split_words(line, steps)
        words.extend((len(kept), span) for span in spans)
        quads.append(word_quads(box, spans))
        kept.append(index)
        texts.append(text)
        scores.append(line.score)
    return Lines(
        np.array(kept, np.int64),
        clip_quads(boxes[kept].reshape(-1, 4, 2), image_size),
        texts,
        np.array(scores, np.float32),
        clip_quads(np.concatenate([*quads, np.zeros((0, 4, 2), np.float32)]), image_size),
        [span.text for _, span in words],
        np.array([span.score for _, span in words], np.float32),
        np.array([line for line, _ in words], np.int32),
    )


def _check_ids(ids: npt.NDArray[np.int32], card: RecognizerCard) -> None:
    """A list that belongs to another network shows here first: a graph that answers ids does not count its classes."""
    last = len(card.characters) + (FIRST_CHARACTER - 1 if card.decoder == "attention" else 0)
    highest = int(ids.max(initial=0))
    if highest > last:
        raise CardError(
            f"{card.name} answered id {highest}; its card's {len(card.characters)} characters end at id {last}"
        )


def time_steps(width: int, steps: int, card: RecognizerCard) -> float:
    """Width of a crop in time steps: all of them where the input's width is fixed, its own share elsewhere."""
    return float(steps) if card.width else width / card.stride

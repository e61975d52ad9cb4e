"""Lines longer than a recognizer takes: cut at gaps, read in pieces, and put together again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.recognition.decoding import BLANK

EARLIEST = 0.6  # of the longest piece: where to begin to look for a gap to cut at
GAP = 0.3  # of a crop's height, over which a gap's emptiness is averaged: about a word space
EMPTY = 0.35  # of the usual contrast: columns below it hold no print
WORD_SPACE = 0.2  # of the height: narrower gaps are those between letters


def piece_edges(crop: npt.NDArray[np.uint8], width: int, card: RecognizerCard) -> list[int]:
    """Columns at which a crop's pieces begin and end: the first is 0, the last the crop's width.

    All but the last are whole time steps, so that the pieces' steps, one behind the other, are those of the crop.

    Args:
        crop: uint8 [h, w, 3].
        width: of the crop in pixels, of which `card.max_width` go into one piece.
        card: of the recognizer, of a free width.
    """
    edges, longest = [0], card.max_width - card.max_width % card.stride
    contrast = _contrast(crop[:, :width]) if width > card.max_width else None
    while contrast is not None and width - edges[-1] > card.max_width:
        first = edges[-1] + max(card.stride, int(EARLIEST * longest))
        window = np.ones(max(1, round(GAP * crop.shape[0])))
        filled = np.convolve(contrast, window / len(window), "same")[first : edges[-1] + longest + 1]
        last = int(np.flatnonzero(filled <= filled.min() + 1)[-1])  # the latest of the emptiest gaps
        edges.append((first + last) // card.stride * card.stride)
    return [*edges, width]


def _contrast(crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Of each column: the difference of its brightest and its darkest pixel."""
    gray = crop.mean(axis=2)
    return np.asarray(gray.max(axis=0) - gray.min(axis=0), np.float64)


def add_spaces(
    ids: npt.NDArray[np.int32], crop: npt.NDArray[np.uint8], edges: list[int], card: RecognizerCard
) -> npt.NDArray[np.int32]:
    """Ids of a crop that was read in pieces, with a space where it was cut between two words.

    Args:
        ids: int32 [T], of the pieces, one behind the other.
        crop: uint8 [h, w, 3].
        edges: of the pieces, as `piece_edges` gives them.
        card: of the recognizer.
    """
    if len(edges) <= 2 or " " not in card.characters:
        return ids
    space = 1 + card.characters.index(" ")  # 0 is the blank
    spaced, contrast = ids.copy(), _contrast(crop[:, : edges[-1]])
    empty = contrast < EMPTY * np.quantile(contrast, 0.9)
    reach = round(WORD_SPACE * crop.shape[0])
    for cut in edges[1:-1]:
        around = empty[max(0, cut - reach) : cut + reach]
        gaps = np.diff(np.concatenate([[-1], np.flatnonzero(~around), [len(around)]])) - 1
        step = min(cut // card.stride, len(spaced) - 1)  # the last one, of a width that is no multiple of the stride
        beside = spaced[max(0, step - 2) : step + 2]
        if gaps.max() >= reach and not np.isin(beside, card.space_ids).any() and spaced[step] == BLANK:
            spaced[step] = space
    return spaced

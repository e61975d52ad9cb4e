"""The recognizer's ids -> characters: CTC best path and attention.

CTC best-path decoding.

Graves et al., "Connectionist Temporal Classification" (ICML 2006), section 3.2: the most probable id of each time step,
repeats collapsed, blanks dropped.

Decoding of an attention recognizer: one id a step until the end symbol.

As TAO's OCRNet writes its classes (Baek et al., "What Is Wrong With Scene Text Recognition Model Comparisons?", ICCV
2019, section 3.4, the attention decoder): `[GO]`, `[s]`, then the characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class DecodedLine:
    """Text of one crop and where it stands.

    Attributes:
        text: the characters joined.
        score: mean probability of the kept time steps, 0..1; 0 for an empty text.
        characters: text of each kept time step.
        scores: float32 [len(characters)], their probabilities.
        starts: float32 [len(characters)], first time step of each character's run.
        ends: float32 [len(characters)], one past the last time step of its run.
        lag: time steps that a character is recognized right of its middle.
    """

    text: str
    score: float
    characters: tuple[str, ...]
    scores: npt.NDArray[np.float32]
    starts: npt.NDArray[np.float32]
    ends: npt.NDArray[np.float32]
    lag: float = 0.0


BLANK = 0
STEP_LAG = 0.3  # time steps that a character is recognized right of its middle; measured on the samples' truth


def decode_ctc(
    ids: npt.NDArray[np.int32], probabilities: npt.NDArray[np.float32], characters: tuple[str, ...]
) -> DecodedLine:
    """Decode the best path of one crop.

    Args:
        ids: int32 [T], most probable id of each time step; 0 is the blank, i stands for `characters[i - 1]`.
        probabilities: float32 [T], of those ids, 0..1.
        characters: the recognizer's character list.
    """
    line = decode_ctc_lines(ids[None], probabilities[None], np.array([len(ids)]), [0.0], characters)[0]
    return replace(line, score=float(line.scores.mean())) if len(line.scores) else line


def decode_ctc_lines(
    ids: npt.NDArray[np.int32],
    probabilities: npt.NDArray[np.float32],
    ends: npt.NDArray[np.int64],
    scores: Sequence[float],
    characters: tuple[str, ...],
) -> list[DecodedLine]:
    """Decode the best paths of an image's crops in one go, whose scores are known.

    Args:
        ids: int32 [N, T], as of `decode_ctc`.
        probabilities: float32 [N, T], likewise.
        ends: int64 [N], time steps of each crop; what lies behind is padding, in which a network may read something.
        scores: of the N lines, 0..1.
        characters: the recognizer's character list.
    """
    ends = np.minimum(ends, ids.shape[1])
    begins = np.arange(ids.shape[1]) < ends[:, None]
    begins[:, 1:] &= ids[:, 1:] != ids[:, :-1]  # where a run of equal ids begins
    rows, first = np.nonzero(begins)
    last = ends[rows]
    within = rows[1:] == rows[:-1]
    last[:-1][within] = first[1:][within]
    read = ids[rows, first]
    kept = read != BLANK
    rows, first, last = rows[kept], first[kept], last[kept]
    texts = [characters[i - 1] for i in read[kept].tolist()]
    own, starts, stops = probabilities[rows, first], first.astype(np.float32), last.astype(np.float32)
    edges = np.searchsorted(rows, np.arange(len(ids) + 1)).tolist()
    return [
        DecodedLine("".join(texts[a:b]), score, tuple(texts[a:b]), own[a:b], starts[a:b], stops[a:b], STEP_LAG)
        for (a, b), score in zip(pairwise(edges), scores, strict=True)
    ]


GO, END = 0, 1
FIRST_CHARACTER = 2


def decode_attention(
    ids: npt.NDArray[np.int32], probabilities: npt.NDArray[np.float32], characters: tuple[str, ...]
) -> DecodedLine:
    """Decode the ids of one crop.

    What stands before the first `[s]` is the text, or everything where there is none; a `[GO]` in it is skipped. The
    score is the mean over those steps. A step says nothing of a character's place, so the characters are laid out
    over the line in equal parts.

    Args:
        ids: int32 [T], most probable id of each step; i stands for `characters[i - 2]`.
        probabilities: float32 [T], of those ids, 0..1.
        characters: the recognizer's character list.
    """
    ends = np.flatnonzero(ids == END)
    kept = np.flatnonzero(ids[: ends[0] if len(ends) else len(ids)] != GO)
    texts = tuple(characters[i - FIRST_CHARACTER] for i in ids[kept])
    scores = probabilities[kept]
    edges = np.linspace(0, len(ids), len(texts) + 1, dtype=np.float32)
    return DecodedLine(
        "".join(texts), float(scores.mean()) if len(scores) else 0.0, texts, scores, edges[:-1], edges[1:]
    )

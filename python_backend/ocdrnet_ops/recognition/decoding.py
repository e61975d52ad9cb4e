"""The recognizer's ids -> characters: CTC best path and attention.

CTC best-path decoding.

Graves et al., "Connectionist Temporal Classification" (ICML 2006), section 3.2: the most probable id of each time step,
repeats collapsed, blanks dropped.

Decoding of an attention recognizer: one id a step until the end symbol.

As TAO's OCRNet writes its classes (Baek et al., "What Is Wrong With Scene Text Recognition Model Comparisons?", ICCV
2019, section 3.4, the attention decoder): `[GO]`, `[s]`, then the characters.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    first = np.flatnonzero(np.diff(ids, prepend=BLANK - 1))  # where a run of equal ids begins
    last = np.append(first[1:], len(ids))
    kept = ids[first] != BLANK
    first, last = first[kept], last[kept]
    texts = tuple(characters[i - 1] for i in ids[first])
    scores = probabilities[first]
    return DecodedLine(
        "".join(texts),
        float(scores.mean()) if len(scores) else 0.0,
        texts,
        scores,
        first.astype(np.float32),
        last.astype(np.float32),
        STEP_LAG,
    )


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

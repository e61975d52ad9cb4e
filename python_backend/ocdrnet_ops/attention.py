"""Decoding of an attention recognizer: one id a step until the end symbol.

As TAO's OCRNet writes its classes (Baek et al., "What Is Wrong With Scene Text Recognition Model Comparisons?", ICCV
2019, section 3.4, the attention decoder): `[GO]`, `[s]`, then the characters.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.decoded_line import DecodedLine

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

"""CTC best-path decoding.

Graves et al., "Connectionist Temporal Classification" (ICML 2006), section 3.2: the most probable id of each time step,
repeats collapsed, blanks dropped.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.decoded_line import DecodedLine

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

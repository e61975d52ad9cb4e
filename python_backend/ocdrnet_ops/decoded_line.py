"""What a decoder makes of one crop."""

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

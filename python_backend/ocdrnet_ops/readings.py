"""What the last step has of one image: outlines that may hold text, and the recognizer's answers for their crops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.ribbon import Outlines


@dataclass(frozen=True)
class Reading:
    """What the recognizer answered for a batch of crops.

    Attributes:
        ids: int32 [n, T], most probable character id of each time step.
        probabilities: float32 [n, T], of those ids.
    """

    ids: npt.NDArray[np.int32]
    probabilities: npt.NDArray[np.float32]


@dataclass(frozen=True)
class SecondReading(Reading):
    """What it answered for crops that were turned by 180 degrees.

    Attributes:
        lines: int32 [m], indices of those crops; n is m, or 1 where there is none.
    """

    lines: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Candidates:
    """Outlines of one image that may hold text.

    Attributes:
        outlines: float32 [N, P, 2], original pixels: quads with P = 4, ribbons with more.
        scores: float32 [N], of the detector, 0..1.
        widths: int32 [max(N, 1)], own width of each crop in pixels; of an image without outlines a blank one's.
    """

    outlines: Outlines
    scores: npt.NDArray[np.float32]
    widths: npt.NDArray[np.int32]

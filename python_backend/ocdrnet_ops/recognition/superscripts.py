"""Raised and lowered digits that a detector finds beside or inside their line: read once, in their place.

"m³" is one line, but the "3" is often a region of its own as well. Then the line was read as "m3", as "m³" or as "m",
and the region as "3": the digit belongs to the line, as a raised or lowered one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.geometry.quads import Quads, quad_sizes
from ocdrnet_ops.recognition.decoding import DecodedLine

RAISED = dict(zip("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True))
LOWERED = dict(zip("0123456789", "₀₁₂₃₄₅₆₇₈₉", strict=True))
MOST_DIGITS = 2
SURE = 0.85  # mean probability; what scores less is answered, or not, for itself
SMALLER = 0.65  # of the line's height: a higher box is a line of its own
OFF_MIDDLE = 0.08  # line heights that its middle lies above the line's, or below
SLACK = 0.3  # of its width, that its character may be read beside it
INSIDE = 0.2  # of its area lies in the line's box


def join_superscripts(
    lines: Sequence[DecodedLine], steps: npt.NDArray[np.float64], margins: npt.NDArray[np.float32], quads: Quads
) -> list[DecodedLine | None]:
    """The lines, with raised and lowered digits in their places; None where a line was nothing but these.

    Args:
        lines: of an image.
        steps: [N], width of each line's crop in time steps.
        margins: float32 [N, 2], of the crop's width, what it shows before the line and behind it.
        quads: float32 [N, 4, 2], their boxes, clockwise from the text's top-left.
    """
    joined: list[DecodedLine | None] = list(lines)
    small = [index for index, line in enumerate(lines) if line.score >= SURE and _may_be_raised(line.text.strip())]
    sizes = quad_sizes(quads)
    for index in small if len(lines) > 1 else ():
        host, left, right, below = _host(index, quads, sizes)
        line = joined[host]
        if host == index or line is None:
            continue
        before, own = margins[host, 0] * steps[host], (1 - margins[host].sum()) * steps[host]
        centers = ((line.starts + line.ends) / 2 - line.lag - before) / own
        plain, scripts = lines[index].text.strip(), LOWERED if below else RAISED
        digits = "".join(scripts[digit] for digit in plain)
        place = _place(line, centers, left, right, plain, digits)
        if place is not None:
            joined[host], joined[index] = _with(line, place, digits, lines[index].score), None
    return joined


def _may_be_raised(text: str) -> bool:
    return 0 < len(text) <= MOST_DIGITS and all(digit in RAISED for digit in text)


def _host(index: int, quads: Quads, sizes: npt.NDArray[np.float32]) -> tuple[int, float, float, bool]:
    """The line that holds most of a small box, or the box itself where none does.

    And the box's left and right edge, as fractions of that line's width, and whether it lies below the line's middle.
    """
    width, height = np.maximum(sizes, 1e-6).T
    origin = quads[:, 0]
    right, down = (quads[:, 1] - origin) / width[:, None], (quads[:, 3] - origin) / height[:, None]
    corners = quads[index] - origin[:, None]  # [N, 4, 2]
    along, across = np.einsum("npc,nc->np", corners, right), np.einsum("npc,nc->np", corners, down)
    left, far, top, bottom = along.min(axis=1), along.max(axis=1), across.min(axis=1), across.max(axis=1)
    inside = np.clip(np.minimum(far, width) - np.maximum(left, 0), 0, None)
    inside *= np.clip(np.minimum(bottom, height) - np.maximum(top, 0), 0, None)
    inside /= np.maximum((far - left) * (bottom - top), 1e-6)
    off = (top + bottom) / 2 / height - 0.5
    fits = (height[index] <= SMALLER * height) & (np.abs(off) >= OFF_MIDDLE) & (inside >= INSIDE)
    fits[index] = False
    host = int(np.argmax(np.where(fits, inside, -1))) if fits.any() else index
    return host, float(left[host] / width[host]), float(far[host] / width[host]), bool(off[host] > 0)


def _place(
    line: DecodedLine, centers: npt.NDArray[np.float32], left: float, right: float, plain: str, digits: str
) -> tuple[int, int] | None:
    """Range of the line's characters that the digits take the place of; None where others stand there."""
    for slack in (SLACK * (right - left), 0.0):
        under = np.flatnonzero((centers >= left - slack) & (centers <= right + slack)).tolist()
        under = [index for index in under if line.characters[index].strip()]
        first = under[0] if under else int(np.searchsorted(centers, (left + right) / 2))
        last = under[-1] + 1 if under else first
        text = "".join(line.characters[first:last])
        before = line.characters[last - len(plain) - 1] if last > len(plain) else ""
        if text.endswith(plain) and before in tuple(".,"):
            return None  # cents: the line has them, and the detector found them once more
        if text in (plain, digits) or (text and not any(character.isalnum() for character in text)):
            return first, last
        if text[1:] in (plain, digits):  # the box may reach over the letter before the digits as well
            return first + 1, last
    if text:
        return None
    while first and not line.characters[first - 1].strip():
        first -= 1
    before = line.characters[first - 1] if first else ""
    return (first, first) if before.isalpha() or before in tuple(")]") else None


def _with(line: DecodedLine, place: tuple[int, int], digits: str, score: float) -> DecodedLine:
    """The line with digits in the place of a range of its characters."""
    first, last = place

    def spliced(values: npt.NDArray[np.float32], new: float) -> npt.NDArray[np.float32]:
        return np.concatenate([values[:first], np.full(len(digits), new, np.float32), values[last:]])

    def at(values: npt.NDArray[np.float32]) -> float:
        return float(values[first] if last > first else values[first - 1])

    characters = (*line.characters[:first], *digits, *line.characters[last:])
    return replace(
        line,
        text="".join(characters),
        characters=characters,
        scores=spliced(line.scores, score),
        starts=spliced(line.starts, at(line.starts)),
        ends=spliced(line.ends, at(line.ends)),
    )

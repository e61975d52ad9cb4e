"""Lone characters: which of the doubtful ones to believe, and what look-alikes mean, by what stands beside them.

Keys of a keyboard, digits of a meter, heads of a spreadsheet and quantities of a bill are lines of one character, which
say little for themselves: a recognizer reads an "O" of a sans-serif face as "0", and scores an "S" in a frame 0.87. But
they stand in rows and columns of characters of one size, and what a wall or a cloud is taken for does not.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.geometry.quads import Quads, quad_sizes

Mask = npt.NDArray[np.bool_]

SAME_SIZE = 0.7  # of the larger one's height: boxes closer than that hold characters of one size
IN_ROW = 0.3  # of the height, that centers in one row may differ across it
IN_COLUMN = 0.5  # likewise in one column
ROW_REACH = 10.0  # heights between a quantity and the name beside it
COLUMN_REACH = 4.0  # heights between two rows of a table
FEWEST = 2  # lone neighbours that tell whether a look-alike is a letter or a digit
MOST_OF_THEM = 0.75  # of the neighbours must be of one kind
# Of its own box, what a character's reaches into that of the line that it was cut off. Boxes are larger than their
# print by about a quarter of its height on each side, and words farther apart than that do not touch.
LEAST_CUT, MOST_CUT = 0.15, 0.6

# What one stroke or one ring is read as, and what it is among capitals, small letters and digits.
_RING, _STROKE = ("O", "o", "0"), ("I", "l", "1")
_LOOK_ALIKES = {
    **dict.fromkeys("Oo0〇口", _RING),
    **dict.fromkeys("Il1丨工一_-—", _STROKE),  # "/" and "|" part dates and cells
}
_SAME_IN_BOTH_CASES = frozenset("cosvwxzCOSVWXZ")


def stand_among_equals(quads: Quads, short: Mask, sure: Mask) -> Mask:
    """Short lines that have a sure line of their size beside them, in their row or column: bool [N].

    Args:
        quads: float32 [N, 4, 2], of the lines of an image, clockwise from the text's top-left.
        short: bool [N], lines of one or few characters.
        sure: bool [N], lines that are answered for their own score. In a column, only short ones count.
    """
    rows, columns = _neighbours(quads, short)
    return np.asarray(short & ((rows & sure).any(axis=1) | (columns & sure).any(axis=1)))


def settle_look_alikes(texts: Sequence[str], quads: Quads, known: Collection[str]) -> list[str]:
    """The texts, in which lone look-alikes are what most lone characters beside them are: letters or digits.

    Args:
        texts: of lines that are answered.
        quads: float32 [N, 4, 2], theirs, clockwise from the text's top-left.
        known: characters of the recognizer; it answers no other.
    """
    lone = np.array([len(text) == 1 for text in texts], np.bool_)
    settled = list(texts)
    doubtful = [index for index, text in enumerate(texts) if text in _LOOK_ALIKES or text in _SAME_IN_BOTH_CASES]
    if not doubtful or lone.sum() <= FEWEST:
        return settled
    rows, columns = _neighbours(quads, lone)
    for index in doubtful:
        for beside in (rows[index], columns[index]):
            all_kinds = (_kind(texts[other]) for other in np.flatnonzero(beside & lone))
            kinds = [kind for kind in all_kinds if kind is not None]
            if len(kinds) >= FEWEST:
                meant = _settled(texts[index], kinds)
                settled[index] = meant if meant in known else texts[index]
                break
    return settled


def cut_off_characters(texts: Sequence[str], quads: Quads) -> list[tuple[int, int, bool]]:
    """Lone characters that a detector cut off the first or the last place of a line: its box reaches into the line's.

    Args:
        texts: of lines that are answered.
        quads: float32 [N, 4, 2], theirs, clockwise from the text's top-left.

    Returns:
        Index of the character, index of its line, and whether it stands behind it; each index at most once.
    """
    lone = np.array([len(text) == 1 for text in texts], np.bool_)
    found: list[tuple[int, int, bool]] = []
    if not lone.any() or lone.all():
        return found
    rows, _ = _neighbours(quads, lone)
    width, _ = quad_sizes(quads).T
    right = (quads[:, 1] - quads[:, 0]) / np.maximum(width, 1e-6)[:, None]
    taken: set[int] = set()
    for index in np.flatnonzero(lone).tolist():
        for host in np.flatnonzero(rows[index] & ~lone).tolist():
            places = (quads[index] - quads[host, 0]) @ right[host]
            behind = bool(places.mean() > width[host] / 2)
            overlap = float(width[host] - places.min() if behind else places.max())
            if host not in taken and LEAST_CUT * width[index] <= overlap <= MOST_CUT * width[index]:
                taken.add(host)
                found.append((index, host, behind))
                break
    return found


def _settled(text: str, kinds: list[int]) -> str:
    """A look-alike among lone characters of some kinds: 0 for capitals, 1 for small letters, 2 for digits."""
    counts = np.bincount(kinds, minlength=3)
    kind = int(counts.argmax())
    if counts[kind] < MOST_OF_THEM * len(kinds):
        return text
    if text in _LOOK_ALIKES:
        return _LOOK_ALIKES[text][kind]
    return (text.upper(), text.lower(), text)[kind]


def _kind(text: str) -> int | None:
    """0 for a capital, 1 for a small letter, 2 for a digit; None for what may be several of them, or none."""
    if text in _LOOK_ALIKES or text in _SAME_IN_BOTH_CASES or not text.isascii() or not text.isalnum():
        return None
    return 2 if text.isdigit() else int(text.islower())


def _neighbours(quads: Quads, lone: Mask) -> tuple[Mask, Mask]:
    """Lines of the size of each lone one in its row, and lone ones in its column: bool [N, N] each."""
    count = len(quads)
    rows, columns = np.zeros((count, count), np.bool_), np.zeros((count, count), np.bool_)
    chosen = np.flatnonzero(lone)
    if not len(chosen):
        return rows, columns
    width, height = quad_sizes(quads).T
    centers = quads.mean(axis=1)
    right = (quads[:, 1] - quads[:, 0]) / np.maximum(width, 1e-6)[:, None]  # of the neighbour: its line is longer
    apart = centers[None] - centers[chosen][:, None]
    along = np.abs((apart * right[None]).sum(axis=-1))
    across = np.abs(apart[..., 1] * right[:, 0] - apart[..., 0] * right[:, 1])
    larger = np.maximum(height[chosen][:, None], height[None])
    equal = np.minimum(height[chosen][:, None], height[None]) >= SAME_SIZE * larger
    equal &= chosen[:, None] != np.arange(count)
    gap = along - (width[chosen][:, None] + width[None]) / 2
    rows[chosen] = equal & (across <= IN_ROW * larger) & (gap <= ROW_REACH * larger)
    columns[chosen] = equal & lone & (along <= IN_COLUMN * larger) & (across <= (COLUMN_REACH + 1) * larger)
    return rows, columns

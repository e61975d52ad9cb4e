"""Columns of running text, told apart from the columns of tables, receipts and forms.

A recursive X-Y cut (Nagy and Seth, "Hierarchical representation of optically scanned documents", ICPR 1984) with the
two amendments that headings and tables call for. A gutter may be crossed: a line that stands alone in its rows, such
as a heading over two columns, divides the page into what is read before and after it (the second rule of Breuel,
"High performance document layout analysis", 2003, section 4), and a line with text to its side, such as a caption
that two columns flow around, is read after them. And a gutter counts only where both its sides are running text:
filled rows at a line's pitch, several characters wide, that start at one edge. The cells of a table are none of
these; its rows are read across.
"""

from __future__ import annotations

import numpy as np

from ocdrnet_ops.gutters import BESIDE, Gutter, find_gutters
from ocdrnet_ops.running_text import (
    ALIGNED,
    FEWEST_ROWS,
    SAME_ROW,
    WIDE,
    are_running_text,
    are_table_cells,
    facing_rows,
    rows_of,
)
from ocdrnet_ops.text_direction import Ints, Masks, UprightLines

AROUND = 0.25  # captions and the like per row of the columns that flow around them
APART = 0.9  # line heights: running heads and page numbers keep that distance from the text
KICKER_GAP = 3.5  # line heights: no pitch of lines of one column
KICKER_NEAR = 2.0  # line heights: what announces a heading stands closer to it than that
KICKER_ROWS = 3  # at most that many lines announce a heading


def column_blocks(lines: UprightLines) -> list[Ints]:
    """Blocks of a page in reading order, each of them to be read row by row.

    Args:
        lines: of a page, in its frame.

    Returns:
        Indices of each block's lines; together a permutation.
    """
    everything = np.arange(len(lines.x))
    head, body, foot = _head_and_foot(lines)
    blocks = _split(lines, body)
    if len(blocks) < 2:
        return [everything]
    return [block for block in (head, *blocks, foot) if len(block)]


def _head_and_foot(lines: UprightLines) -> tuple[Ints, Ints, Ints]:
    """Running head, text and foot; the outer two are single rows apart from the text, or empty."""
    order = np.argsort(lines.y, kind="stable")
    if len(order) < 2 * FEWEST_ROWS:
        return order[:0], order, order[:0]
    top, bottom = (lines.y - lines.height / 2)[order], (lines.y + lines.height / 2)[order]
    free = np.minimum.accumulate(top[::-1])[::-1][1:] - np.maximum.accumulate(bottom)[:-1]
    starts = np.flatnonzero(free > APART * np.median(lines.height)) + 1
    first = int(starts[0]) if len(starts) and _is_apart(lines, order[: starts[0]], order[starts[0] :]) else 0
    last = int(starts[-1]) if len(starts) and _is_apart(lines, order[starts[-1] :], order[: starts[-1]]) else len(order)
    return order[:first], order[first:last], order[last:]


def _is_apart(lines: UprightLines, row: Ints, text: Ints) -> bool:
    """Whether lines are one row that does not belong to the columns: a part of it begins at none of their edges."""
    if np.ptp(lines.y[row]) >= SAME_ROW * lines.height[row].min():
        return False
    begins = np.abs(lines.left[row, None] - lines.left[text]) < ALIGNED * lines.height[row, None]
    number = len(row) == 1 and lines.width[row[0]] < WIDE * lines.height[row[0]]
    return bool(number or (begins.sum(axis=1) < FEWEST_ROWS).any())


def _split(lines: UprightLines, members: Ints) -> list[Ints]:
    """Blocks of a part of a page: its gutters are tried in turn, those that fewest captions stand across first."""
    if not len(members):
        return []
    region = lines[members]
    for gutter in sorted(find_gutters(region), key=lambda gutter: int(gutter.floats.sum())):
        facing = facing_rows(region, gutter.left, gutter.right)[0].y
        if gutter.floats.sum() <= AROUND * len(facing):
            stretches = np.unique(np.searchsorted(np.sort(region.y[gutter.breaks]), facing))
            persists = len(facing) >= FEWEST_ROWS * len(stretches)
            if persists and are_running_text(region, gutter.beside_left, gutter.beside_right):
                return _cut_upright(lines, members, gutter)
        elif blocks := _cut_across(lines, members, gutter):
            return blocks
    return [members]


def _cut_upright(lines: UprightLines, members: Ints, gutter: Gutter) -> list[Ints]:
    """Left and right of each stretch between two breaks, then what they flow around, then the break."""
    region = lines[members]
    breaks = np.flatnonzero(gutter.breaks)[np.argsort(region.y[gutter.breaks], kind="stable")]
    stretch = np.searchsorted(region.y[breaks], region.y)
    blocks: list[Ints] = []
    heading: list[Ints] = []
    for number in range(len(breaks) + 1):
        own = (stretch == number) & ~gutter.breaks
        if own.any():
            above = _kickers(region, gutter, own, breaks[number]) if number < len(breaks) else own & False
            blocks += _split(lines, np.concatenate([*heading, members[:0]]))
            blocks += _stretch_blocks(lines, members, gutter, own & ~above)
            heading = [members[above]]
        heading.append(members[breaks[number : number + 1]])
    return blocks + _split(lines, np.concatenate(heading))


def _stretch_blocks(lines: UprightLines, members: Ints, gutter: Gutter, own: Masks) -> list[Ints]:
    """Left, right and what they flow around, unless this stretch is a table."""
    if gutter.breaks.any() and are_table_cells(lines[members], gutter.beside_left & own, gutter.beside_right & own):
        return _split(lines, members[own])
    parts = (members[own & side] for side in (gutter.left, gutter.right, gutter.floats))
    return [block for part in parts for block in _split(lines, part)]


def _kickers(region: UprightLines, gutter: Gutter, own: Masks, below: int) -> Masks:
    """Short lines right above a heading, far below the column they stand in: they announce the heading."""
    found = own & False
    floor = region.y[below] - region.height[below] / 2
    for side in (gutter.left, gutter.right):
        rows = rows_of(region, own & side)
        gaps = np.diff(rows.y) / rows.height[1:] if len(rows) else rows.y
        far = np.flatnonzero(gaps > KICKER_GAP)
        if len(far) and len(rows) - 1 - far[-1] <= KICKER_ROWS and floor - rows.y[-1] < KICKER_NEAR * rows.height[-1]:
            found |= own & side & (region.y > rows.y[far[-1]] + rows.height[far[-1]] / 2)
    return found


def _cut_across(lines: UprightLines, members: Ints, gutter: Gutter) -> list[Ints]:
    """Cut where the layout changes: above and below the longest stretch of a gutter that nothing crosses."""
    region = lines[members]
    across = np.flatnonzero(gutter.breaks | gutter.floats)
    across = across[np.argsort(region.y[across], kind="stable")]
    counts = np.bincount(np.searchsorted(region.y[across], region.y[gutter.beside_left]), minlength=len(across) + 1)
    longest = int(counts.argmax())
    above = _down_to(region, across[longest - 1]) if longest else np.zeros(len(members), np.bool_)
    below = ~above & (_from(region, across[longest]) if longest < len(across) else False)
    inside = ~above & ~below & (gutter.left | gutter.right)
    if not are_running_text(region, gutter.beside_left & inside, gutter.beside_right & inside, 2 * FEWEST_ROWS):
        return []
    return [block for part in (above, inside, below) for block in _split(lines, members[part])]


def _down_to(region: UprightLines, last: int) -> Masks:
    """Lines above and beside one."""
    return np.asarray(region.y < region.y[last] + BESIDE * (region.height + region.height[last]))


def _from(region: UprightLines, first: int) -> Masks:
    """Lines beside and below one."""
    return np.asarray(region.y > region.y[first] - BESIDE * (region.height + region.height[first]))

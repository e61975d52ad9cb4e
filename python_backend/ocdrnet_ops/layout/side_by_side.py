"""Blocks that stand side by side and have nothing to do with each other: pages of a spread, forms, text beside a table.

They need not be running text, which `running_text` finds. What tells them from a table's columns is that their rows
are not level: a table's, receipt's or form's rows stand at one height on both sides of every gap, or cell beside cell
where a cell has two lines; those of two blocks do so by chance alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ocdrnet_ops.layout.running_text import ALIGNED, ALIGNED_SHARE, SAME_ROW, SPAN, Rows, nearby, rows_of
from ocdrnet_ops.layout.text_direction import Floats, Masks, UprightLines

GAP = 1.2  # line heights: a narrower gap is one between words
OVERHANG = 0.3  # of a line's height: boxes are that much longer than their ink
PLACES = 8  # gaps that are looked at, those that fewest lines cross
TITLE = 1.5  # line heights: a higher line is a title
FOLD = 4.0  # line heights: the margins between the pages of a spread are no narrower
LEVEL = 0.22  # line heights: centers of one row differ by less
LEVEL_SHARE = 0.65  # of the rows of a table's emptier side are level with one of the other; by chance a third is
DRIFTING_SHARE = 0.8  # of them stand nearly level where a page is bent
MANY = 8  # rows of both sides: where there are fewer, no more than
FEW_LEVEL_SHARE = 0.34  # of them may stand even nearly level
ONE_SIZE = 2.2  # a block's largest line, of its smallest
ONE_SLANT = 6.0  # degrees: lines of one page lean alike
NEW_CELL = 1.35  # least ratio of a step down between cells to one within a cell
SHORTEST = 3  # rows side by side that show anything


@dataclass(frozen=True)
class SideBySide:
    """Two blocks and what stands above and below both.

    Attributes:
        above: bool [N], lines of the region over the blocks.
        left: bool [N], lines of the lefthand block.
        right: bool [N], lines of the righthand block.
        below: bool [N], lines under the blocks.
    """

    above: Masks
    left: Masks
    right: Masks
    below: Masks


def blocks_side_by_side(region: UprightLines) -> SideBySide | None:
    """The two blocks with most rows that face each other across a gap and are independent, if there are any.

    Args:
        region: lines of a page or of a part of it.
    """
    if len(region.x) < 2 * SHORTEST + 1 or _leans(region):
        return None
    order = np.argsort(region.y, kind="stable")  # so that a stretch between two crossing lines is a slice
    page = region[order]
    best, found = 0, None
    for left, right in _gaps(page):
        sides = left | right
        ends = [*np.searchsorted(page.y, page.y[~sides], side="right").tolist(), len(order)]
        for start, end in pairwise([0, *ends]):
            part = slice(start, end)
            if min(np.count_nonzero(left[part]), np.count_nonzero(right[part])) <= max(best, SHORTEST - 1):
                continue
            lines = page[part]
            inside = sides[part] & ~_title(lines, left[part], right[part])
            facing = independent_rows(lines, inside & left[part], inside & right[part])
            if facing > best:
                best = facing
                on_left, on_right = np.zeros((2, len(order)), np.bool_)
                on_left[order[part]], on_right[order[part]] = inside & left[part], inside & right[part]
                outside = ~on_left & ~on_right
                above = outside & (region.y < lines.y[inside].min())
                found = SideBySide(above, on_left, on_right, outside & ~above)
    return found


def _title(region: UprightLines, left: Masks, right: Masks) -> Masks:
    """Large lines over both blocks that begin where the lefthand one does and end before the other."""
    over: Masks = left & (region.bottom < region.top[right].min())
    if not over.any():
        return over
    return np.asarray(over & (region.height > TITLE * np.median(region.height[left | right])))


def facing_pages(lines: UprightLines) -> tuple[Masks, Masks] | None:
    """The lines of both pages of a spread, which nothing crosses; None if it is no spread."""
    if len(lines.x) < 2 * SHORTEST:
        return None
    begin, least = np.sort(lines.left), FOLD * np.median(lines.height)
    ended = np.maximum.accumulate(lines.right[np.argsort(lines.left)])
    if (begin[1:] - ended[:-1]).max() < least:
        return None
    found = blocks_side_by_side(lines)
    if found is None or (found.above | found.below).any():
        return None
    fold = lines.left[found.right].min() - lines.right[found.left].max()
    return (found.left, found.right) if fold >= least else None


def _leans(region: UprightLines) -> bool:
    long = region.width >= 3 * region.height
    return bool(long.any() and np.ptp(np.quantile(region.slant[long], [0.1, 0.9])) > np.deg2rad(ONE_SLANT))


def _gaps(region: UprightLines) -> list[tuple[Masks, Masks]]:
    """Lines to both sides of each gap, just before an edge where lines begin; the least crossed gaps first."""
    unit = float(np.median(region.height))
    reach = OVERHANG * region.height
    edges = np.sort(region.left)
    places = edges[np.diff(edges, prepend=-np.inf) > OVERHANG * unit][1:, None]
    left = region.right <= places - GAP * unit
    right = region.left + reach >= places
    enough = (left.sum(axis=1) >= SHORTEST) & (right.sum(axis=1) >= SHORTEST)
    chosen = np.flatnonzero(enough)
    crossed = (~left & ~right).sum(axis=1)[chosen]
    chosen = chosen[np.argsort(crossed, kind="stable")][:PLACES]
    return [(left[i], right[i]) for i in chosen]


def independent_rows(region: UprightLines, left: Masks, right: Masks) -> int:
    """Rows that face each other across a gap between two independent blocks, of the emptier side; 0 if they are not.

    Args:
        region: lines of a page or of a part of it.
        left: bool [N], lines to the left of the gap.
        right: bool [N], lines to the right of it.
    """
    if left.sum() < SHORTEST or right.sum() < SHORTEST:
        return 0
    rows, others = rows_of(region, left), rows_of(region, right)
    top = max(rows.y[0] - rows.height[0], others.y[0] - others.height[0])
    bottom = min(rows.y[-1] + rows.height[-1], others.y[-1] + others.height[-1])
    facing, opposite = (side[(side.y > top) & (side.y < bottom)] for side in (rows, others))
    count = min(len(facing), len(opposite))
    if count < SHORTEST:
        return 0
    fewer, more = (facing, opposite) if len(facing) <= len(opposite) else (opposite, facing)
    if _are_level(fewer, more) or not (_is_block(rows) and _is_block(others)) or _are_cells(fewer, more):
        return 0
    return count


def _is_block(rows: Rows) -> bool:
    """Whether rows are of one size and begin at one edge, or are centered on one another."""
    height = float(np.median(rows.height))
    if rows.height.max() > ONE_SIZE * rows.height.min():
        return False
    return any(
        np.mean((np.abs(nearby(edge, SPAN) - edge) < ALIGNED * height).any(axis=0)) >= ALIGNED_SHARE
        for edge in (rows.left, (rows.left + rows.right) / 2)
    )


def _are_level(fewer: Rows, more: Rows) -> bool:
    """Whether most rows of the emptier side stand at the height of one of the other, as in a table."""
    apart = fewer.y[:, None] - more.y
    nearest = np.take_along_axis(apart, np.abs(apart).argmin(axis=1)[:, None], axis=1)[:, 0]
    height = (np.median(fewer.height) + np.median(more.height)) / 2
    if np.mean(np.abs(nearest) < LEVEL * height) >= LEVEL_SHARE:
        return True
    if len(fewer) + len(more) < MANY and np.mean(np.abs(nearest) < SAME_ROW * height) > FEW_LEVEL_SHARE:
        return True
    # The rows of a slanted or bent receipt drift apart, but little from one row to the next.
    drift = np.abs(np.diff(nearest)) < LEVEL * height
    return bool(np.mean(np.abs(nearest) < SAME_ROW * height) >= DRIFTING_SHARE and drift.mean() >= LEVEL_SHARE)


def _are_cells(fewer: Rows, more: Rows) -> bool:
    """Whether both sides fall into cells of one or several lines, each of which stands beside one of the other side."""
    mine, theirs = _cells(fewer.y, len(more)), _cells(more.y, len(fewer))
    if abs(len(mine) - len(theirs)) > 1 or min(len(mine), len(theirs)) < SHORTEST:
        return False
    slack = LEVEL * float(np.median(np.concatenate([fewer.height, more.height])))
    level = (np.abs(mine[:, None] - theirs) < slack).any(axis=2)  # by their centers, or by their first lines
    return bool(level.any(axis=1).mean() >= LEVEL_SHARE)


def _cells(y: Floats, opposite: int) -> Floats:
    """Center and first line of each cell: float64 [cells, 2].

    Args:
        y: of the rows, from top to bottom.
        opposite: number of rows on the other side; half as many as here make cells of two lines each.
    """
    steps = np.diff(y)
    ranked = np.sort(steps)
    jumps = ranked[1:] / np.maximum(ranked[:-1], 1e-6)
    if jumps.max(initial=1) >= NEW_CELL:
        begins = steps >= ranked[1:][jumps.argmax()]
    else:
        begins = np.arange(len(steps)) % 2 == 1 if len(y) == 2 * opposite else steps > 0
    starts = np.concatenate([[0], np.flatnonzero(begins) + 1])
    return np.stack([np.add.reduceat(y, starts) / np.diff(np.append(starts, len(y))), y[starts]], axis=1)

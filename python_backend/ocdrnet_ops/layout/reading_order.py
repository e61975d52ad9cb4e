"""The order of lines on a page: gutters, columns, then rows from top to bottom.

Columns of running text, told apart from the columns of tables, receipts and forms.

A recursive X-Y cut (Nagy and Seth, "Hierarchical representation of optically scanned documents", ICPR 1984) with the
two amendments that headings and tables call for. A gutter may be crossed: a line that stands alone in its rows, such
as a heading over two columns, divides the page into what is read before and after it (the second rule of Breuel,
"High performance document layout analysis", 2003, section 4), and a line with text to its side, such as a caption
that two columns flow around, is read after them. And a gutter counts only where both its sides are running text:
filled rows at a line's pitch, several characters wide, that start at one edge. The cells of a table are none of
these; its rows are read across.

From the boxes alone. The page is turned upright first (`text_direction`), then cut into its columns (`columns`);
within a column, and on a page without columns, rows go down and each row goes right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.geometry.quads import Quads
from ocdrnet_ops.layout.justified import rows_put_together
from ocdrnet_ops.layout.rows import heads_raised, row_order
from ocdrnet_ops.layout.running_text import (
    ALIGNED,
    FEWEST_ROWS,
    SAME_ROW,
    WIDE,
    are_running_text,
    are_table_cells,
    facing_rows,
    rows_of,
)
from ocdrnet_ops.layout.side_by_side import blocks_side_by_side, facing_pages
from ocdrnet_ops.layout.signs import is_varied, sign_order
from ocdrnet_ops.layout.text_direction import Floats, Ints, Masks, UprightLines, upright_lines

CROSSING = 0.3  # of a line's height: a box that reaches less far over a gutter does not cross it;
STRAY = 0.1  # nor one that reaches over it by this share of its width,
STRAY_LIMIT = 0.6  # as long as it is not more line heights than that
BESIDE = 0.4  # of two lines' heights: centers closer than that stand side by side
CLOSE = 9.0  # line heights: the rows next to a heading that show which gutters it stands across
NARROW = 3.0  # line heights: a shorter neighbour, such as a page number or a drop cap, is no column beside a heading
ADJACENT = 4.0  # line heights: an indented line begins closer than that to its gutter
HARDLY_CROSSED = 0.5  # lines per line that begins at a place: a gutter that bounds the columns beside another
MOST_PLACES = 12  # gutters of a region that are looked at, those that least lines cross


@dataclass(frozen=True)
class Gutter:
    """A vertical cut: the lines of a region by where they stand.

    Attributes:
        left: bool [N], lines to the left of it.
        right: bool [N], lines to the right of it.
        breaks: bool [N], lines across it with nothing to their sides.
        floats: bool [N], lines across it with text to their sides.
        beside_left: bool [N], those lefthand lines that belong to the column next to it.
        beside_right: bool [N], those righthand lines, likewise.
    """

    left: Masks
    right: Masks
    breaks: Masks
    floats: Masks
    beside_left: Masks
    beside_right: Masks


def find_gutters(region: UprightLines) -> list[Gutter]:
    """Gutters where a column may begin: just before edges that several lines share, the least crossed first.

    Args:
        region: lines of a page or of a part of it.
    """
    if len(region.x) < 2 * FEWEST_ROWS:
        return []
    unit = float(np.median(region.height))
    left, right, reach = region.left, region.right, _reach(region)
    edges = np.sort(left)
    places = edges[np.diff(edges, prepend=-np.inf) > CROSSING * unit]
    begun = np.searchsorted(edges, places + ADJACENT * unit) - np.searchsorted(edges, places)
    places, begun = places[begun >= FEWEST_ROWS], begun[begun >= FEWEST_ROWS]
    crossed = ((left + reach < places[:, None]) & (right - reach > places[:, None])).sum(axis=1)
    before = (right - reach <= places[:, None]).sum(axis=1)
    flush = np.searchsorted(edges, places + ALIGNED * unit) - np.searchsorted(edges, places)
    clear = places[crossed <= HARDLY_CROSSED * flush]
    best = np.lexsort((places, crossed))
    best = best[before[best] >= FEWEST_ROWS][:MOST_PLACES]
    if not len(best):
        return []
    headings = _headings(region, places, clear)
    return [_gutter(region, float(places[i]), clear, headings) for i in best]


def _headings(region: UprightLines, places: Floats, clear: Floats) -> Masks:
    """Lines with nothing to their sides that stand across a gutter of the whole region, or of what is next to them."""
    reach = _reach(region)[:, None]
    across = (region.left[:, None] + reach < places) & (region.right[:, None] - reach > places)
    headings: Masks = across.any(axis=1)
    wide = region.width >= NARROW * region.height
    for i in np.flatnonzero(headings):
        away = region.y - region.y[i]
        beside = wide & (np.abs(away) < BESIDE * (region.height + region.height[i]))
        beside[i] = False
        crossed = places[across[i]]
        headings[i] = not beside.any() and (
            np.isin(crossed, clear).any() or _is_clear(region, away, crossed) or _is_clear(region, -away, crossed)
        )
    return headings


def _is_clear(region: UprightLines, away: Floats, places: Floats) -> bool:
    """Whether a place is a gutter of the first few rows away from a line."""
    near = region[(away > 0) & (away < CLOSE * np.median(region.height))]
    reach, distance = _reach(near)[:, None], near.left[:, None] - places
    begun = ((distance + reach >= 0) & (distance < ADJACENT * near.height[:, None])).sum(axis=0)
    ended = (near.right[:, None] - reach <= places).sum(axis=0)
    crossed = (distance + reach < 0).sum(axis=0) - ended
    return bool(((begun >= FEWEST_ROWS) & (ended >= FEWEST_ROWS) & (crossed <= 0)).any())


def _gutter(region: UprightLines, x: float, clear: Floats, headings: Masks) -> Gutter:
    reach, begin = _reach(region), region.left
    left = (region.right - reach <= x) & ~headings
    right = ~left & (begin + reach >= x) & ~headings
    across, sides = np.flatnonzero(~left & ~right), np.flatnonzero(left | right)
    sides = sides[region.width[sides] >= NARROW * region.height[sides]]
    crossing, others = region[across], region[sides]
    apart = np.abs(crossing.y[:, None] - others.y)
    floating = (apart < BESIDE * (crossing.height[:, None] + others.height)).any(axis=1)
    breaks, floats = np.zeros_like(left), np.zeros_like(left)
    breaks[across[~floating]] = True
    floats[across[floating]] = True
    unit = NARROW * float(np.median(region.height))
    start = clear[clear < x - unit].max(initial=-np.inf)
    end = clear[clear > x + unit].min(initial=np.inf)
    return Gutter(left, right, breaks, floats, left & (begin + reach >= start), right & (begin + reach < end))


def _reach(region: UprightLines) -> Floats:
    """How far each line may stick out over a gutter: boxes are a little longer than their ink."""
    return np.clip(STRAY * region.width, CROSSING * region.height, STRAY_LIMIT * region.height)


AROUND = 0.25  # captions and the like per row of the columns that flow around them
APART = 0.9  # line heights: running heads and page numbers keep that distance from the text
ANNOUNCING_GAP = 3.5  # line heights: no pitch of lines of one column
ANNOUNCING_NEAR = 2.0  # line heights: what announces a heading stands closer to it than that
ANNOUNCING_ROWS = 3  # at most that many lines announce a heading


def column_blocks(lines: UprightLines) -> list[Ints]:
    """Blocks of a page in reading order, each of them to be read row by row.

    Args:
        lines: of a page, in its frame.

    Returns:
        Indices of each block's lines; together a permutation.
    """
    everything = np.arange(len(lines.x))
    if pages := facing_pages(lines):
        return [page[block] for page in map(np.flatnonzero, pages) for block in column_blocks(lines[page])]
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
    blocks_found = blocks_side_by_side(region)
    if blocks_found is None:
        return [members]
    parts = (blocks_found.above, blocks_found.left, blocks_found.right, blocks_found.below)
    return [block for part in parts for block in _split(lines, members[part])]


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
            above = _lines_that_announce(region, gutter, own, breaks[number]) if number < len(breaks) else own & False
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


def _lines_that_announce(region: UprightLines, gutter: Gutter, own: Masks, below: int) -> Masks:
    """Short lines right above a heading, far below the column they stand in: they announce the heading."""
    found = own & False
    floor = region.y[below] - region.height[below] / 2
    for side in (gutter.left, gutter.right):
        rows = rows_of(region, own & side)
        gaps = np.diff(rows.y) / rows.height[1:] if len(rows) else rows.y
        far = np.flatnonzero(gaps > ANNOUNCING_GAP)
        if (
            len(far)
            and len(rows) - 1 - far[-1] <= ANNOUNCING_ROWS
            and floor - rows.y[-1] < ANNOUNCING_NEAR * rows.height[-1]
        ):
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


CAP_HEIGHT = 1.8  # line heights: what is at least that high and not wider than CAP_WIDTH may be a drop cap
CAP_WIDTH = 1.6  # of its height


def reading_order(boxes: Quads) -> npt.NDArray[np.int64]:
    """Indices that put boxes into reading order.

    Lines that run across the page's direction, such as a note in the margin, come last, in their own order.

    Args:
        boxes: float32 [N, 4, 2], clockwise from the text's top-left.

    Returns:
        int64 [N], a permutation.
    """
    lines = heads_raised(upright_lines(boxes))
    upright, turned = np.flatnonzero(~lines.turned), np.flatnonzero(lines.turned)
    page, pieces = rows_put_together(lines[upright])
    order = [upright[pieces[index]] for block in _blocks_in_order(page) for index in block.tolist()]
    if len(turned):
        order.append(turned[reading_order(boxes[turned])])
    return np.concatenate([np.zeros(0, np.int64), *order])


def _blocks_in_order(lines: UprightLines) -> list[Ints]:
    if is_varied(lines) and (signs := sign_order(lines)) is not None:
        return [signs]
    lines = _drop_caps_raised(lines)
    return [block[_block_order(lines[block])] for block in column_blocks(lines)]


def _block_order(lines: UprightLines) -> Ints:
    """Sign by sign in a scene, row by row elsewhere."""
    signs = sign_order(lines)
    return row_order(lines) if signs is None else signs


def _drop_caps_raised(lines: UprightLines) -> UprightLines:
    """Move each large initial up into the first of the rows that it stands before."""
    if len(lines.x) < 3:
        return lines
    unit = float(np.median(lines.height))
    caps = np.flatnonzero((lines.height >= CAP_HEIGHT * unit) & (lines.width <= CAP_WIDTH * lines.height))
    y = lines.y.copy()
    for cap in caps.tolist():
        gap = lines.left - lines.right[cap]
        beside = (np.abs(gap) < 1.2 * unit) & (np.abs(lines.y - lines.y[cap]) < lines.height[cap] / 2)
        beside &= lines.height * CAP_HEIGHT <= lines.height[cap]
        if beside.sum() >= 2:
            y[cap] = lines.y[beside].min()
    return replace(lines, y=y)

"""Gutters: places where one column may end and the next begin, and what stands at which side of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ocdrnet_ops.running_text import ALIGNED, FEWEST_ROWS
from ocdrnet_ops.text_direction import Floats, Masks, UprightLines

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

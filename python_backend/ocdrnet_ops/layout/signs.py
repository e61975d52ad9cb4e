"""Signs, labels and posters in a scene, each of them read whole.

Lines that stand close under one another, at one slant, are one sign, whatever their sizes. A scene is told from a page
by its rows: on a page, lines that face each other stand level and are of one size, as in a table or a receipt; what
faces a sign does so only by chance. The signs are then cut into bands from top to bottom, and each band into what
stands from left to right (the recursive X-Y cut of Nagy and Seth, "Hierarchical representation of optically scanned
documents", ICPR 1984, of the signs instead of the lines).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ocdrnet_ops.layout.rows import row_order
from ocdrnet_ops.layout.text_direction import Floats, Ints, Masks, UprightLines, median

MOST_LINES = 200  # of a scene; more make a page
VARIED = 2.0  # a large line of a scene, of a small one
LEVEL = 0.4  # line heights: centers of lines in one row differ by less
ONE_SIZE = 1.7  # larger of two lines in one row, of the smaller one
LEVEL_SHARE = 0.65  # of a table's column stands level with the next one
TABLE_SHARE = 0.5  # of the lines that face others do so in a table, if the lines are no scene
ONE_SLANT = 6.0  # degrees: lines on one sign lean alike
SHORT = 3.0  # heights of a line; the slant of a shorter box says little
STACKED = 1.0  # heights of the smaller line: lines of one sign are no farther apart
SIZES = 6.0  # largest line of a sign, of the smallest one that stands next to it
OVERLAP = 0.5  # of the narrower line's width that lies under the other, or
CENTERED = 0.5  # line heights: centers of lines that are centered on one another differ by less, their ends by more
WORD_GAP = 1.3  # line heights: words of one line on a sign are no farther apart
TABLE_ROWS = 3  # level rows that two columns share make them one table; two more are too many for signs
SHRUNK = 0.15  # of a line's height: by which a sign is smaller than the boxes of its lines, on either side


def is_varied(lines: UprightLines) -> bool:
    """Whether lines differ in size or slant more than those of a page do.

    Args:
        lines: of an image, in the frame of the page.
    """
    if len(lines.x) < 3:
        return False
    small, large = outer_tenths(lines.height)
    long = lines.slant[lines.width >= SHORT * lines.height]
    low, high = outer_tenths(long) if len(long) else (0.0, 0.0)
    return large >= VARIED * small or high - low > np.deg2rad(ONE_SLANT)


def outer_tenths(values: Floats) -> tuple[float, float]:
    """Quantiles 0.1 and 0.9, as `np.quantile`, whose checks take ten times as long for a scene's few lines.

    Args:
        values: float64 [N], at least one; no NaN.
    """
    ordered = np.sort(values).tolist()
    last = len(ordered) - 1
    found = []
    for share in (0.1, 0.9):
        below = int(share * last)
        part, step = share * last - below, ordered[min(below + 1, last)] - ordered[below]
        # As NumPy rounds: from the nearer of the two values.
        found.append(ordered[below] + step * part if part < 0.5 else ordered[min(below + 1, last)] - step * (1 - part))
    return found[0], found[1]


def sign_order(lines: UprightLines) -> Ints | None:
    """Indices that put the lines of a scene into order, sign by sign; None where the lines are no scene.

    Args:
        lines: of an image or a block of a page, in the frame of the page.
    """
    count = len(lines.x)
    if not 2 < count <= MOST_LINES:
        return None
    pairs = _pairs(lines)
    labels = _components(pairs.stacked | pairs.beside)
    table, merged = _tables(lines, labels, pairs)
    facing = pairs.facing & (labels[:, None] != labels)
    if (facing & table).any(axis=1).sum() >= TABLE_SHARE * facing.any(axis=1).sum():
        return None
    sizes = (labels[:, None] == labels).sum(axis=1)
    if not is_varied(lines) and not (facing & ~table & (sizes > 1) & (sizes > 1)[:, None]).any():
        return None  # single lines that face each other are a page's uneven rows rather than signs
    labels = _components((labels[:, None] == labels) | merged)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    edges = np.array([_edges(lines[sign]) for sign in members])
    order = [members[sign][_own_order(lines[members[sign]])] for sign in _cut(edges, list(range(len(members))))]
    return np.asarray(np.concatenate(order))


@dataclass(frozen=True)
class _Pairs:
    """What each two lines are to each other, bool [N, N], symmetric.

    Attributes:
        facing: they stand side by side with nothing between them.
        level: they do, in one row and of one size.
        stacked: one stands close under the other.
        beside: they are words of one line.
    """

    facing: Masks
    level: Masks
    stacked: Masks
    beside: Masks


def _pairs(lines: UprightLines) -> _Pairs:
    x, y = lines.x - lines.x[:, None], lines.y - lines.y[:, None]
    smaller = np.minimum(lines.height, lines.height[:, None])
    larger = np.maximum(lines.height, lines.height[:, None])
    alike = _lean_alike(lines)
    slant = np.where(lines.width < SHORT * lines.height, np.nan, lines.slant)
    pair = np.stack(np.broadcast_arrays(slant, slant[:, None]))
    known = np.isfinite(pair)
    lean = np.where(known, pair, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    along, down = x * np.cos(lean) + y * np.sin(lean), y * np.cos(lean) - x * np.sin(lean)
    widths = (lines.width + lines.width[:, None]) / 2
    heights = (lines.height + lines.height[:, None]) / 2
    apart, above = np.abs(along) - widths, np.abs(down) - heights
    others = ~np.eye(len(x), dtype=np.bool_)
    facing = others & (np.abs(x) > widths - smaller) & (np.abs(y) < heights - LEVEL * smaller)
    facing &= ~_hidden(lines)
    level = facing & (np.abs(y) < LEVEL * smaller) & (larger < ONE_SIZE * smaller) & alike
    narrower = np.minimum(lines.width, lines.width[:, None])
    stacked = others & alike & (above <= STACKED * smaller) & (np.abs(down) > smaller / 2) & (larger <= SIZES * smaller)
    stacked &= -apart >= OVERLAP * narrower
    beside = others & alike & (apart < WORD_GAP * smaller) & (np.abs(down) < LEVEL * smaller)
    return _Pairs(facing, level, stacked, beside & (larger < ONE_SIZE * smaller))


def _lean_alike(lines: UprightLines) -> Masks:
    """Whether two lines have one slant, as far as their boxes tell: bool [N, N]."""
    slack = np.deg2rad(ONE_SLANT) * np.maximum(1, SHORT * lines.height / lines.width)
    return np.asarray(np.abs(lines.slant - lines.slant[:, None]) < np.maximum(slack, slack[:, None]))


def _hidden(lines: UprightLines) -> Masks:
    """Whether a third line stands between two lines side by side: bool [N, N]."""
    left, right = lines.right[:, None], lines.left[None]  # of the gap from the first line to the second
    top = np.maximum(lines.top[:, None], lines.top)
    bottom = np.minimum(lines.bottom[:, None], lines.bottom)
    hidden = np.zeros_like(top, np.bool_)
    for k in range(len(lines.x)):
        inside = (lines.x[k] > left) & (lines.x[k] < right)
        hidden |= inside & (lines.top[k] < (top + bottom) / 2) & (lines.bottom[k] > (top + bottom) / 2)
    return hidden | hidden.T


def _tables(lines: UprightLines, labels: Ints, pairs: _Pairs) -> tuple[Masks, Masks]:
    """Lines of signs that face each other as columns of a table do, and of those that are one table: bool [N, N].

    Most lines of the smaller one stand level with one of the other; or both have so many that they are no signs.
    """
    table, merged = np.zeros_like(pairs.level), np.zeros_like(pairs.level)
    first, second = np.nonzero(np.triu(pairs.facing))
    signs = np.sort(np.stack([labels[first], labels[second]]), axis=0)
    groups = {label: _group(lines, labels, label) for label in dict.fromkeys(signs.ravel().tolist())}
    for one, other in dict.fromkeys(zip(*signs.tolist(), strict=True)):
        if one == other or (groups[one].is_centered and groups[other].is_centered):
            continue
        both = np.ix_(groups[one].members, groups[other].members)
        facing, level = pairs.facing[both], pairs.level[both]
        rows = min(facing.any(axis=0).sum(), facing.any(axis=1).sum())
        level_rows = min(level.any(axis=0).sum(), level.any(axis=1).sum())
        cells = _are_cells(groups[one], groups[other])
        if cells or level_rows >= LEVEL_SHARE * rows or rows >= TABLE_ROWS + 2:
            table[both] = True
            merged[both] = level_rows >= TABLE_ROWS
    return table | table.T, merged | merged.T


@dataclass(frozen=True)
class _Group:
    """Lines of one sign, and what is asked of them for each sign that faces it.

    Attributes:
        members: their indices.
        is_centered: see `_is_centered`.
        height: their median height.
        slant: their median slant.
        y: mean of their centers.
    """

    members: Ints
    is_centered: bool
    height: float
    slant: float
    y: float


def _group(lines: UprightLines, labels: Ints, label: int) -> _Group:
    members = np.flatnonzero(labels == label)
    if len(members) == 1:
        height, slant, y = (float(values[members[0]]) for values in (lines.height, lines.slant, lines.y))
        return _Group(members, False, height, slant, y)
    sign = lines[members]
    return _Group(members, _is_centered(sign), median(sign.height), median(sign.slant), float(sign.y.mean()))


def _are_cells(one: _Group, other: _Group) -> bool:
    """Whether groups of lines of one size and slant, of different numbers, are centered beside one another."""
    lower, higher = sorted((one.height, other.height))
    alike = higher < ONE_SIZE * lower and abs(one.slant - other.slant) < np.deg2rad(ONE_SLANT)
    return alike and abs(one.y - other.y) < LEVEL * lower


def _is_centered(sign: UprightLines) -> bool:
    """Whether lines of different lengths are centered on one another, as on a sign; a table's begin or end level."""
    lean = _lean(sign)
    along, left, right = (x * np.cos(lean) + sign.y * np.sin(lean) for x in (sign.x, sign.left, sign.right))
    height = float(sign.height.min())
    return bool(np.ptp(along) < CENTERED * height < min(np.ptp(left), np.ptp(right)))


def _lean(sign: UprightLines) -> float:
    """Slant of a sign in radians, the mean by the lines' widths."""
    weights = np.maximum(sign.width, 1e-6)
    return float((sign.slant * weights).sum() / weights.sum())


def _components(joined: Masks) -> Ints:
    """Connected components of a symmetric relation: int64 [N], the least index of each line's component."""
    labels = np.arange(len(joined))
    joined = joined | np.eye(len(joined), dtype=np.bool_)
    while True:
        lower = np.where(joined, labels, len(labels)).min(axis=1)
        if (lower == labels).all():
            return np.asarray(labels)
        labels = lower


def _edges(sign: UprightLines) -> Floats:
    """Left, top, right and bottom of a sign, a little within its boxes."""
    inset = SHRUNK * sign.height
    half = (sign.height * np.cos(sign.slant) + sign.width * np.abs(np.sin(sign.slant))) / 2 - inset
    return np.array([sign.left.min(), (sign.y - half).min(), sign.right.max(), (sign.y + half).max()])


def _own_order(sign: UprightLines) -> Ints:
    """The order of a sign's lines, in the frame of its own slant."""
    lean = _lean(sign)
    cos, sin = np.cos(lean), np.sin(lean)
    return row_order(replace(sign, x=sign.x * cos + sign.y * sin, y=sign.y * cos - sign.x * sin))


def _cut(edges: Floats, signs: list[int]) -> list[int]:
    """Signs in order: bands from top to bottom, within them parts from left to right."""
    if len(signs) < 2:
        return signs
    for axis in (1, 0):
        parts = _parts(edges, signs, axis)
        if len(parts) > 1:
            return [sign for part in parts for sign in _cut(edges, part)]
    return sorted(signs, key=lambda sign: (edges[sign, 1] + edges[sign, 3]) / 2)


def _parts(edges: Floats, signs: list[int], axis: int) -> list[list[int]]:
    """Signs that lie between gaps of an axis, in order."""
    parts: list[list[int]] = []
    end = -np.inf
    for sign in sorted(signs, key=lambda sign: float(edges[sign, axis])):
        if edges[sign, axis] >= end:
            parts.append([])
        parts[-1].append(sign)
        end = max(end, edges[sign, axis + 2])
    return parts

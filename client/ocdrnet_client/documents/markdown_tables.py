"""Tables that are plain to see: rows of cells that stand under one another, with clear gaps between the columns.

A page of level lines in, the tables among them out. What is doubtful is no table: prose in two columns, a list with its
numbers set apart, cells of several lines.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ocdrnet_client.documents.document import text_angle
from ocdrnet_client.documents.outlines import angle_of, height_of, words_of
from ocdrnet_client.documents.xml_text import legal
from ocdrnet_client.results import Page, Point

# Chosen by hand on drawn pages; all in line heights, but the numbers of rows, columns and characters.
SAME_ROW = 0.5  # centers closer than that stand in one row
CELL_GAP = 1.5  # between two words of a line: wider than justified text has
COLUMN_GAP = 0.5  # between the widest cells of neighbouring columns
ALIGNED = 0.75  # how far the cells of a column may stand from one edge or one center
CLEARER = 0.25  # how much closer the right edges stand than the left ones in a column that is flush right
ROW_STEP = 3.5  # from row to row
FEWEST_ROWS = 3  # with a cell in each column
LONGEST_START = 5  # rows among which these are sought
PROSE = 30  # characters: where the cells of all columns are usually longer, the columns are prose
SLANTED = 20  # degrees off the page's direction: such a line is no part of a row


@dataclass(frozen=True)
class Span:
    """A text and where it stands on the page, turned so that most of its text is level; pixels."""

    text: str
    left: float
    right: float


@dataclass(frozen=True)
class LevelLine:
    """A line on the page turned so that most text is level; y grows from line to line, all in pixels."""

    text: str
    left: float
    right: float
    middle: float
    height: float
    words: tuple[Span, ...]
    paragraph: int
    is_slanted: bool  # or curved: its rectangle says little

    def is_beside(self, other: LevelLine) -> bool:
        """Whether two lines stand in one row."""
        if self.is_slanted or other.is_slanted:
            return False
        return abs(self.middle - other.middle) < SAME_ROW * min(self.height, other.height)


@dataclass(frozen=True)
class Table:
    """A table: of which lines of the page, its cells (empty where a row has none), which columns are flush right."""

    first: int
    end: int
    rows: tuple[tuple[str, ...], ...]
    flush_right: tuple[bool, ...]


def level_lines(page: Page) -> tuple[LevelLine, ...]:
    """The lines that hold text, in reading order."""
    turned = text_angle(page)
    cosine, sine = math.cos(math.radians(turned)), math.sin(math.radians(turned))

    def span(text: str, points: Sequence[Point]) -> Span:
        along = [x * cosine + y * sine for x, y in points]
        return Span(text, min(along), max(along))

    found = []
    for line in page.lines:
        if not (text := " ".join(legal(line.text).split())):
            continue
        whole = span(text, line.box)
        middle = statistics.fmean(y * cosine - x * sine for x, y in line.box)
        words = tuple(span(word.text, word.box) for word, _ in words_of(line))
        off = abs((angle_of(line.box) - turned + 180) % 360 - 180) > SLANTED or bool(line.polygon)
        found.append(LevelLine(text, whole.left, whole.right, middle, height_of(line.box), words, line.paragraph, off))
    return tuple(found)


@dataclass(frozen=True)
class _Row:
    first: int
    end: int
    middle: float
    height: float
    cells: tuple[Span, ...]


def tables_of(lines: Sequence[LevelLine], is_marker: Callable[[str], bool]) -> list[Table]:
    """The tables of a page, in its order, none of whose lines is in another.

    Args:
        lines: in reading order.
        is_marker: whether a text is a list's bullet or number; a column of these makes a list, no table.
    """
    rows = list(_rows(lines))
    tables = []
    start = 0
    while start <= len(rows) - FEWEST_ROWS:
        table, end = _longest(rows, start, is_marker)
        if table:
            tables.append(table)
        start = end
    return tables


def _longest(rows: Sequence[_Row], start: int, is_marker: Callable[[str], bool]) -> tuple[Table | None, int]:
    """The table that begins with a row, and the row after it; none, and the next row."""
    for end in range(start + FEWEST_ROWS, min(start + LONGEST_START, len(rows)) + 1):
        if table := _table(rows[start:end], is_marker):
            break
    else:
        return None, start + 1
    # Steps that double and halve: a table of 5,000 rows is not looked at 5,000 times.
    step = 1
    while step:
        longer = _table(rows[start : end + step], is_marker) if end + step <= len(rows) else None
        if longer:
            table, end, step = longer, end + step, step * 2
        else:
            step //= 2
    return table, end


def _rows(lines: Sequence[LevelLine]) -> Iterator[_Row]:
    first = 0
    while first < len(lines):
        end = first + 1
        while end < len(lines) and lines[end].is_beside(lines[first]):
            end += 1
        row = lines[first:end]
        cells = sorted((cell for line in row for cell in _cells(line)), key=lambda cell: cell.left)
        height = statistics.fmean(line.height for line in row)
        # A slanted line has no cells: it is a row that ends a table.
        yield _Row(first, end, statistics.fmean(line.middle for line in row), height, tuple(cells))
        first = end


def _cells(line: LevelLine) -> Iterator[Span]:
    """A line's words, divided at wide gaps; without such a gap the line itself, whose text has the right blanks."""
    if line.is_slanted:
        return
    words = sorted(line.words, key=lambda word: word.left)
    cuts = [
        index for index in range(1, len(words)) if words[index].left - words[index - 1].right > CELL_GAP * line.height
    ]
    if not cuts:
        yield Span(line.text, line.left, line.right)
        return
    for begin, end in zip([0, *cuts], [*cuts, len(words)], strict=True):
        inside = [word for word in line.words if word in words[begin:end]]  # in reading order
        yield Span(" ".join(word.text for word in inside), words[begin].left, words[end - 1].right)


def _table(rows: Sequence[_Row], is_marker: Callable[[str], bool]) -> Table | None:
    height = statistics.median(row.height for row in rows)
    columns = max(len(row.cells) for row in rows)
    full = [row for row in rows if len(row.cells) == columns]
    steps = [after.middle - before.middle for before, after in pairwise(rows)]
    if columns < 2 or len(full) < FEWEST_ROWS or not all(0 < step <= ROW_STEP * height for step in steps):
        return None
    by_column = [[row.cells[column] for row in full] for column in range(columns)]
    spans = [(min(cell.left for cell in cells), max(cell.right for cell in cells)) for cells in by_column]
    # The first row names the columns, often in another alignment; of few rows all must agree.
    body = by_column if len(full) <= FEWEST_ROWS else [cells[1:] for cells in by_column]
    placed = [cells for row in rows if (cells := _placed(row, spans))]
    is_plain = (
        all(after[0] - before[1] >= COLUMN_GAP * height for before, after in pairwise(spans))
        and all(min(_spreads(cells)) <= ALIGNED * height for cells in body)
        and not all(statistics.median(len(cell.text) for cell in cells) > PROSE for cells in by_column)
        and not all(is_marker(cell.text) for cell in by_column[0])
        and len(placed) == len(rows)
    )
    if not is_plain:
        return None
    flush_right = tuple(_spreads(cells)[1] + CLEARER * height < _spreads(cells)[0] for cells in body)
    return Table(rows[0].first, rows[-1].end, tuple(placed), flush_right)


def _spreads(cells: Sequence[Span]) -> tuple[float, float, float]:
    """How far apart the cells' left edges, right edges and centers stand."""
    lefts, rights = [cell.left for cell in cells], [cell.right for cell in cells]
    centers = [(cell.left + cell.right) / 2 for cell in cells]
    return max(lefts) - min(lefts), max(rights) - min(rights), max(centers) - min(centers)


def _placed(row: _Row, spans: Sequence[tuple[float, float]]) -> tuple[str, ...] | None:
    """A row's texts by column; None where a cell stands in no column, or in two, or where the row has but one."""
    texts = [""] * len(spans)
    for cell in row.cells:
        inside = [index for index, (left, right) in enumerate(spans) if cell.left < right and cell.right > left]
        if len(inside) != 1 or texts[inside[0]]:
            return None
        texts[inside[0]] = cell.text
    return tuple(texts) if len(row.cells) > 1 else None

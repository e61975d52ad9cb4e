"""Markdown (CommonMark with GitHub's tables): running text, headings, lists and tables.

What a page looks like decides, and what is doubtful stays a paragraph: a wrong heading hurts more than a missing one.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.markdown_tables import LevelLine, Table, level_lines, tables_of
from ocdrnet_client.documents.outlines import is_right_to_left
from ocdrnet_client.documents.xml_text import comment, legal
from ocdrnet_client.results import Page
from ocdrnet_ops.scripts import is_unspaced

# Of the page's usual line height, from which a heading is of level 1, 2, 3. A box ends at its letters: that of a line
# with ascenders and descenders is a third higher than that of one without, hence not less than 1.4.
HEADING_SIZES = (2.2, 1.75, 1.4)
HEADING_ROWS = 2
HEADING_LENGTH = 100  # characters
SENTENCE = 8  # words: what has as many and ends with a full stop is no heading
SAME_SIZE = 0.8  # of a heading's height: such a line beside it makes both a row of a form or receipt
DELIBERATE = 1.0  # line heights that are left over where a line ends though the next word had room
ENTRIES = 3  # rows, each of which begins with a digit: an index or a timetable, whose rows stay rows

_BULLET = re.compile(r"[•‣◦▪▫■□●○▶►➢✓✔·∙]\s*(?=\S)")
_DASH = re.compile(r"[-–—*+]\s+(?=\S)")  # of one alone nobody knows: a dialogue begins like that, too
_NUMBER = re.compile(r"([0-9]{1,3})[.)]\s+(?=\S)")
_MARKER = re.compile(r"(?:[•‣◦▪▫■□●○▶►➢✓✔·∙*+–—-]|[0-9]{1,3}[.)])")
_INLINE = re.compile(r"[\\`*\[<~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
_LINE_START = re.compile(r"[#=+-](?=[\s#=-]|$)|[>|]|:(?=-)|(?<=\d)[.)](?=\s|$)")


@dataclass(frozen=True)
class _Row:
    """What stands in one row of a paragraph."""

    text: str
    left: float
    right: float
    height: float
    first_word: float  # its width


@dataclass(frozen=True)
class _Block:
    """A paragraph, or one item of a list.

    Attributes:
        rows: its rows, those of an item without the marker.
        marker: `-`, `•` or the item's number; empty for a paragraph.
        as_read: the first row with its marker.
        goes_on: the rows are of the same paragraph as the block before.
    """

    rows: tuple[_Row, ...]
    marker: str
    as_read: _Row
    goes_on: bool


def markdown_of(pages: Iterable[DocumentPage], _name: str | None) -> Iterator[str]:
    """A document as Markdown, in pieces, one for each page.

    From the second on, a page begins with a rule and a comment that names it; so does, without the rule, a first one
    that is not number 1. A page that failed is a comment that says why.
    """
    for index, page in enumerate(pages):
        begin = "\n---\n\n" if index else ""
        if page.page is None:
            yield f"{begin}{comment(f'page {page.number} failed: {page.error}')}\n"
            continue
        if index or page.number != 1:
            begin += f"{comment(f'page {page.number}')}\n"
        body = "\n\n".join(_blocks(page.page))
        yield begin + ("\n" if begin and body else "") + (f"{body}\n" if body else "")


def _inline(text: str) -> str:
    return _INLINE.sub(r"\\\g<0>", legal(text))


def _line(text: str) -> str:
    """A line of text, so that Markdown shows it as it is."""
    text = _inline(text)
    number = re.match(r"\d*", text)
    start = number.end() if number else 0
    found = _LINE_START.match(text, start)
    # A number's full stop or bracket begins a list only after its digits; the other signs only at the very start.
    if found and (start == 0 or found[0] in ".)"):
        text = f"{text[:start]}\\{text[start:]}"
    return text


def _blocks(page: Page) -> Iterator[str]:
    lines = level_lines(page)
    usual = _usual_height(lines)
    tables = {table.first: table for table in tables_of(lines, lambda text: bool(_MARKER.fullmatch(text)))}
    index = 0
    while index < len(lines):
        if index in tables:
            yield _table(tables[index])
            index = tables[index].end
            continue
        end = min((first for first in tables if first > index), default=len(lines))
        yield from _text(lines[index:end], usual)
        index = end


def _usual_height(lines: Sequence[LevelLine]) -> float:
    """The height of the line in which the middle one of the page's characters stands; pixels."""
    heights = [line.height for line in lines for _ in line.text if not line.is_slanted]
    return statistics.median(heights) if heights else 0.0


def _table(table: Table) -> str:
    rule = ["---:" if right else "---" for right in table.flush_right]
    head, *body = ([_inline(cell).replace("|", r"\|") for cell in row] for row in table.rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))


def _text(lines: Sequence[LevelLine], usual: float) -> Iterator[str]:
    blocks: list[_Block] = []
    paragraphs = [list(group) for _, group in groupby(lines, key=lambda line: line.paragraph)]
    for before, paragraph, after in zip([[], *paragraphs], paragraphs, [*paragraphs[1:], []], strict=False):
        rows = _rows(paragraph)
        # What is read next and stands beside it makes both a row of a form; another column's heading is read later.
        beside = [(line, paragraph[0]) for line in before[-1:]] + [(line, paragraph[-1]) for line in after[:1]]
        in_a_row = any(other.is_beside(line) and _is_as_large(other, line) for other, line in beside)
        if not in_a_row and (level := _heading_level(paragraph, rows, usual)):
            yield from _written(blocks)
            blocks = []
            yield _heading(level, rows)
        else:
            blocks += _divided(rows)
    yield from _written(blocks)


def _rows(lines: Sequence[LevelLine]) -> list[_Row]:
    """The rows of a paragraph; what the detector found in pieces is one."""
    rows: list[_Row] = []
    for index, line in enumerate(lines):
        first = line.words[0]
        row = _Row(line.text, line.left, line.right, line.height, first.right - first.left)
        if index and line.is_beside(lines[index - 1]):
            before = rows.pop()
            text = _joined(before.text, row.text)
            row = replace(before, text=text, left=min(before.left, row.left), right=max(before.right, row.right))
        rows.append(row)
    return rows


def _heading_level(paragraph: Sequence[LevelLine], rows: Sequence[_Row], usual: float) -> int:
    """1 to 3, or 0 for what is no heading."""
    text = " ".join(row.text for row in rows)
    size = min(line.height for line in paragraph) / usual if usual else 0
    level = next((level for level, least in enumerate(HEADING_SIZES, 1) if size >= least), 0)
    letters = sum(character.isalpha() for character in text)
    is_sentence = text.endswith((",", ";")) or (text.endswith(".") and len(text.split()) >= SENTENCE)
    if not level or len(rows) > HEADING_ROWS or len(text) > HEADING_LENGTH or is_sentence:
        return 0
    # Prices and numbers are set large on receipts and forms.
    is_figure = letters < 2 or letters * 2 < len(text.replace(" ", ""))
    return 0 if is_figure or any(line.is_slanted for line in paragraph) else level


def _is_as_large(other: LevelLine, line: LevelLine) -> bool:
    return other.height >= SAME_SIZE * line.height


def _heading(level: int, rows: Sequence[_Row]) -> str:
    text = rows[0].text
    for row in rows[1:]:
        text = _joined(text, row.text)
    # A heading may close with signs that are not shown.
    return f"{'#' * level} {re.sub(r'(?<= )(?=#+$)', lambda _: chr(92), _inline(text))}"


def _divided(rows: Sequence[_Row]) -> list[_Block]:
    """A paragraph, divided where a row may begin an item of a list."""
    blocks: list[_Block] = []
    for row in rows:
        bullet, number = _BULLET.match(row.text) or _DASH.match(row.text), _NUMBER.match(row.text)
        if found := bullet or number:
            marker = number[1] if number else row.text[0]
            inner = replace(row, text=row.text[found.end() :])
            blocks.append(_Block((inner,), marker, row, bool(blocks)))
        elif blocks:
            blocks[-1] = replace(blocks[-1], rows=(*blocks[-1].rows, row))
        else:
            blocks.append(_Block((row,), "", row, False))
    return blocks


def _written(blocks: Sequence[_Block]) -> Iterator[str]:
    """Paragraphs and lists; items that make no list are text again."""
    sign = ""  # after a list's numbers
    for run in _runs(blocks):
        if not run[0].marker:
            sign = ""
            yield _running(run[0].rows)
        elif run[0].marker.isdecimal():
            # Two lists in a row are told apart by their signs alone.
            sign = ")" if sign == "." else "."
            yield "\n".join(_item(f"{int(block.marker)}{sign}", block) for block in run)
        else:
            sign = ""
            yield "\n".join(_item("-", block) for block in run)


def _runs(blocks: Sequence[_Block]) -> list[list[_Block]]:
    """Blocks, those of one list together."""
    runs: list[list[_Block]] = []
    for block in blocks:
        if runs and _follows(runs[-1][-1], block):
            runs[-1].append(block)
        else:
            runs.append([block])
    checked: list[list[_Block]] = []
    for run in runs:
        if not run[0].marker or len(run) > 1 or _BULLET.match(run[0].as_read.text):
            checked.append(run)
            continue
        text = replace(run[0], rows=(run[0].as_read, *run[0].rows[1:]), marker="")
        if text.goes_on and checked:
            before = checked[-1][-1]
            checked[-1][-1] = replace(before, rows=(*before.rows, *text.rows))
        else:
            checked.append([text])
    return checked


def _follows(before: _Block, block: _Block) -> bool:
    if before.marker.isdecimal() and block.marker.isdecimal():
        return int(block.marker) == int(before.marker) + 1
    return bool(block.marker) and before.marker == block.marker


def _item(marker: str, block: _Block) -> str:
    return f"{marker} {_running(block.rows)}".replace("\n", "\n" + " " * (len(marker) + 1))


def _running(rows: Sequence[_Row]) -> str:
    """Rows as running text; breaks stay where the next word had room in the row before, or all rows begin in digits."""
    right, left = max(row.right for row in rows), min(row.left for row in rows)
    are_entries = len(rows) >= ENTRIES and all(row.text[0].isdecimal() for row in rows)
    parts = [rows[0].text]
    for before, row in pairwise(rows):
        room = before.left - left if is_right_to_left(before.text) else right - before.right
        # Chinese and Japanese break after any character.
        needed = row.height if is_unspaced(row.text[0]) else row.first_word
        if are_entries or room > needed + DELIBERATE * before.height:
            parts.append(row.text)
        else:
            parts[-1] = _joined(parts[-1], row.text)
    return "\\\n".join(_line(part) for part in parts)


def _joined(before: str, after: str) -> str:
    """Two pieces of text that a line break parts.

    A hyphen between two small letters goes, as it divides a word; "1990-" and "1995" keep it, and no blank comes in.
    """
    if before.endswith("\u00ad"):
        return before[:-1] + after
    hyphened = re.search(r"(\w)[-\u2010]$", before)
    if hyphened and after[0].isalnum():
        return (before[:-1] if hyphened[1].islower() and after[0].islower() else before) + after
    return before + ("" if is_unspaced(before[-1]) and is_unspaced(after[0]) else " ") + after

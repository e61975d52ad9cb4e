"""A piece of text and where it stands, in the truth or as it was read."""

from __future__ import annotations

from dataclasses import dataclass

from ocdrnet_client.results import Page, Point

WORD, LINE = "word", "line"


@dataclass(frozen=True)
class Region:
    """A text and its outline.

    Attributes:
        text: what stands there.
        points: corners (x, y) of the outline in pixels of the upright picture, three or more.
        is_dont_care: of the truth: illegible, so that reading it is neither right nor wrong.
    """

    text: str
    points: tuple[Point, ...]
    is_dont_care: bool = False


def read_regions(page: Page, level: str) -> tuple[Region, ...]:
    """What was read, as words or lines, in reading order.

    Args:
        page: of one picture; its numbers are rounded as `ocdrnet read --format json` prints them, so that any
            other program that scores that output finds the same.
        level: `word` or `line`; a line without words counts as one word.
    """
    lines = Page.from_dict(page.to_dict()).lines
    if level == LINE:
        return tuple(Region(line.text, line.box) for line in lines)
    return tuple(Region(part.text, part.box) for line in lines for part in (line.words or (line,)))

"""One picture of the report: a small JPEG with the truth's and the reader's outlines over it, as HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from ocdrnet_client.errors import InvalidRequestError
from ocdrnet_client.evaluation.scoring import Score
from ocdrnet_client.images import upright_picture
from ocdrnet_client.results import Point

LONGEST_SIDE = 1000
_JPEG_QUALITY = 78
# The numbers' height as a share of the picture's short side.
_NUMBER_SHARE = 0.032
# A tall picture is shown less wide than the page, so that it fits a screen.
_TALLEST_REM = 56


def picture_html(path: Path, score: Score) -> str:
    """The picture with its outlines and the numbers of its mistakes; a sentence where it cannot be drawn."""
    try:
        data, (width, height) = _jpeg(path)
    except InvalidRequestError as error:
        return f'<p class="soft">The picture cannot be shown: {escape(str(error))}</p>'
    shapes = "".join([*_outlines(score), *_numbers(score, min(width, height) * _NUMBER_SHARE)])
    widest = _TALLEST_REM * width / height
    image = f'<img alt="{escape(path.name)}" width="{width}" height="{height}" src="{data}">'
    drawing = f'<svg viewBox="0 0 {width} {height}">{shapes}</svg>'
    return f'<div class="picture" style="max-width: {widest:.1f}rem">{image}{drawing}</div>'


def _jpeg(path: Path) -> tuple[str, tuple[int, int]]:
    """A data URI of the picture, upright and reduced; and its size in pixels before that, which outlines are in."""
    upright = upright_picture(path)
    size = upright.size
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    buffer = io.BytesIO()
    upright.save(buffer, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}", size


def _outlines(score: Score) -> Iterator[str]:
    marks = {mistake.points: mistake.kind for mistake in score.mistakes}
    for region in score.truth:
        kind = "truth ignored" if region.is_dont_care else f"truth {marks.get(region.points, '')}"
        yield _polygon(region.points, kind, f"truth: {region.text}")
    for index, region in enumerate(score.read):
        is_false = marks.get(region.points) == "false"
        kind = "read ignored" if index in score.ignored else f"read {'false' if is_false else ''}"
        yield _polygon(region.points, kind, f"read: {region.text}")


def _polygon(points: Iterable[Point], kind: str, title: str) -> str:
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon class="{kind.strip()}" points="{corners}"><title>{escape(title)}</title></polygon>'


def _numbers(score: Score, height: float) -> Iterator[str]:
    for number, mistake in enumerate(score.mistakes, 1):
        if mistake.points:
            xs, ys = zip(*mistake.points, strict=True)
            # What is false often lies where something was missed: one number goes above, the other below.
            y = max(ys) + height if mistake.kind == "false" else max(min(ys), height)
            # Scaled up from one pixel, so that the outline of the digits scales with them.
            yield f'<text transform="translate({min(xs):.1f} {y:.1f}) scale({height:.1f})">{number}</text>'

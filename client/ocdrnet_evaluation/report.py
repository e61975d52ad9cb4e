"""The HTML report of `ocdrnet eval`."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ocdrnet_client.errors import InvalidRequestError
from ocdrnet_client.images import upright_image
from ocdrnet_client.results import Point
from ocdrnet_evaluation import summary
from ocdrnet_evaluation.figures import ImageResult
from ocdrnet_evaluation.scoring import Mistake, Score

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2330; --soft: #5d6678; --line: #d8dce5; --bar: #b9c6e4;
  --truth: #1769e0; --read: #e07b00; --missed: #d11f2f; --false: #b01fc0; --wrong: #c29400; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171d; --ink: #e7eaf0; --soft: #9aa3b5; --line: #343a47;
  --bar: #3d5183; --truth: #5aa2ff; --read: #ffab40; --missed: #ff6b76; --false: #ea7bf5; --wrong: #f0c93a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 2rem 0 .4rem; overflow-wrap: anywhere; }
p { margin: .4rem 0; } .soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } td.number, th.number { text-align: right; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .8rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.chart { display: flex; gap: .5rem; } .chart svg { width: 100%; height: 9rem; border-bottom: 1px solid var(--line); }
.scale { display: flex; flex-direction: column; justify-content: space-between; height: 9rem; font-size: .75rem; }
.bar-detection { fill: var(--bar); } .bar-mark { fill: var(--truth); }
.image { position: relative; line-height: 0; background: #8884; }
.image img { width: 100%; height: auto; }
.image svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.image polygon { fill: none; vector-effect: non-scaling-stroke; stroke-width: 2; }
/* On an image the colours stay the same whatever the page's scheme is. */
.image .truth { stroke: #1769e0; } .image .read { stroke: #ff8c00; stroke-dasharray: 5 3; }
.image .ignored { stroke: #9a9a9a; stroke-width: 1; }
.image .missed { fill: #ff203044; } .image .false { fill: #d63be844; } .image .wrong { fill: #ffd40055; }
.image text { font: 700 1px system-ui, sans-serif; fill: #fff; stroke: #000; stroke-width: .2px;
  paint-order: stroke; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .875rem; }
.key span::before { content: ""; display: inline-block; width: 1.1rem; height: .8rem; margin-right: .4rem; }
.key .truth::before { border: 2px solid #1769e0; } .key .read::before { border: 2px dashed #ff8c00; }
.key .ignored::before { border: 1px solid #9a9a9a; }
.key .missed::before { background: #ff203044; border: 2px solid #1769e0; }
.key .false::before { background: #d63be844; border: 2px dashed #ff8c00; }
.key .wrong::before { background: #ffd40055; border: 2px solid #1769e0; }
td.missed { color: var(--missed); } td.false { color: var(--false); } td.wrong { color: var(--wrong); }
td.text { overflow-wrap: anywhere; min-width: 6rem; }
details { margin: .5rem 0; } summary { cursor: pointer; }
"""


LONGEST_SIDE = 1000
_JPEG_QUALITY = 78
# The numbers' height as a share of the image's short side.
_NUMBER_SHARE = 0.032
# A tall image is shown less wide than the page, so that it fits a screen.
_TALLEST_REM = 56


def image_html(path: Path, score: Score) -> str:
    """The image with its outlines and the numbers of its mistakes; a sentence where it cannot be drawn."""
    try:
        data, (width, height) = _jpeg(path)
    except InvalidRequestError as error:
        return f'<p class="soft">The image cannot be shown: {escape(str(error))}</p>'
    shapes = "".join([*_outlines(score), *_numbers(score, min(width, height) * _NUMBER_SHARE)])
    widest = _TALLEST_REM * width / height
    image = f'<img alt="{escape(path.name)}" width="{width}" height="{height}" src="{data}">'
    drawing = f'<svg viewBox="0 0 {width} {height}">{shapes}</svg>'
    return f'<div class="image" style="max-width: {widest:.1f}rem">{image}{drawing}</div>'


def _jpeg(path: Path) -> tuple[str, tuple[int, int]]:
    """A data URI of the image, upright and reduced; and its size in pixels before that, which outlines are in."""
    upright = upright_image(path)
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


# More mistakes of one image than this help nobody, and a wrongly ordered page can have thousands.
_MOST_MISTAKES = 100
_KEY = {
    "truth": "truth",
    "read": "read",
    "missed": "missed",
    "wrong": "wrong text",
    "false": "false",
    "ignored": "not counted",
}


def report_html(results: Sequence[ImageResult], figures: Mapping[str, Any], *, worst: int) -> str:
    """Summary, a bar for each image, and the worst images with their mistakes.

    Args:
        results: of all images.
        figures: of the set, as `summarize` makes them, with `dataset`, `level` and `concurrency`.
        worst: how many images to show.
    """
    ranked = sorted(results, key=_rank)
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(summary.title(figures))}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
            *_summary(figures),
            *_chart(ranked),
            *_worst([result for result in ranked[:worst] if result.score.mark < 1]),
            "</body>\n</html>\n",
        ]
    )


def _rank(result: ImageResult) -> tuple[bool, float, int, str]:
    """Failed images first, then by their mark, of equal ones those with more mistakes."""
    return result.error is None, result.score.mark, -len(result.score.mistakes), result.name


def _summary(figures: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h1>{escape(figures['dataset'])}</h1>\n<p>{escape(summary.title(figures))}</p>"
    yield '<div class="scroll"><table><tr><th></th>'
    yield "".join(f'<th class="number">{name}</th>' for name in ("precision", "recall", "hmean")) + "</tr>"
    for name, *numbers in summary.rates(figures):
        cells = "".join(f'<td class="number">{number:.4f}</td>' for number in numbers)
        yield f"<tr><th>{escape(name)}</th>{cells}</tr>"
    yield "</table></div>\n<dl>"
    yield from (f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in summary.notes(figures))
    yield "</dl>"


def _chart(ranked: Sequence[ImageResult]) -> Iterator[str]:
    has_regions = any(result.score.detection is not None for result in ranked)
    marked = "end-to-end hmean" if has_regions else "share of characters right"
    yield "<h2>Image by image</h2>"
    yield f'<p class="soft">A bar for each, worst first: {marked}{", behind it that of detection" * has_regions}.</p>'
    bars = "".join(_bar(place, result) for place, result in enumerate(ranked))
    yield '<div class="chart"><div class="scale soft"><span>1</span><span>0.5</span><span>0</span></div>'
    yield f'<svg viewBox="0 0 {len(ranked)} 1" preserveAspectRatio="none" role="img">{bars}</svg></div>'
    yield "<details><summary>As a table</summary>" + "\n".join(_table(ranked)) + "</details>"


def _bar(place: int, result: ImageResult) -> str:
    found = result.score.detection.mark if result.score.detection else 0.0
    bars = _rectangle("detection", place, 0.08, found) + _rectangle("mark", place, 0.25, result.score.mark)
    return f"<g><title>{escape(result.name)}: {result.score.mark:.2f}</title>{bars}</g>"


def _rectangle(name: str, place: int, margin: float, height: float) -> str:
    across = f'x="{place + margin:.2f}" width="{1 - 2 * margin:.2f}"'
    return f'<rect class="bar-{name}" {across} y="{1 - height:.4f}" height="{height:.4f}"/>'


def _table(ranked: Sequence[ImageResult]) -> Iterator[str]:
    names = ("score", "missed", "wrong", "false", "seconds")
    head = "".join(f'<th class="number">{name}</th>' for name in names)
    yield f'<div class="scroll"><table><tr><th>image</th>{head}</tr>'
    for result in ranked:
        kinds = [mistake.kind for mistake in result.score.mistakes]
        counts = [str(kinds.count(kind)) for kind in ("missed", "wrong", "false")]
        seconds = "failed" if result.seconds is None else f"{result.seconds:.3f}"
        cells = "".join(f'<td class="number">{text}</td>' for text in (f"{result.score.mark:.3f}", *counts, seconds))
        yield f"<tr><td>{escape(result.name)}</td>{cells}</tr>"
    yield "</table></div>"


def _worst(results: Sequence[ImageResult]) -> Iterator[str]:
    if not results:
        yield "<p>No image has a mistake.</p>"
        return
    yield f"<h2>The {len(results)} worst</h2>"
    yield '<p class="key">' + "".join(f'<span class="{kind}">{name}</span>' for kind, name in _KEY.items()) + "</p>"
    for result in results:
        yield f"<h3>{escape(result.name)} <span class='soft'>{result.score.mark:.3f}</span></h3>"
        if result.error is not None:
            yield f'<p class="soft">Failed: {escape(result.error)}</p>'
        yield image_html(result.path, result.score)
        yield from _mistakes(result.score.mistakes)


def _mistakes(mistakes: Sequence[Mistake]) -> Iterator[str]:
    if not mistakes:
        return
    yield '<div class="scroll"><table><tr><th>no.</th><th></th><th>truth</th><th>read</th></tr>'
    for number, mistake in enumerate(mistakes[:_MOST_MISTAKES], 1):
        texts = "".join(f'<td class="text">{escape(text)}</td>' for text in (mistake.truth, mistake.read))
        yield f'<tr><td>{number}</td><td class="{mistake.kind}">{_KEY[mistake.kind]}</td>{texts}</tr>'
    yield "</table></div>"
    if (more := len(mistakes) - _MOST_MISTAKES) > 0:
        yield f'<p class="soft">and {more} more</p>'

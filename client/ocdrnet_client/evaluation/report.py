"""The report of an evaluation as one HTML file that needs no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from ocdrnet_client.evaluation import summary
from ocdrnet_client.evaluation.figures import PictureResult
from ocdrnet_client.evaluation.report_picture import picture_html
from ocdrnet_client.evaluation.report_style import STYLE
from ocdrnet_client.evaluation.scoring import Mistake

# More mistakes of one picture than this help nobody, and a wrongly ordered page can have thousands.
_MOST_MISTAKES = 100
_KEY = {
    "truth": "truth",
    "read": "read",
    "missed": "missed",
    "wrong": "wrong text",
    "false": "false",
    "ignored": "not counted",
}


def report_html(results: Sequence[PictureResult], figures: Mapping[str, Any], *, worst: int) -> str:
    """Summary, a bar for each picture, and the worst pictures with their mistakes.

    Args:
        results: of all pictures.
        figures: of the set, as `summarize` makes them, with `dataset`, `level` and `concurrency`.
        worst: how many pictures to show.
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


def _rank(result: PictureResult) -> tuple[bool, float, int, str]:
    """Failed pictures first, then by their mark, of equal ones those with more mistakes."""
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


def _chart(ranked: Sequence[PictureResult]) -> Iterator[str]:
    has_regions = any(result.score.detection is not None for result in ranked)
    marked = "end-to-end hmean" if has_regions else "share of characters right"
    yield "<h2>Picture by picture</h2>"
    yield f'<p class="soft">A bar for each, worst first: {marked}{", behind it that of detection" * has_regions}.</p>'
    bars = "".join(_bar(place, result) for place, result in enumerate(ranked))
    yield '<div class="chart"><div class="scale soft"><span>1</span><span>0.5</span><span>0</span></div>'
    yield f'<svg viewBox="0 0 {len(ranked)} 1" preserveAspectRatio="none" role="img">{bars}</svg></div>'
    yield "<details><summary>As a table</summary>" + "\n".join(_table(ranked)) + "</details>"


def _bar(place: int, result: PictureResult) -> str:
    found = result.score.detection.mark if result.score.detection else 0.0
    bars = _rectangle("detection", place, 0.08, found) + _rectangle("mark", place, 0.25, result.score.mark)
    return f"<g><title>{escape(result.name)}: {result.score.mark:.2f}</title>{bars}</g>"


def _rectangle(name: str, place: int, margin: float, height: float) -> str:
    across = f'x="{place + margin:.2f}" width="{1 - 2 * margin:.2f}"'
    return f'<rect class="bar-{name}" {across} y="{1 - height:.4f}" height="{height:.4f}"/>'


def _table(ranked: Sequence[PictureResult]) -> Iterator[str]:
    names = ("score", "missed", "wrong", "false", "seconds")
    head = "".join(f'<th class="number">{name}</th>' for name in names)
    yield f'<div class="scroll"><table><tr><th>picture</th>{head}</tr>'
    for result in ranked:
        kinds = [mistake.kind for mistake in result.score.mistakes]
        counts = [str(kinds.count(kind)) for kind in ("missed", "wrong", "false")]
        seconds = "failed" if result.seconds is None else f"{result.seconds:.3f}"
        cells = "".join(f'<td class="number">{text}</td>' for text in (f"{result.score.mark:.3f}", *counts, seconds))
        yield f"<tr><td>{escape(result.name)}</td>{cells}</tr>"
    yield "</table></div>"


def _worst(results: Sequence[PictureResult]) -> Iterator[str]:
    if not results:
        yield "<p>No picture has a mistake.</p>"
        return
    yield f"<h2>The {len(results)} worst</h2>"
    yield '<p class="key">' + "".join(f'<span class="{kind}">{name}</span>' for kind, name in _KEY.items()) + "</p>"
    for result in results:
        yield f"<h3>{escape(result.name)} <span class='soft'>{result.score.mark:.3f}</span></h3>"
        if result.error is not None:
            yield f'<p class="soft">Failed: {escape(result.error)}</p>'
        yield picture_html(result.path, result.score)
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

"""`ocdrnet eval`: how well a running server reads images whose text is known."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ocdrnet_cli import read as reading
from ocdrnet_cli.connection import check_server, open_client
from ocdrnet_cli.reports import Report, use_utf8_output
from ocdrnet_client.results import Page
from ocdrnet_evaluation import summary
from ocdrnet_evaluation.datasets import LAYOUTS, LINE, WORD, load_dataset, load_vocabulary
from ocdrnet_evaluation.errors import EvaluationError
from ocdrnet_evaluation.figures import ImageResult, flattened, summarize
from ocdrnet_evaluation.report import report_html
from ocdrnet_evaluation.run import Plan, Reading, read_timed
from ocdrnet_evaluation.summary import check_names, parse_floors, under_floors
from ocdrnet_evaluation.text_distance import NONE, STRONG, WEAK

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_OUTPUT = click.Path(dir_okay=False, writable=True, path_type=Path)
_SHARED = [option for option in reading.read.params if option.name in {"url", "parameters", "concurrency", "timeout"}]


@click.command(name="eval", params=_SHARED, epilog=reading.read.epilog)
@click.argument("dataset", type=click.Choice(list(LAYOUTS)))
@click.option("--images", type=_FOLDER, required=True, help="Folder of images.")
@click.option("--truth", type=_FOLDER, required=True, help="Folder of truth files; may be the same.")
@click.option("--level", type=click.Choice([WORD, LINE]), help="What to compare. [default: word; for sroie line]")
@click.option(
    "--lexicon",
    "lexicons",
    type=click.Choice([NONE, WEAK, STRONG]),
    multiple=True,
    help="Also score with a list of words: weak, of the whole set; strong, of the image. May be repeated.",
)
@click.option(
    "--vocabulary",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="More words for --lexicon: a file, one a line; or a folder of voc_NAME.txt, for strong. May be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.option("--report", "report_file", type=_OUTPUT, help="HTML file to write, with the worst images.")
@click.option("--worst", type=click.IntRange(0), default=12, show_default=True, help="Images in the report.")
@click.option("--predictions", type=_OUTPUT, help="JSON lines file to write, as `read --format json` prints.")
@click.option("--floors", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON of least figures.")
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    *,
    dataset: str,
    images: Path,
    truth: Path,
    level: str | None,
    lexicons: tuple[str, ...],
    vocabulary: tuple[Path, ...],
    as_json: bool,
    report_file: Path | None,
    worst: int,
    predictions: Path | None,
    floors: Path | None,
    url: str,
    parameters: dict[str, Any],
    concurrency: int,
    timeout: float,
) -> None:
    """Measure how well a server reads a set: icdar2015, sroie, or pages (a plain text beside each image).

    Exit code: 0 all were read and no figure is under its floor, 1 otherwise (images and figures are named on
    stderr), 2 wrong usage or no server.
    """
    use_utf8_output()
    plan = _plan(dataset, images, truth, level, set(lexicons) - {NONE}, vocabulary)
    least = _floors(floors, plan) if floors else {}
    progress = _Progress(len(plan.cases), as_json=True)
    for warning in plan.warnings:
        progress.warn(warning)
    with open_client(url, timeout) as client:
        check_server(client, url)
        results, pages = _collected(read_timed(client, plan.cases, concurrency, parameters), plan, progress)
    figures = {"dataset": dataset, "level": plan.level, **summarize(results)}
    figures |= {"concurrency": concurrency, "parameters": parameters}
    click.echo(json.dumps(figures, ensure_ascii=False) if as_json else summary.table(figures))
    if predictions:
        _write(predictions, "".join(f"{json.dumps(page.to_dict(), ensure_ascii=False)}\n" for page in pages))
    if report_file:
        _write(report_file, report_html(results, figures, worst=worst))
    sentences = list(under_floors(least, flattened(figures)))
    for sentence in sentences:
        click.echo(sentence, err=True)
    context.exit(1 if sentences or progress.failures else 0)


class _Progress(Report):
    """Failures, warnings and progress of `ocdrnet read`, without its pages."""

    def finish(self) -> None:
        """Take the line of progress away."""
        self._clear_progress()


def _plan(
    name: str, images: Path, truth: Path, level: str | None, lexicons: set[str], vocabulary: tuple[Path, ...]
) -> Plan:
    """All that can be wrong with the user's files is found here, before any request."""
    layout = LAYOUTS[name]
    if not layout.has_regions and (level or lexicons):
        raise click.UsageError(f"--level and --lexicon are not for {name}, whose truth has no boxes")
    if vocabulary and not lexicons:
        raise click.UsageError("--vocabulary is for --lexicon weak or --lexicon strong")
    try:
        dataset = load_dataset(layout, images, truth)
        return Plan(layout, dataset, level or layout.level, lexicons, load_vocabulary(vocabulary))
    except EvaluationError as error:
        raise click.UsageError(str(error)) from error


def _floors(path: Path, plan: Plan) -> dict[str, float]:
    nothing_read = [ImageResult(case.name, case.image, plan.score(case, None)) for case in plan.cases]
    try:
        floors = parse_floors(path.read_text(encoding="utf-8"), str(path))
        check_names(floors, flattened(summarize(nothing_read)), str(path))
    except (EvaluationError, OSError, UnicodeDecodeError) as error:
        raise click.UsageError(str(error)) from error
    return floors


def _collected(readings: Iterator[Reading], plan: Plan, progress: _Progress) -> tuple[list[ImageResult], list[Page]]:
    """Score each image as it comes; one that failed counts as read with nothing found."""
    results, pages = [], []
    for seen in readings:
        name = seen.case.name
        if seen.page is None:
            progress.failure(name, seen.error)
        else:
            pages.append(dataclasses.replace(seen.page, image=name))
            for warning in seen.page.warnings:
                progress.warn(f"{name}: {warning}")
        error = None if seen.error is None else str(seen.error)
        results.append(ImageResult(name, seen.case.image, plan.score(seen.case, seen.page), seen.seconds, error))
        progress.advance()
    progress.finish()
    return results, pages


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror or error}") from error

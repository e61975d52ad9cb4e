"""The report of a load test as one HTML file that needs no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ocdrnet_loadtest import plots
from ocdrnet_loadtest.quantities import shown_duration, shown_rate
from ocdrnet_loadtest.report_style import STYLE
from ocdrnet_loadtest.report_tables import mix_table, models_table, notes, steps_table, table
from ocdrnet_loadtest.result import LoadTestResult
from ocdrnet_loadtest.step_result import Step
from ocdrnet_loadtest.summary import knee_line, model_order, shown_figure, shown_memory, telling_step

_TITLES = {
    "rate": "Load test: one rate",
    "staircase": "Load test: staircase to the knee",
    "soak": "Load test: soak",
    "users": "Load test: users",
}


def report_html(result: LoadTestResult) -> str:
    """Verdict, warnings, plots, every step, the models, what was sent and where."""
    title = _TITLES.get(result.mode, "Load test")
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>",
            f'<p class="soft">{escape(result.target.url)}, {escape(result.started)}</p>',
            *_verdict(result),
            *_plots(result),
            "<h2>Steps</h2>",
            steps_table(result.steps),
            *_models(result),
            *_memory(result),
            f"<h2>Sent</h2>\n{mix_table(result)}",
            f"<h2>Surroundings</h2>\n{notes(result)}",
            "</body>\n</html>\n",
        ]
    )


def _verdict(result: LoadTestResult) -> Iterator[str]:
    if result.knee:
        yield f'<p class="knee">{escape(knee_line(result.knee))}</p>'
    if result.objectives:
        rows = [
            (
                "met" if objective.met else "missed",
                objective.text,
                "not measured" if objective.value is None else shown_figure(objective.figure, objective.value),
            )
            for objective in result.objectives
        ]
        yield table(("", "objective", "measured"), rows, kinds=[row[0] for row in rows])
    for warning in result.warnings:
        yield f'<p class="warning">{escape(warning)}</p>'


def _plots(result: LoadTestResult) -> Iterator[str]:
    if not result.steps:
        return
    step = telling_step(result)
    yield "<h2>Plots</h2>"
    yield f'<p class="soft">Plots of one step show the one {escape(_named(step))}.</p>'
    yield '<div class="plots">'
    yield from (f"<figure>{svg}</figure>" for svg in _drawn(result, step, _composing(result, step)))
    yield "</div>"


def _drawn(result: LoadTestResult, step: Step, order: Sequence[str]) -> Iterator[str]:
    is_stepped = sum(one.offered_rate is not None for one in result.steps) > 1
    if is_stepped:
        yield plots.latency_by_rate(result)
        yield plots.throughput_by_rate(result)
    if is_stepped and any(one.models for one in result.steps):
        yield plots.queues_by_rate(result, order)
    if step.models:
        yield plots.times_by_model(step, order)
    if step.latency:
        yield plots.latency_over_time(step, result.knee.p99_limit_s if result.knee else None)
        yield plots.latency_distribution(step)
    if step.server_cpu_s:
        yield plots.cpu_by_process(step)
    if result.soak and result.soak.memory:
        yield plots.memory_over_time(result.soak)


def _composing(result: LoadTestResult, step: Step) -> list[str]:
    """The models but for the ensemble, whose time is the sum of all."""
    return [name for name in model_order(result, step) if name != result.target.model]


def _models(result: LoadTestResult) -> Iterator[str]:
    step = telling_step(result) if result.steps else None
    if step is not None and step.models:
        yield f"<h2>Models</h2>\n<p class='soft'>In the step {escape(_named(step))}; times are a request's mean.</p>"
        yield models_table(step, model_order(result, step))


def _memory(result: LoadTestResult) -> Iterator[str]:
    soak = result.soak
    if soak is None:
        return
    yield "<h2>Memory</h2>"
    if soak.p99_to_p50 is not None:
        yield f"<p>The p99 is {soak.p99_to_p50:.2f} times the p50.</p>"
    rows = [
        (
            name,
            shown_memory(slope.first),
            shown_memory(slope.last),
            f"{shown_memory(slope.bytes_per_1000)}",
            "flat" if slope.is_flat else "grows",
        )
        for name, slope in soak.slopes.items()
    ]
    if rows:
        yield f"<p class='soft'>A line through the samples after the first {soak.settling:,} answers.</p>"
        yield table(("process", "first", "last", "per 1,000 requests", ""), rows)
    else:
        yield "<p class='soft'>Too few samples for a slope, or the server's processes are elsewhere.</p>"


def _named(step: Step) -> str:
    what = f"with {step.users} users" if step.offered_rate is None else f"at {shown_rate(step.offered_rate)}"
    return f"{what}, {shown_duration(step.seconds)} long"

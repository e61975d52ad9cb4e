"""The report of a load test as one HTML file that needs no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ocdrnet_evaluation.report import STYLE as _SHARED
from ocdrnet_loadtest import plots
from ocdrnet_loadtest.quantities import shown_duration, shown_rate
from ocdrnet_loadtest.result import LoadTestResult
from ocdrnet_loadtest.step_result import Step
from ocdrnet_loadtest.summary import knee_line, model_order, shown_figure, shown_memory, telling_step

STYLE = (
    _SHARED
    + """
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
/* The plots' own colours are for white paper. */
figure { margin: 0; padding: .5rem; background: #fff; border: 1px solid var(--line); border-radius: .4rem; }
figure svg { width: 100%; height: auto; display: block; }
td, th { white-space: nowrap; }
.knee { font-size: 1.1rem; font-weight: 600; }
.warning { border-left: .3rem solid var(--wrong); padding-left: .6rem; }
tr.met td:first-child { color: #0a8754; font-weight: 600; } tr.missed td:first-child { color: var(--missed);
  font-weight: 600; }
"""
)


_VERDICTS = {True: "met", False: "missed", None: ""}
_STEP_COLUMNS = (
    "",
    "offered",
    "sent",
    "errors",
    "images/s",
    "crops/s",
    "goodput",
    "p50",
    "p95",
    "p99",
    "p99, 95 % sure",
    "late",
    "statuses",
)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], kinds: Sequence[str] = ()) -> str:
    """A table; `kinds` gives each row a class."""
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = []
    for index, row in enumerate(rows):
        kind = f' class="{kinds[index]}"' if kinds and kinds[index] else ""
        lines.append(f"<tr{kind}>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>")
    return f'<div class="scroll"><table><tr>{cells}</tr>{"".join(lines)}</table></div>'


def steps_table(steps: Sequence[Step]) -> str:
    """All steps in the order in which they were run."""
    return table(_STEP_COLUMNS, [_step_row(step) for step in steps], [_VERDICTS[step.passed] for step in steps])


def _step_row(step: Step) -> tuple[str, ...]:
    latency = step.latency
    asked = f"{step.users} users" if step.offered_rate is None else shown_rate(step.offered_rate)
    times = [shown_duration(value) for value in (latency.p50, latency.p95, latency.p99)] if latency else ["", "", ""]
    return (
        _VERDICTS[step.passed] + (", cut short" if step.is_cut_short else ""),
        asked,
        str(step.sent),
        str(step.sent - step.answered),
        *(f"{value:.3g}" for value in (step.images_per_s, step.crops_per_s, step.goodput_per_s)),
        *times,
        _interval(step),
        f"{step.lateness.share:.1%}" + (" (bottleneck)" if step.lateness.is_bottleneck else ""),
        ", ".join(f"{name} {count}" for name, count in sorted(step.statuses.items())),
    )


def _interval(step: Step) -> str:
    if step.latency is None:
        return ""
    high = step.latency.p99_high
    return f"{shown_duration(step.latency.p99_low)} to {'?' if high is None else shown_duration(high)}"


def models_table(step: Step, order: Sequence[str]) -> str:
    """Triton's counters of one step."""
    head = ("model", "requests", "failures", "rows", "batches", "rows a batch", "queue", "input", "compute", "output")
    rows = []
    for name in order:
        model = (step.models or {}).get(name)
        if model is None:
            continue
        requests = max(model.requests, 1)
        times = (model.queue_s, model.compute_input_s, model.compute_infer_s, model.compute_output_s)
        counts = (model.requests, model.failures, model.inferences, model.executions)
        batch = f"{model.inferences / max(model.executions, 1):.1f}"
        rows.append((name, *map(str, counts), batch, *(shown_duration(time / requests) for time in times)))
    return table(head, rows)


def mix_table(result: LoadTestResult) -> str:
    """Every image that was sent; of many only the first."""
    most = 50
    images = result.mix.pictures
    rows = [
        (
            image.name,
            f"{image.width} x {image.height}",
            f"{image.bytes / 1000:,.0f} kB",
            str(image.sent),
            "" if image.boxes is None else f"{image.boxes:.1f}",
        )
        for image in images[:most]
    ]
    more = f'<p class="soft">and {len(images) - most} more</p>' if len(images) > most else ""
    return table(("image", "pixels", "file", "sent", "lines found"), rows) + more


def notes(result: LoadTestResult) -> str:
    """Where and how it was measured."""
    target, machine = result.target, result.machine
    entries = {
        "server": f"{target.url} ({target.api}), model {target.model}"
        + (f", {target.server}" if target.server else ""),
        "options": ", ".join(f"{name}={value}" for name, value in target.options.items()) or "none",
        "generator": f"{machine.cpu}, {machine.cores} cores" + (", with the server" if machine.server_is_local else ""),
        "arrivals": f"{result.arrivals}, seed {result.mix.seed}",
        "versions": ", ".join(f"{name} {version}" for name, version in machine.versions.items()),
        "latency": "from when a request was due to its parsed answer; steps start with requests that do not count",
    }
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in entries.items())
    return f"<dl>{items}</dl>"


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

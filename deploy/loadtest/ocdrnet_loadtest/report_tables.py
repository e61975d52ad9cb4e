"""The tables of the HTML report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ocdrnet_loadtest.quantities import shown_duration, shown_rate
from ocdrnet_loadtest.result import LoadTestResult
from ocdrnet_loadtest.step_result import Step

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
    """Every picture that was sent; of many only the first."""
    most = 50
    pictures = result.mix.pictures
    rows = [
        (
            picture.name,
            f"{picture.width} x {picture.height}",
            f"{picture.bytes / 1000:,.0f} kB",
            str(picture.sent),
            "" if picture.boxes is None else f"{picture.boxes:.1f}",
        )
        for picture in pictures[:most]
    ]
    more = f'<p class="soft">and {len(pictures) - most} more</p>' if len(pictures) > most else ""
    return table(("picture", "pixels", "file", "sent", "lines found"), rows) + more


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

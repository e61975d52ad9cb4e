"""Plots of a load test as SVG texts, to stand inside an HTML page."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from ocdrnet_loadtest.result import LoadTestResult
from ocdrnet_loadtest.step_result import ModelStep, Soak, Step

# Okabe and Ito's colours, which people with any colour vision can tell apart.
_BLUE, _ORANGE, _GREEN, _RED, _SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9"
_PURPLE, _GRAY, _BLACK = "#CC79A7", "#888888", "#222222"
_CYCLE = (_BLUE, _ORANGE, _GREEN, _PURPLE, _SKY, _RED, _GRAY, _BLACK)
_SIZE = (6.4, 3.4)  # inches


def latency_by_rate(result: LoadTestResult) -> str:
    """Percentiles over the offered rate; marks are open where the limits were missed."""
    steps = [step for step in _by_rate(result.steps) if step.latency]

    def draw(axes: Axes) -> None:
        for name, colour in (("p50", _BLUE), ("p95", _ORANGE), ("p99", _RED)):
            values = [getattr(step.latency, name) * 1e3 for step in steps]
            axes.plot(_rates(steps), values, color=colour, label=name)
            for step, value in zip(steps, values, strict=True):
                face = "white" if step.passed is False else colour
                axes.plot(_rates([step]), [value], "o", color=colour, markerfacecolor=face, markersize=5)
        axes.set_yscale("log")
        for ticks in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            ticks(ScalarFormatter())
        _mark_limits(axes, result)
        axes.set(xlabel="offered, requests/s", ylabel="latency, ms")

    return _svg(draw, "Latency by offered rate")


def throughput_by_rate(result: LoadTestResult) -> str:
    """Images, good images and crops a second over the offered rate."""
    steps = _by_rate(result.steps)
    rates = _rates(steps)

    def draw(axes: Axes) -> None:
        axes.plot(rates, rates, color=_GRAY, linewidth=1, linestyle=":", label="offered")
        axes.plot(rates, [step.images_per_s for step in steps], "o-", color=_BLUE, label="images/s")
        axes.plot(rates, [step.goodput_per_s for step in steps], "s-", color=_GREEN, label="goodput, images/s")
        crops = axes.twinx()
        crops.plot(rates, [step.crops_per_s for step in steps], "^--", color=_ORANGE, label="crops/s (right)")
        crops.set_ylim(bottom=0)
        crops.set_ylabel("crops/s")
        axes.set(xlabel="offered, requests/s", ylabel="images/s", ylim=(0, None))

    return _svg(draw, "Throughput by offered rate")


def times_by_model(step: Step, order: Sequence[str]) -> str:
    """Queue and compute of each model in one step, a request's mean."""
    models = {name: (step.models or {})[name] for name in order if name in (step.models or {})}

    def draw(axes: Axes) -> None:
        names = list(models)[::-1]
        queue = [models[name].queue_s / max(models[name].requests, 1) * 1e3 for name in names]
        compute = [_compute(models[name]) * 1e3 for name in names]
        axes.barh(names, queue, color=_ORANGE, label="queue")
        axes.barh(names, compute, left=queue, color=_BLUE, label="compute")
        axes.set(xlabel="ms per request")

    return _svg(draw, "Queue and compute by step of the pipeline")


def queues_by_rate(result: LoadTestResult, order: Sequence[str]) -> str:
    """How long a request waits for each model, over the offered rate: the one that fills up first limits."""
    steps = [step for step in _by_rate(result.steps) if step.models]

    def draw(axes: Axes) -> None:
        for name, colour in zip(order, _CYCLE, strict=False):
            having = [step for step in steps if name in (step.models or {})]
            models = [(step.models or {})[name] for step in having]
            waits = [model.queue_s / max(model.requests, 1) * 1e3 for model in models]
            axes.plot(_rates(having), waits, "o-", color=colour, label=name, markersize=4)
        axes.set(xlabel="offered, requests/s", ylabel="queue, ms per request", ylim=(0, None))

    return _svg(draw, "Queue by offered rate")


def cpu_by_process(step: Step) -> str:
    """Cores that each local server process used in one step."""
    used = sorted((step.server_cpu_s or {}).items(), key=lambda item: item[1])
    seconds = step.seconds * (1 + step.settling / max(step.sent, 1))

    def draw(axes: Axes) -> None:
        axes.barh([name for name, _ in used], [cpu / seconds for _, cpu in used], color=_GREEN)
        axes.set(xlabel="cores in use")

    return _svg(draw, "CPU by server process", has_legend=False)


def latency_over_time(step: Step, limit: float | None) -> str:
    """Median and 99th percentile in stretches of one step."""

    def draw(axes: Axes) -> None:
        at = [window.at_s for window in step.windows]
        axes.plot(at, [window.p50 * 1e3 for window in step.windows], color=_BLUE, label="p50")
        axes.plot(at, [window.p99 * 1e3 for window in step.windows], color=_RED, label="p99")
        if limit is not None:
            axes.axhline(limit * 1e3, color=_GRAY, linestyle="--", linewidth=1, label="p99 limit")
        axes.set(xlabel="seconds", ylabel="latency, ms", ylim=(0, None))

    return _svg(draw, "Latency over time")


def latency_distribution(step: Step) -> str:
    """The share of answers that took no longer."""

    def draw(axes: Axes) -> None:
        assert step.latency is not None
        axes.plot([value * 1e3 for value in step.latency.quantiles], range(101), color=_BLUE)
        axes.set(xlabel="latency, ms", ylabel="answers, %", ylim=(0, 100), xlim=(0, None))

    return _svg(draw, "Distribution of latency", has_legend=False)


def memory_over_time(soak: Soak) -> str:
    """Resident memory of each process over the requests answered."""
    names = sorted({name for sample in soak.memory for name in sample.rss})

    def draw(axes: Axes) -> None:
        for name, colour in zip(names, _CYCLE * (1 + len(names) // len(_CYCLE)), strict=False):
            seen = [(sample.answered, sample.rss[name] / 2**20) for sample in soak.memory if name in sample.rss]
            axes.plot([answered for answered, _ in seen], [held for _, held in seen], color=colour, label=name)
        axes.axvline(soak.settling, color=_GRAY, linestyle=":", linewidth=1)
        axes.set(xlabel="answers", ylabel="resident, MiB", ylim=(0, None))

    return _svg(draw, "Memory by server process")


def _compute(model: ModelStep) -> float:
    total = model.compute_input_s + model.compute_infer_s + model.compute_output_s
    return total / max(model.requests, 1)


def _by_rate(steps: Sequence[Step]) -> list[Step]:
    return sorted((step for step in steps if step.offered_rate), key=lambda step: step.offered_rate or 0.0)


def _rates(steps: Sequence[Step]) -> list[float]:
    return [step.offered_rate or 0.0 for step in steps]


def _mark_limits(axes: Axes, result: LoadTestResult) -> None:
    if result.knee is None:
        return
    axes.axhline(result.knee.p99_limit_s * 1e3, color=_GRAY, linestyle="--", linewidth=1, label="p99 limit")
    if result.knee.rate is not None:
        axes.axvline(result.knee.rate, color=_GREEN, linestyle="--", linewidth=1, label="knee")


def _svg(draw: Callable[[Axes], None], title: str, *, has_legend: bool = True) -> str:
    """Draw into an SVG element with text as text, which stays sharp and can be searched."""
    figure = Figure(_SIZE, layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.set_title(title, fontsize=10, loc="left", fontweight="bold")
    axes.grid(alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if has_legend:
        figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    written = io.StringIO()
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(written, format="svg", metadata={"Date": None, "Title": title})
    text = written.getvalue()
    return text[text.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{title}"', 1)

"""Progress while a load test runs, and its end in a few lines of text."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from time import monotonic

import click

from ocdrnet_loadtest.quantities import shown_duration, shown_rate
from ocdrnet_loadtest.result import Knee, LoadTestResult, Objective
from ocdrnet_loadtest.step_result import Soak, Step
from ocdrnet_loadtest.watch import Watch

_PERIOD = 0.2  # seconds between two changes of the live line


class Progress:
    """Prints progress; silent on request."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._is_quiet = is_quiet
        self._is_live = sys.stderr.isatty() and not is_quiet
        self._shown_at = 0.0

    def say(self, line: str) -> None:
        """Print a line for good."""
        if not self._is_quiet:
            self._clear()
            click.echo(line, err=True)

    def changed(self, watch: Watch) -> None:
        """Show how far a step is."""
        done = watch.answered + watch.failed
        if self._is_live and (monotonic() - self._shown_at > _PERIOD or done == watch.planned):
            self._shown_at = monotonic()
            text = f"{done}/{watch.planned} answers, {watch.slow} over the limit, {watch.failed} errors"
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)

    def finished(self, step: Step) -> None:
        """Print a step's figures."""
        self.say(step_line(step))

    def _clear(self) -> None:
        if self._is_live:
            # Return, then erase to the end of the line (ECMA-48, EL).
            click.echo("\r\x1b[K", nl=False, err=True)


def step_line(step: Step) -> str:
    """One step in one line."""
    asked = f"{step.users} users" if step.offered_rate is None else shown_rate(step.offered_rate)
    verdict = {True: "met", False: "missed", None: ""}[step.passed]
    if step.latency is None:
        figures = "no answer"
    else:
        times = ", ".join(
            f"{name} {shown_duration(value)}"
            for name, value in (("p50", step.latency.p50), ("p95", step.latency.p95), ("p99", step.latency.p99))
        )
        figures = f"{step.images_per_s:.3g} images/s, {step.crops_per_s:.3g} crops/s, {times}"
    notes = [f"{step.sent - step.answered} errors"] if step.answered < step.sent else []
    notes += ["cut short"] if step.is_cut_short else []
    notes += ["the generator was the bottleneck"] if step.lateness.is_bottleneck else []
    return f"{asked:>10}  {verdict:<6}  {'; '.join([figures, *notes])}"


_UNITS = {
    "p50": "duration",
    "p95": "duration",
    "p99": "duration",
    "errors": "share",
    "ratio": "ratio",
    "growth": "bytes",
}


def summary(result: LoadTestResult) -> str:
    """Knee, the models' times at the last step that passed, memory, objectives and warnings."""
    return "\n".join(_lines(result))


def _lines(result: LoadTestResult) -> Iterator[str]:
    if result.knee:
        yield knee_line(result.knee)
    if result.steps:
        step = telling_step(result)
        yield from _models(step, model_order(result, step))
    if result.soak:
        yield from _memory(result.soak)
    yield from (objective_line(objective) for objective in result.objectives)
    yield from (f"Warning: {warning}" for warning in result.warnings)


def telling_step(result: LoadTestResult) -> Step:
    """The step to look at first: the one at the knee, or else the last."""
    at_knee = [step for step in result.steps if result.knee and step.passed and step.offered_rate == result.knee.rate]
    return at_knee[-1] if at_knee and not result.soak else result.steps[-1]


def knee_line(knee: Knee) -> str:
    """The knee in a sentence."""
    limits = f"p99 <= {shown_duration(knee.p99_limit_s)}, errors <= {knee.error_limit:.2%}"
    if knee.rate is None:
        return f"no knee ({limits}): {knee.note}"
    crops = f", {knee.crops_per_s:.3g} crops/s" if knee.crops_per_s is not None else ""
    return f"knee ({limits}): {shown_rate(knee.rate)}{crops}; {knee.note}"


def objective_line(objective: Objective) -> str:
    """An objective and its verdict."""
    value = "not measured" if objective.value is None else shown_figure(objective.figure, objective.value)
    return f"{'met   ' if objective.met else 'MISSED'}  {objective.text}  ({value})"


def shown_figure(figure: str, value: float) -> str:
    """A measured figure with its unit."""
    unit = _UNITS.get(figure, "rate")
    if unit == "duration":
        return shown_duration(value)
    return {"share": f"{value:.3%}", "ratio": f"{value:.2f}", "bytes": shown_memory(value), "rate": shown_rate(value)}[
        unit
    ]


def shown_memory(held: float) -> str:
    """Bytes in MiB or KiB."""
    return f"{held / 2**20:.1f} MiB" if abs(held) >= 2**20 else f"{held / 2**10:.1f} KiB"


def model_order(result: LoadTestResult, step: Step) -> list[str]:
    """The step's models in the pipeline's order, then the rest, the ensemble itself last."""
    seen, ensemble = step.models or {}, result.target.model
    served = result.target.models.get(ensemble)
    steps = dict.fromkeys(served.depends_on if served else ())
    return [name for name in dict.fromkeys([*steps, *sorted(seen.keys() - {ensemble}), ensemble]) if name in seen]


def _models(step: Step, order: Sequence[str]) -> Iterator[str]:
    for name in order:
        model = (step.models or {})[name]
        requests = max(model.requests, 1)
        compute = (model.compute_input_s + model.compute_infer_s + model.compute_output_s) / requests
        batch = model.inferences / max(model.executions, 1)
        queue = shown_duration(model.queue_s / requests)
        yield f"{name:<18} queue {queue:>8}  compute {shown_duration(compute):>8}  batch {batch:.1f}"


def _memory(soak: Soak) -> Iterator[str]:
    if soak.p99_to_p50 is not None:
        yield f"p99 is {soak.p99_to_p50:.2f} times p50"
    for name, slope in soak.slopes.items():
        verdict, growth = "flat" if slope.is_flat else "GROWS", shown_memory(slope.bytes_per_1000)
        yield f"{name:<18} {shown_memory(slope.last):>10}  {verdict}, {growth} per 1,000 requests"

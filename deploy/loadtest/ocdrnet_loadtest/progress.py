"""What a run says on stderr while it goes: a line for each step, and a live one below on a terminal."""

from __future__ import annotations

import sys
from time import monotonic

import click

from ocdrnet_loadtest.quantities import shown_duration, shown_rate
from ocdrnet_loadtest.step_result import Step
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

"""Plans and comparisons as text for people."""

from __future__ import annotations

from collections.abc import Sequence

from ocdrnet_deploy.planning.planner import KneeComparison, ReplicaPlan
from ocdrnet_deploy.planning.quantities import shown_seconds


def plan_text(plan: ReplicaPlan) -> str:
    """The figures, then a table of the steps."""
    figures = [
        ("replicas", f"{plan.replicas}"),
        ("load", f"{plan.rate:g} pictures/s of {plan.boxes:.3g} lines, p99 within {shown_seconds(plan.p99_limit_s)}"),
        ("one replica takes", f"{plan.knee_rate:.3g} pictures/s within that limit, on {plan.cores:g} cores"),
        ("each gets", f"{plan.replica_rate:.3g} pictures/s"),
        ("latency", _latency(plan)),
        ("cores used", f"{plan.core_share:.0%} of {plan.cores:g}"),
    ]
    if plan.gpu_share is not None and plan.cores_per_gpu is not None:
        figures.append(("GPU used", f"{plan.gpu_share:.0%}"))
        figures.append(("cores per GPU", f"{plan.cores_per_gpu:.3g}, when it is fully used"))
    figures.append(("bottleneck", f"{plan.bottleneck}, {plan.bottleneck_share:.0%} used"))
    steps = [
        (step.name, f"{step.instances}", f"{step.busy_share:.0%}", f"{step.batch_rows:.3g}") for step in plan.steps
    ]
    return _table(figures) + "\n\n" + _table([("step", "instances", "busy", "rows of a batch"), *steps])


def comparison_text(found: KneeComparison) -> str:
    """Both knees and the error."""
    failed = f", {found.measured_failed_rate:.3g} failed" if found.measured_failed_rate else ""
    return _table(
        [
            (
                "predicted knee",
                f"{found.predicted_rate:.3g} pictures/s, from the step at {found.low_rate:.3g}/s{_eased(found)}",
            ),
            ("measured knee", f"{found.measured_rate:.3g} pictures/s{failed}"),
            ("error", f"{found.error:+.1%} of the measured knee, p99 within {shown_seconds(found.p99_limit_s)}"),
        ]
    )


def _eased(found: KneeComparison) -> str:
    return f" and CPU time falling by {found.easing:.0%}" if found.easing else ""


def _latency(plan: ReplicaPlan) -> str:
    times = (("p50", plan.p50_s), ("p95", plan.p95_s), ("p99", plan.p99_s))
    return ", ".join(f"{name} {shown_seconds(seconds)}" for name, seconds in times)


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)

"""What a reader must know before trusting the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ocdrnet_loadtest.quantities import shown_duration, shown_rate
from ocdrnet_loadtest.step_result import Step

_FEW = 100  # requests; of fewer the 99th percentile is the slowest
_FOREIGN_SHARE = 0.01


def warnings_of(steps: Sequence[Step], *, metrics_url: str | None, server_is_local: bool) -> list[str]:
    """Sentences, the most serious ones first."""
    return [
        *_bottlenecks(steps),
        *_foreign(steps),
        *_few(steps),
        *_unseen(steps, metrics_url),
        *(
            ["generator and server shared this machine's cores, so the server had less than all of them"]
            * server_is_local
        ),
    ]


def _bottlenecks(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        if step.lateness.is_bottleneck:
            late = step.lateness
            yield (
                f"the load generator was the bottleneck {_at(step)}: {late.share:.1%} of requests left over 10 ms late,"
                f" 1 % of them over {shown_duration(late.p99)}, and it used {late.cpu_share:.0%} of a core"
            )


def _foreign(steps: Sequence[Step]) -> Iterator[str]:
    foreign, sent = sum(step.foreign_requests for step in steps), sum(step.sent for step in steps)
    if foreign > _FOREIGN_SHARE * sent:
        yield f"others sent {foreign} pictures to the server during the steps, beside the {sent} of this run"


def _few(steps: Sequence[Step]) -> Iterator[str]:
    if any(step.answered < _FEW and not step.is_cut_short for step in steps):
        yield f"steps of fewer than {_FEW} answers have no 99th percentile to speak of; send more with --requests"


def _unseen(steps: Sequence[Step], metrics_url: str | None) -> Iterator[str]:
    if metrics_url and any(step.models is None for step in steps):
        yield f"no Triton metrics at {metrics_url}: queue and compute times are missing; name the page with --metrics"
    elif metrics_url and any(step.sent and not step.models for step in steps):
        yield f"the metrics at {metrics_url} are of another server: they did not count this run's pictures"


def _at(step: Step) -> str:
    return f"with {step.users} users" if step.offered_rate is None else f"at {shown_rate(step.offered_rate)}"

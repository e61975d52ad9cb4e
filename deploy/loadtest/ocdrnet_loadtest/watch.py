"""Follows the requests of a step while it runs, and ends a step that can no longer pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ocdrnet_loadtest.sending.base import Reply
from ocdrnet_loadtest.sent_images import SentImage


@dataclass(frozen=True)
class Shot:
    """One request; times are seconds of one clock.

    Attributes:
        image: that was sent.
        due: when it was meant to leave.
        left: when it did.
        done: when its answer was parsed.
        reply: what came back.
    """

    image: SentImage
    due: float
    left: float
    done: float
    reply: Reply

    @property
    def is_answered(self) -> bool:
        """With a page."""
        return self.reply.boxes is not None

    @property
    def latency(self) -> float:
        """From when it was due: a server that holds the sender up is charged for it (coordinated omission)."""
        return self.done - self.due

    @property
    def lateness(self) -> float:
        """How long it left after it was due."""
        return self.left - self.due


# With 1 % of its requests too slow a step fails; far more than that, and no luck of the rest could have saved it.
_BEYOND_REPAIR = 0.05


@dataclass(frozen=True)
class Limits:
    """What a server has to keep for a rate to count as met.

    Attributes:
        p99: seconds.
        errors: share of requests without an answer, 0 to 1.
    """

    p99: float = 1.0
    errors: float = 0.001


class Watch:
    """Counts the requests of one step."""

    def __init__(
        self,
        planned: int,
        limits: Limits,
        *,
        may_end_early: bool = False,
        on_change: Callable[[Watch], None] | None = None,
    ) -> None:
        """Begin a step.

        Args:
            planned: requests.
            limits: a request over the latency limit, or without an answer, breaks them.
            may_end_early: stop sending once the step cannot pass.
            on_change: called after each answer.
        """
        self.planned = planned
        self.answered = 0
        self.failed = 0
        self.slow = 0
        self._limits = limits
        self._may_end_early = may_end_early
        self._on_change = on_change

    @property
    def is_hopeless(self) -> bool:
        """The limits are broken beyond repair, and the step is to end."""
        return self._may_end_early and self.failed + self.slow > max(5.0, _BEYOND_REPAIR * self.planned)

    @contextmanager
    def waiting(self, due: float) -> Iterator[None]:
        """While an answer is awaited; one that does not come in time counts as slow at once."""
        timer = asyncio.get_running_loop().call_at(due + self._limits.p99, self._is_slow)
        try:
            yield
        finally:
            timer.cancel()

    def saw(self, shot: Shot) -> None:
        """Count an answer, or what came in its place."""
        if shot.is_answered:
            self.answered += 1
        else:
            self.failed += 1
        if self._on_change is not None:
            self._on_change(self)

    def _is_slow(self) -> None:
        self.slow += 1

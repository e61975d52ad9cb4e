"""One request of a load test, from its place in the schedule to its answer."""

from __future__ import annotations

from dataclasses import dataclass

from ocdrnet_loadtest.pictures import Picture
from ocdrnet_loadtest.sending.base import Reply


@dataclass(frozen=True)
class Shot:
    """One request; times are seconds of one clock.

    Attributes:
        picture: that was sent.
        due: when it was meant to leave.
        left: when it did.
        done: when its answer was parsed.
        reply: what came back.
    """

    picture: Picture
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

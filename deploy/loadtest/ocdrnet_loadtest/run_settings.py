"""All that a run is told, and what the result says of the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ocdrnet_loadtest.objectives import Slo
from ocdrnet_loadtest.observing import Questions, served_models
from ocdrnet_loadtest.result import Target
from ocdrnet_loadtest.sending.base import SendSettings
from ocdrnet_loadtest.sent_images import SentImage
from ocdrnet_loadtest.settings import StaircaseSettings, StepSettings
from ocdrnet_loadtest.soak import SETTLING
from ocdrnet_loadtest.users import ServerProcesses, Users


@dataclass(frozen=True)
class SoakSettings:
    """A long run.

    Attributes:
        requests: to send.
        fraction: of the knee; None where the rate has nothing to do with it.
        rate: requests a second; None for `fraction` of the knee, which is looked for first.
        settling: requests left out of the slopes of memory.
    """

    requests: int
    fraction: float | None = 0.8
    rate: float | None = None
    settling: int = SETTLING


@dataclass(frozen=True)
class RunSettings:
    """All of a run.

    Attributes:
        send: how to send.
        api: which protocol, one of `sending.opening.APIS`.
        images: what to send.
        source: where they came from, for the report.
        step: how steps are run.
        staircase: how the knee is looked for.
        rate: of one step, instead of a staircase.
        soak: a long run, instead of or after a staircase.
        users: of a closed loop, instead of all these.
        warm_up: requests, at least.
        metrics_url: of Triton's metrics page, None for none.
        processes: of a server on this machine.
        slos: objectives.
    """

    send: SendSettings
    api: str
    images: Sequence[SentImage]
    source: str
    step: StepSettings = field(default_factory=StepSettings)
    staircase: StaircaseSettings = field(default_factory=StaircaseSettings)
    rate: float | None = None
    soak: SoakSettings | None = None
    users: Users | None = None
    warm_up: int = 20
    metrics_url: str | None = None
    processes: ServerProcesses | None = None
    slos: Sequence[Slo] = ()

    @property
    def mode(self) -> str:
        """As the result names it."""
        if self.users:
            return "users"
        if self.soak:
            return "soak"
        return "staircase" if self.rate is None else "rate"


async def described_target(settings: RunSettings, questions: Questions | None) -> Target:
    """Address and options, and what the server itself says."""
    server, models = None, {}
    if questions is not None:
        metadata = await questions.metadata()
        server = f"{metadata['name']} {metadata.get('version', '')}".strip() if "name" in metadata else None
        models = await served_models(questions, settings.send.model)
    send = settings.send
    return Target(str(send.address), settings.api, send.model, dict(send.options), send.timeout_s, server, models)

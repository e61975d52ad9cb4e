"""One run from the first image to the result: warm up, then one rate, a staircase to the knee, or a soak."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from itertools import cycle, islice

from ocdrnet_loadtest.errors import NoServerError
from ocdrnet_loadtest.measuring import Bench
from ocdrnet_loadtest.objectives import figures_of
from ocdrnet_loadtest.observing import Observer, Questions, open_questions
from ocdrnet_loadtest.quantities import shown_duration, shown_rate
from ocdrnet_loadtest.result import Knee, LoadTestResult, Mix, Target, this_machine
from ocdrnet_loadtest.run_settings import RunSettings, SoakSettings, described_target
from ocdrnet_loadtest.sending.base import Sender
from ocdrnet_loadtest.sending.opening import open_sender
from ocdrnet_loadtest.sent_images import SentImage
from ocdrnet_loadtest.settings import StaircaseSettings
from ocdrnet_loadtest.soak import MemoryLog, sampling_period, soak
from ocdrnet_loadtest.step_result import Soak, Step
from ocdrnet_loadtest.summary import Progress
from ocdrnet_loadtest.watch import Limits, Watch

SERVER = "server"
GENERATOR = "generator"


class Staircase:
    """The search, step by step."""

    def __init__(self, settings: StaircaseSettings, start: float) -> None:
        """Begin at `start` requests a second, above 0."""
        self._settings = settings
        self._next = start
        self.steps: list[Step] = []
        self.passed: Step | None = None
        self.failed: Step | None = None

    async def climb(self, measure: Callable[[float], Awaitable[Step]]) -> list[Step]:
        """Measure one rate after the other until the knee is known, or cannot be."""
        while not self._is_over():
            self._saw(await measure(self._next))
            self._next = self._next_rate()
        return self.steps

    def knee(self, limits: Limits) -> Knee:
        """What was found."""
        best = self.passed
        return Knee(
            p99_limit_s=limits.p99,
            error_limit=limits.errors,
            rate=best.offered_rate if best else None,
            failed_rate=self.failed.offered_rate if self.failed else None,
            images_per_s=best.images_per_s if best else None,
            crops_per_s=best.crops_per_s if best else None,
            limited_by=GENERATOR if self._is_generators() else SERVER,
            note=self._note(limits),
        )

    def _saw(self, step: Step) -> None:
        self.steps.append(step)
        if step.passed:
            self.passed = step
        else:
            self.failed = step

    def _next_rate(self) -> float:
        low, high = _rate(self.passed), _rate(self.failed)
        if self.failed is None:
            return low * self._settings.growth
        if self.passed is None:
            return high / self._settings.growth
        # The middle of two rates on a scale of ratios.
        return math.sqrt(low * high)

    def _is_over(self) -> bool:
        if len(self.steps) >= self._settings.most_steps or self._is_generators():
            return True
        if self.passed is None or self.failed is None:
            return False
        return _rate(self.failed) <= _rate(self.passed) * (1 + self._settings.precision)

    def _is_generators(self) -> bool:
        """The last failure was the client's: what it cannot send, the server cannot miss."""
        return self.failed is not None and self.failed.lateness.is_bottleneck

    def _note(self, limits: Limits) -> str:
        if self._is_generators():
            return (
                "the load generator was the bottleneck: the server's knee is higher; use a bigger machine, or several"
            )
        if self.passed is None:
            return f"no rate met the limits; the lowest tried was {shown_rate(_rate(self.failed))}"
        if self.failed is None:
            return f"every rate met the limits, {len(self.steps)} steps were not enough to break them"
        return _between(self.passed, self.failed, limits, self.steps)


def _between(passed: Step, failed: Step, limits: Limits, steps: Sequence[Step]) -> str:
    note = f"between {shown_rate(_rate(passed))}, which passed, and {shown_rate(_rate(failed))}, which did not"
    latency = passed.latency
    if latency is None:
        return note
    if latency.p99_high is None:
        return f"{note}; {passed.answered} requests are too few to bound the p99, send more in each step"
    interval = f"{shown_duration(latency.p99_low)} to {shown_duration(latency.p99_high)}"
    note = f"{note}; there the p99 is {interval} with 95 % confidence"
    if latency.p99_high > limits.p99:
        note += f", which reaches over the limit of {shown_duration(limits.p99)}: longer steps would make it surer"
    return note


def _rate(step: Step | None) -> float:
    return (step.offered_rate if step else None) or 0.0


async def warm_up(sender: Sender, images: Sequence[SentImage], requests: int, url: str) -> float:
    """Send images one at a time.

    Args:
        sender: of this loop.
        images: sent in turn, each at least once.
        requests: at least; the second half of all is timed.
        url: for the message.

    Returns:
        Seconds of one image alone, the mean of the second half.

    Raises:
        NoServerError: one of them is not answered.
    """
    loop = asyncio.get_running_loop()
    count = max(requests, len(images), 1)
    seconds = []
    for image in islice(cycle(images), count):
        begin = loop.time()
        reply = await sender.send(image)
        if reply.boxes is None:
            raise NoServerError(
                f"the server at {url} did not read {image.name} in the warm-up ({reply.status});"
                " start one with `ocdrnet serve`, or name another with --url"
            )
        seconds.append(loop.time() - begin)
    timed = seconds[count // 2 :]
    return sum(timed) / len(timed)


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
        yield f"others sent {foreign} images to the server during the steps, beside the {sent} of this run"


def _few(steps: Sequence[Step]) -> Iterator[str]:
    if any(step.answered < _FEW and not step.is_cut_short for step in steps):
        yield f"steps of fewer than {_FEW} answers have no 99th percentile to speak of; send more with --requests"


def _unseen(steps: Sequence[Step], metrics_url: str | None) -> Iterator[str]:
    if metrics_url and any(step.models is None for step in steps):
        yield f"no Triton metrics at {metrics_url}: queue and compute times are missing; name the page with --metrics"
    elif metrics_url and any(step.sent and not step.models for step in steps):
        yield f"the metrics at {metrics_url} are of another server: they did not count this run's images"


def _at(step: Step) -> str:
    return f"with {step.users} users" if step.offered_rate is None else f"at {shown_rate(step.offered_rate)}"


_FIRST_SHARE = 0.5  # of what one caller at a time gets: surely below the knee


async def run(settings: RunSettings, progress: Progress) -> LoadTestResult:
    """Put the server under load.

    Raises:
        LoadTestError: no server answers, or there is no knee to soak at.
    """
    sender = open_sender(settings.api, settings.send)
    questions = open_questions(settings.api, settings.send)
    try:
        return await LoadTest(settings, progress, sender, questions).result()
    finally:
        await sender.close()
        if questions is not None:
            await questions.close()


class LoadTest:
    """One run; what it finds is kept as it comes."""

    def __init__(
        self, settings: RunSettings, progress: Progress, sender: Sender, questions: Questions | None = None
    ) -> None:
        """Set up; `sender` and `questions` belong to the running loop."""
        self._settings = settings
        self._progress = progress
        self._sender = sender
        self._questions = questions
        self._log = MemoryLog(None, 1.0)
        self._steps: list[Step] = []
        self._knee: Knee | None = None
        self._soak: Soak | None = None

    async def result(self) -> LoadTestResult:
        """Run everything that the settings ask for."""
        settings = self._settings
        started = datetime.now().astimezone().isoformat(timespec="seconds")
        alone = await warm_up(self._sender, settings.images, settings.warm_up, str(settings.send.address))
        self._progress.say(f"warm: one image alone takes {shown_duration(alone)}")
        target = await described_target(settings, self._questions)
        bench = self._bench(target)
        if settings.users is not None:
            self._progress.say(f"{settings.users.count} users for {shown_duration(settings.users.seconds)}")
            self._keep(await bench.closed_step(settings.users, settings.send))
        elif settings.rate is not None:
            self._keep(await bench.step(settings.rate))
        elif settings.soak is None or settings.soak.rate is None:
            await self._climb(bench, alone)
        if settings.soak is not None:
            await self._run_soak(bench, settings.soak)
        return self._summed_up(started, target, bench)

    async def _climb(self, bench: Bench, alone: float) -> None:
        limits = self._settings.step.limits
        start = self._settings.staircase.start or _FIRST_SHARE / alone
        self._progress.say(
            f"looking for the highest rate with p99 under {shown_duration(limits.p99)}"
            f" and errors under {limits.errors:.2%}, from {shown_rate(start)}"
        )

        async def measured(rate: float) -> Step:
            return self._keep(await bench.step(rate, is_judged=True))

        staircase = Staircase(self._settings.staircase, start)
        await staircase.climb(measured)
        self._knee = staircase.knee(limits)
        found = "no knee" if self._knee.rate is None else f"knee: {shown_rate(self._knee.rate)}"
        self._progress.say(f"{found}; {self._knee.note}")

    async def _run_soak(self, bench: Bench, settings: SoakSettings) -> None:
        rate = settings.rate or self._share_of_knee(settings.fraction or 1.0)
        self._progress.say(f"soaking: {settings.requests} requests at {shown_rate(rate)}")
        self._log = MemoryLog(self._settings.processes, sampling_period(settings.requests, rate))
        step, self._soak = await soak(bench, self._log, rate, settings.requests, settings.fraction, settings.settling)
        self._keep(step)

    def _bench(self, target: Target) -> Bench:
        settings = self._settings
        observer = Observer(
            settings.send.model,
            metrics_url=settings.metrics_url,
            processes=settings.processes,
            questions=self._questions,
            models=target.models,
        )
        return Bench(self._sender, settings.images, settings.step, observer, self._changed)

    def _changed(self, watch: Watch) -> None:
        self._log.answered = watch.answered
        self._progress.changed(watch)

    def _keep(self, step: Step) -> Step:
        self._steps.append(step)
        self._progress.finished(step)
        return step

    def _share_of_knee(self, fraction: float) -> float:
        if self._knee is None or self._knee.rate is None:
            raise NoServerError("no rate met the limits, so there is none to soak at; raise --p99, or give --rate")
        return self._knee.rate * fraction

    def _judged(self) -> Step | None:
        """What objectives are held against: the last step, or of a staircase the one at its knee."""
        if self._knee is None or self._soak is not None:
            return self._steps[-1]
        at_knee = [step for step in self._steps if step.passed and step.offered_rate == self._knee.rate]
        return at_knee[-1] if at_knee else None

    def _summed_up(self, started: str, target: Target, bench: Bench) -> LoadTestResult:
        settings = self._settings
        figures = figures_of(self._judged(), self._knee, self._soak)
        is_local = settings.processes is not None
        return LoadTestResult(
            mode=settings.mode,
            arrivals=self._steps[-1].arrivals,
            started=started,
            target=target,
            machine=this_machine(server_is_local=is_local),
            mix=Mix(settings.source, settings.step.seed, bench.mix()),
            steps=tuple(self._steps),
            knee=self._knee,
            soak=self._soak,
            objectives=tuple(slo.judged(figures[slo.figure]) for slo in settings.slos),
            warnings=tuple(
                warnings_of(self._steps, metrics_url=settings.metrics_url, server_is_local=is_local),
            ),
        )

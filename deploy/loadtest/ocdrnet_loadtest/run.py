"""One run from the first picture to the result: warm up, then a rate, a staircase, or a soak."""

from __future__ import annotations

from datetime import datetime

from ocdrnet_loadtest.errors import NoServerError
from ocdrnet_loadtest.machine import this_machine
from ocdrnet_loadtest.measuring import Bench
from ocdrnet_loadtest.objectives import figures_of
from ocdrnet_loadtest.observing import Observer
from ocdrnet_loadtest.progress import Progress
from ocdrnet_loadtest.quantities import shown_duration, shown_rate
from ocdrnet_loadtest.result import Knee, LoadTestResult, Mix, Target
from ocdrnet_loadtest.run_settings import RunSettings, SoakSettings
from ocdrnet_loadtest.sending.base import Sender
from ocdrnet_loadtest.sending.opening import open_sender
from ocdrnet_loadtest.soak import MemoryLog, sampling_period, soak
from ocdrnet_loadtest.soak_result import Soak
from ocdrnet_loadtest.staircase import Staircase
from ocdrnet_loadtest.step_result import Step
from ocdrnet_loadtest.target import described_target
from ocdrnet_loadtest.triton import Questions, open_questions
from ocdrnet_loadtest.trust import warnings_of
from ocdrnet_loadtest.warming import warm_up
from ocdrnet_loadtest.watch import Watch

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
        alone = await warm_up(self._sender, settings.pictures, settings.warm_up, str(settings.send.address))
        self._progress.say(f"warm: one picture alone takes {shown_duration(alone)}")
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
        return Bench(self._sender, settings.pictures, settings.step, observer, self._changed)

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

"""One step of an open loop: sends by the schedule, whether or not earlier requests were answered.

A closed loop, as of users that wait for their answers, slows down with the server, and so never shows the wait that
independent callers would have had. Here nothing waits for anything but the clock.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from random import Random

from ocdrnet_loadtest.latencies import Plan, build_step
from ocdrnet_loadtest.observing import Observer
from ocdrnet_loadtest.result import MixImage
from ocdrnet_loadtest.sending.base import Sender, SendSettings
from ocdrnet_loadtest.sent_images import SentImage
from ocdrnet_loadtest.settings import CLOSED, StepSettings, schedule
from ocdrnet_loadtest.step_result import Step
from ocdrnet_loadtest.users import Users, shots_of_users
from ocdrnet_loadtest.watch import Shot, Watch

_LEAD = 0.05  # seconds before the first request, so that it is not late because of what came before


async def send_by_schedule(
    sender: Sender, images: Sequence[SentImage], offsets: Sequence[float], watch: Watch
) -> list[Shot]:
    """Send each image at its time, and wait for all answers.

    Args:
        sender: of this loop.
        images: one for each offset.
        offsets: seconds from the start, rising.
        watch: told of every request; it may end the sending early.

    Returns:
        Shots in the order of the schedule, without those that were not sent.
    """
    loop = asyncio.get_running_loop()
    start = loop.time() + _LEAD
    tasks: list[asyncio.Task[Shot]] = []
    for image, offset in zip(images, offsets, strict=True):
        # Even when behind: a sleep of 0 lets answers in.
        await asyncio.sleep(max(0.0, start + offset - loop.time()))
        if watch.is_hopeless:
            break
        tasks.append(loop.create_task(_shoot(sender, image, start + offset, watch)))
    return await asyncio.gather(*tasks)


async def _shoot(sender: Sender, image: SentImage, due: float, watch: Watch) -> Shot:
    loop = asyncio.get_running_loop()
    left = loop.time()
    with watch.waiting(due):
        reply = await sender.send(image)
    shot = Shot(image, due, left, loop.time(), reply)
    watch.saw(shot)
    return shot


class Bench:
    """A sender, the images to send, and the server under observation."""

    def __init__(
        self,
        sender: Sender,
        images: Sequence[SentImage],
        settings: StepSettings,
        observer: Observer,
        on_change: Callable[[Watch], None] | None = None,
    ) -> None:
        """Set up.

        Args:
            sender: of the running loop.
            images: each is sent with the same probability.
            settings: of all steps.
            observer: of the server.
            on_change: called after each answer of a step.
        """
        self._sender = sender
        self._images = images
        self._settings = settings
        self.observer = observer
        self._on_change = on_change
        self._random = Random(settings.seed)
        self._sent: dict[str, int] = defaultdict(int)
        self._boxes: dict[str, list[int]] = defaultdict(list)

    async def step(self, rate: float, *, count: int | None = None, is_judged: bool = False) -> Step:
        """One rate, requests a second, for `count` requests or as many as the settings say."""
        settings = self._settings
        count = settings.count(rate) if count is None else count
        settling = settings.settling_count(rate)
        offsets = schedule(settings.arrivals, rate, settling, self._random)
        offsets += [settling / rate + at for at in schedule(settings.arrivals, rate, count, self._random)]
        images = self._random.choices(self._images, k=len(offsets))
        watch = Watch(len(offsets), settings.limits, may_end_early=is_judged, on_change=self._on_change)
        before = await self.observer.view()
        shots = await send_by_schedule(self._sender, images, offsets, watch)
        await self.observer.drained(settings.drain_s)
        around = self.observer.surroundings(before, await self.observer.view(), len(shots))
        self._remember(shots)
        plan = Plan(settings.arrivals, rate, None, settling, count / rate, settings.limits, is_judged)
        return build_step(shots, plan, len(offsets), around)

    async def closed_step(self, users: Users, send: SendSettings) -> Step:
        """Locust's users, each of whom waits for the answer; their first requests, all at once, do not count."""
        before = await self.observer.view()
        shots = await shots_of_users(users, self._images, send, self._settings.seed)
        around = self.observer.surroundings(before, await self.observer.view(), len(shots))
        self._remember(shots)
        settling = min(users.count, len(shots) - 1)
        seconds = shots[-1].due - shots[settling].due
        plan = Plan(CLOSED, None, users.count, settling, seconds, self._settings.limits)
        return build_step(shots, plan, len(shots), around)

    def mix(self) -> tuple[MixImage, ...]:
        """What was sent in all steps so far, and what the server found in it."""
        return tuple(
            MixImage(
                image.name,
                image.width,
                image.height,
                len(image.content),
                self._sent[image.name],
                _mean(self._boxes[image.name]),
            )
            for image in self._images
        )

    def _remember(self, shots: Sequence[Shot]) -> None:
        for shot in shots:
            self._sent[shot.image.name] += 1
            if shot.reply.boxes is not None:
                self._boxes[shot.image.name].append(shot.reply.boxes)


def _mean(values: Sequence[int]) -> float | None:
    return sum(values) / len(values) if values else None

"""A server with one worker and a known service time, and what queueing says of it."""

import asyncio
from random import Random

from ocdrnet_loadtest.sending.base import Reply
from ocdrnet_loadtest.sent_images import SentImage

IMAGES = tuple(SentImage(f"{index}.jpg", 64, 64, b"x" * (index + 1)) for index in range(3))


class SingleServer:
    """First come, first served, `service` seconds each: M/D/1 under Poisson arrivals, D/D/1 under constant ones."""

    def __init__(self, service, boxes=2):
        self.service = service
        self.boxes = boxes
        self.sent = 0
        self.fails = lambda number: False
        self.stalls = {}
        self._worker = asyncio.Lock()

    async def send(self, image):
        self.sent += 1
        number = self.sent
        async with self._worker:
            await asyncio.sleep(self.service + self.stalls.get(number, 0))
        return Reply("UNAVAILABLE") if self.fails(number) else Reply("OK", self.boxes)

    async def close(self):
        pass


def p99_of_md1(rate, service, seed=99, count=200_000):
    """By Lindley's recursion: a request waits for what was left of the one before when it came."""
    random, wait, latencies = Random(seed), 0.0, []
    for _ in range(count):
        latencies.append(wait + service)
        wait = max(0.0, wait + service - random.expovariate(rate))
    return sorted(latencies)[int(count * 0.99)]


def knee_of_md1(service, limit):
    """The rate at which the p99 reaches the limit."""
    low, high = 0.01 / service, 1 / service
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if p99_of_md1(middle, service, count=60_000) <= limit else (low, middle)
    return low

"""Sends pictures by a schedule, whether or not earlier ones have been answered.

A closed loop, as of users that wait for their answers, slows down with the server, and so never shows the wait that
independent callers would have had. Here nothing waits for anything but the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ocdrnet_loadtest.pictures import Picture
from ocdrnet_loadtest.sending.base import Sender
from ocdrnet_loadtest.shots import Shot
from ocdrnet_loadtest.watch import Watch

_LEAD = 0.05  # seconds before the first request, so that it is not late because of what came before


async def send_by_schedule(
    sender: Sender, pictures: Sequence[Picture], offsets: Sequence[float], watch: Watch
) -> list[Shot]:
    """Send each picture at its time, and wait for all answers.

    Args:
        sender: of this loop.
        pictures: one for each offset.
        offsets: seconds from the start, rising.
        watch: told of every request; it may end the sending early.

    Returns:
        Shots in the order of the schedule, without those that were not sent.
    """
    loop = asyncio.get_running_loop()
    start = loop.time() + _LEAD
    tasks: list[asyncio.Task[Shot]] = []
    for picture, offset in zip(pictures, offsets, strict=True):
        # Even when behind: a sleep of 0 lets answers in.
        await asyncio.sleep(max(0.0, start + offset - loop.time()))
        if watch.is_hopeless:
            break
        tasks.append(loop.create_task(_shoot(sender, picture, start + offset, watch)))
    return await asyncio.gather(*tasks)


async def _shoot(sender: Sender, picture: Picture, due: float, watch: Watch) -> Shot:
    loop = asyncio.get_running_loop()
    left = loop.time()
    with watch.waiting(due):
        reply = await sender.send(picture)
    shot = Shot(picture, due, left, loop.time(), reply)
    watch.saw(shot)
    return shot

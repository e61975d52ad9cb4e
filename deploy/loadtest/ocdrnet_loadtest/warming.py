"""Before any figure counts: is there a server, and how long does one picture alone take it once it is warm?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import cycle, islice

from ocdrnet_loadtest.errors import NoServerError
from ocdrnet_loadtest.pictures import Picture
from ocdrnet_loadtest.sending.base import Sender


async def warm_up(sender: Sender, pictures: Sequence[Picture], requests: int, url: str) -> float:
    """Send pictures one at a time.

    Args:
        sender: of this loop.
        pictures: sent in turn, each at least once.
        requests: at least; the second half of all is timed.
        url: for the message.

    Returns:
        Seconds of one picture alone, the mean of the second half.

    Raises:
        NoServerError: one of them is not answered.
    """
    loop = asyncio.get_running_loop()
    count = max(requests, len(pictures), 1)
    seconds = []
    for picture in islice(cycle(pictures), count):
        begin = loop.time()
        reply = await sender.send(picture)
        if reply.boxes is None:
            raise NoServerError(
                f"the server at {url} did not read {picture.name} in the warm-up ({reply.status});"
                " start one with `ocdrnet serve`, or name another with --url"
            )
        seconds.append(loop.time() - begin)
    timed = seconds[count // 2 :]
    return sum(timed) / len(timed)

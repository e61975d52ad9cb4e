"""Sends images until its input ends: KIND, URL, CALLERS, MS. Prints a line of JSON for each when it is answered.

Every caller sends the next image, which takes the server MS, when the last is answered. KIND: grpc or http,
and after a dash blocking, awaited, gateway or loadtest.
"""

import asyncio
import itertools
import json
import sys
import threading
import time

from ocdrnet_client import AsyncClient, Client

kind, url, callers, ms = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4].encode()
over = threading.Event()
numbers = itertools.count(1)


def picture(number):
    return ms + b" " + bytes(number % 1000 + 1)


def report(number, begin, width=None, fault=None):
    if width is not None and width != len(picture(number)):
        fault = f"wrong answer: {width}"
    line = json.dumps({"begin": begin, "end": time.monotonic(), "fault": fault})
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def each(read):
    while not over.is_set():
        number, begin = next(numbers), time.monotonic()
        try:
            report(number, begin, read(number))
        except Exception as error:
            report(number, begin, fault=f"{type(error).__name__}: {error}")
            time.sleep(0.05)


def in_threads(read):
    threads = [threading.Thread(target=each, args=(read,)) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def in_tasks(read):
    async def task():
        while not over.is_set():
            number, begin = next(numbers), time.monotonic()
            try:
                report(number, begin, await read(number))
            except Exception as error:
                report(number, begin, fault=f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.05)

    await asyncio.gather(*(task() for _ in range(callers)))


async def awaited():
    async with AsyncClient(url) as client:

        async def read(number):
            return (await client.read(picture(number))).width

        await in_tasks(read)


def blocking():
    with Client(url) as client:
        in_threads(lambda number: client.read(picture(number)).width)


def gateway():
    from ocdrnet_gateway.core.reader import TritonReader

    async def run():
        reader = TritonReader(url)

        async def read(number):
            page = await reader.read(picture(number), {}, request_id=str(number), deadline_s=60)
            return page.width

        await in_tasks(read)
        await reader.close()

    asyncio.run(run())


def loadtest():
    from ocdrnet_client.address import Address
    from ocdrnet_loadtest.sending.base import SendSettings
    from ocdrnet_loadtest.sending.opening import api_of, open_sender
    from ocdrnet_loadtest.sent_images import SentImage

    async def run():
        address = Address.parse(url)
        sender = open_sender(api_of(address, None), SendSettings(address))
        sent = SentImage("one.jpg", 1, 1, ms + b" ")

        async def read(number):
            reply = await sender.send(sent)
            if reply.boxes is None:
                raise RuntimeError(reply.status)

        await in_tasks(read)
        await sender.close()

    asyncio.run(run())


threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
doing = {"blocking": blocking, "awaited": lambda: asyncio.run(awaited()), "gateway": gateway, "loadtest": loadtest}
doing[kind.partition("-")[2]]()

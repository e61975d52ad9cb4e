"""Work on an iterable with bounded concurrency, answers in its order.

At most twice `concurrency` items are taken ahead of the consumer: as many as are worked on, and as many again
that are finished but wait behind a slower one. The iterable is pulled only as the consumer asks for answers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

from ocdrnet_client.errors import ConfigurationError

Item = TypeVar("Item")
Answer = TypeVar("Answer")
SIGNAL_TURN_S = 0.2


def check_concurrency(concurrency: int) -> int:
    """The number itself.

    Raises:
        ConfigurationError: it is below 1.
    """
    if concurrency < 1:
        raise ConfigurationError(f"concurrency is {concurrency}; it must be 1 or more")
    return concurrency


def map_in_threads(
    work: Callable[[Item], Answer], items: Iterable[Item], concurrency: int
) -> Generator[Answer, None, None]:
    """Yield `work(item)` for each item; at most `concurrency` run at once, in threads, in the caller's context."""
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="ocdrnet-read")
    pending: deque[Future[Answer]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(copy_context().run, work, item))
            if len(pending) == 2 * concurrency:
                yield _awaited(pending.popleft())
        while pending:
            yield _awaited(pending.popleft())
    finally:
        # No waiting: a consumer that stops early closes its client, which breaks off what still runs.
        pool.shutdown(wait=False, cancel_futures=True)


def _awaited(future: Future[Answer]) -> Answer:
    """The future's result, waited for in short turns.

    A signal that the kernel hands to another thread does not end a lock's wait in the main one: without the turns,
    Ctrl-C would now and then be acted on only when the image is done.
    """
    while not wait((future,), timeout=SIGNAL_TURN_S).done:
        pass
    return future.result()


async def map_in_tasks(
    work: Callable[[Item], Awaitable[Answer]], items: Iterable[Item] | AsyncIterable[Item], concurrency: int
) -> AsyncGenerator[Answer, None]:
    """Yield `await work(item)` for each item; at most `concurrency` run at once, each in a task."""
    slots = asyncio.Semaphore(concurrency)

    async def in_slot(item: Item) -> Answer:
        async with slots:
            return await work(item)

    pending: deque[asyncio.Task[Answer]] = deque()
    try:
        async for item in _as_async(items):
            pending.append(asyncio.create_task(in_slot(item)))
            if len(pending) == 2 * concurrency:
                yield await pending.popleft()
        while pending:
            yield await pending.popleft()
    finally:
        for task in pending:
            task.cancel()


async def _as_async(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncIterator[Item]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item

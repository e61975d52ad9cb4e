"""Threads that feed a network: as many jobs at once as it has streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class InferencePool:
    """A thread for each stream; jobs that fail leave them as they were."""

    def __init__(self, count: int, name: str) -> None:
        """Start none yet.

        Args:
            count: of streams.
            name: that the threads' names begin with.
        """
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)

    def map(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> list[Result]:
        """What `work` makes of every job, in the order of the jobs.

        Raises:
            Exception: what the first job to fail raised. No job is at work any more then: the arrays of one may lie in
                memory that belongs to a request, and does so only until that is answered.
        """
        futures: list[Future[Result]] = []
        try:
            futures.extend(self._threads.submit(work, job) for job in jobs)
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
            wait(futures)

"""The bookkeeping of one call: how much of its timeout is left, and whether to try again."""

from __future__ import annotations

import random
import time

from ocdrnet_client.config import Retry
from ocdrnet_client.errors import RequestTimeoutError, ServerUnavailableError


class Attempts:
    """Counts the tries of one call against its `Retry` and its timeout."""

    def __init__(self, retry: Retry, timeout: float | None) -> None:
        self._retry = retry
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._failures = 0

    def remaining(self) -> float | None:
        """Seconds left for the next try; None without a timeout.

        Raises:
            RequestTimeoutError: none are left.
        """
        if self._deadline is None:
            return None
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise RequestTimeoutError("the timeout passed before the request could be sent; raise the timeout")
        return seconds

    def wait_after(self, error: ServerUnavailableError) -> float:
        """Seconds to wait before the next try.

        Raises:
            ServerUnavailableError: `error` itself, when no try is left or the wait would outlast the timeout.
        """
        self._failures += 1
        if self._failures >= self._retry.attempts:
            raise error
        wait = self._retry.wait(self._failures, random.random())
        if self._deadline is not None and time.monotonic() + wait >= self._deadline:
            raise error
        return wait

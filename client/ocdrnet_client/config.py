"""Timeouts and retries: the settings, and the bookkeeping of one call."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass

from ocdrnet_client.errors import ConfigurationError, RequestTimeoutError, ServerUnavailableError


@dataclass(frozen=True)
class Timeout:
    """Limits in seconds; None waits for ever.

    Attributes:
        request: for one `read`, its retries and the waits between them included. Over gRPC it is also sent as
            the call's deadline.
        ready: for one `is_ready`.
    """

    request: float | None = 60.0
    ready: float | None = 5.0

    def __post_init__(self) -> None:
        for name, seconds in (("request", self.request), ("ready", self.ready)):
            if seconds is not None and not seconds > 0:
                raise ConfigurationError(f"the {name} timeout is {seconds}; it must be above 0 seconds, or None")


@dataclass(frozen=True)
class Retry:
    """Exponential backoff with jitter, for `ServerUnavailableError` only.

    Attributes:
        attempts: tries in all, the first included; 1 turns retries off.
        initial: seconds before the second try; it doubles from try to try.
        maximum: seconds a wait may grow to.
        jitter: 0 to 1, the share of a wait that is random, so that clients of a restarted server do not
            return at the same moment.
    """

    attempts: int = 4
    initial: float = 0.2
    maximum: float = 5.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ConfigurationError(f"retry attempts are {self.attempts}; the first try counts, so 1 at least")
        if self.initial < 0 or self.maximum < self.initial:
            raise ConfigurationError(
                f"retry waits go from {self.initial} to {self.maximum} s; they must be 0 or more and not shrink"
            )
        if not 0 <= self.jitter <= 1:
            raise ConfigurationError(f"retry jitter is {self.jitter}; it is a share from 0 to 1")

    def wait(self, failures: int, chance: float) -> float:
        """Seconds to wait after a failure.

        Args:
            failures: how many tries have failed so far, 1 or more.
            chance: 0 to 1, drawn anew for each wait.
        """
        # The exponent is bounded because 2.0**1024 overflows, while no useful wait doubles sixty times.
        longest = min(self.maximum, self.initial * 2.0 ** min(failures - 1, 60))
        return longest * (1 - self.jitter * chance)


DEFAULT_TIMEOUT = Timeout()
DEFAULT_RETRY = Retry()


def as_timeout(timeout: Timeout | float) -> Timeout:
    """A number is short for the request's timeout; infinity waits for ever."""
    if isinstance(timeout, Timeout):
        return timeout
    # No deadline of gRPC holds an infinity.
    return Timeout(request=None if timeout == math.inf else timeout)


def request_timeout(timeout: float | None, default: Timeout) -> float | None:
    """Seconds for one call: its own, or the client's where it has none.

    Raises:
        ConfigurationError: `timeout` is not above 0.
    """
    return default.request if timeout is None else as_timeout(timeout).request


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

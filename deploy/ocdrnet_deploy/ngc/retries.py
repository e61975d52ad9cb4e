"""Trying again: which failures pass by themselves, how long to wait, when to give up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ocdrnet_deploy.errors import NgcUnavailableError

T = TypeVar("T")


class TransientError(Exception):
    """Something that may work in a while; its text holds no URL, because a pre-signed one is a secret.

    Args:
        reason: what happened.
        retry_after_s: how long the server asks to wait; None where it does not say.
    """

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with jitter, so that a cluster's nodes do not come back in step.

    Attributes:
        attempts: failures in a row, without one new byte between them, after which to give up; from 1.
        first_s: the longest wait after the first failure, in seconds; it doubles with each further one.
        longest_s: the longest wait, in seconds.
        longest_asked_s: the longest wait that a server may ask for, in seconds.
    """

    attempts: int = 6
    first_s: float = 1.0
    longest_s: float = 30.0
    longest_asked_s: float = 120.0

    def wait_s(self, failures: int, asked_s: float | None) -> float:
        """Seconds to wait after that many failures in a row."""
        if asked_s is not None:
            return max(0.0, min(asked_s, self.longest_asked_s))
        return min(self.longest_s, self.first_s * 2.0 ** (failures - 1)) * random.uniform(0.5, 1.0)


def retry(
    policy: RetryPolicy,
    attempt: Callable[[], T],
    *,
    on_wait: Callable[[str, float], None],
    received: Callable[[], int] = lambda: 0,
) -> T:
    """Call until it succeeds or fails for good.

    Args:
        policy: how often and how long.
        attempt: raises `TransientError` where it may be called again.
        on_wait: told the reason and the seconds before each wait.
        received: bytes so far; an attempt that brought some starts the count of failures anew.

    Raises:
        NgcUnavailableError: too many failures in a row.
    """
    failures, most = 0, received()
    while True:
        try:
            return attempt()
        except TransientError as failure:
            failures = 1 if received() > most else failures + 1
            most = max(most, received())
            if failures >= policy.attempts:
                raise NgcUnavailableError(
                    f"NGC cannot be reached: {failure}, {failures} times in a row. Try again later; what was "
                    "received is kept"
                ) from None
            wait_s = policy.wait_s(failures, failure.retry_after_s)
            on_wait(str(failure), wait_s)
            time.sleep(wait_s)

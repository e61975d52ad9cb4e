"""Turns the signals that ask a program to end into a flag that a loop can look at."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# SIGHUP comes when the terminal is closed.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequestedError(Exception):
    """A stop signal came; raised only where the program asked for it."""


class StopRequest:
    """Whether a stop signal has come.

    A flag, not a `threading.Event`: the handler runs in the thread that would wait for the event, and could
    find its lock taken.
    """

    def __init__(self) -> None:
        self.came = False

    def check(self) -> None:
        """Does nothing until a signal has come.

        Raises:
            StopRequestedError: One has.
        """
        if self.came:
            raise StopRequestedError

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came = True


@contextmanager
def stop_signals() -> Iterator[StopRequest]:
    """Catches SIGINT, SIGTERM and SIGHUP inside the block; call it in the main thread."""
    request = StopRequest()
    before = {number: signal.signal(number, request._note) for number in _SIGNALS if not _is_nohup(number)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_nohup(number: signal.Signals) -> bool:
    # nohup starts a program with SIGHUP ignored, so that it outlives the terminal.
    return number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN

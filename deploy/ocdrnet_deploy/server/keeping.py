"""Keeps a server up: one that died, or lost a step, is started again at the same addresses."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from ocdrnet_deploy.errors import ServerError, StepLostError, TritonDiedError
from ocdrnet_deploy.server.triton import TritonServer

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


# How soon a death is noticed, and a signal acted on.
_POLL_S = 0.2
# A server that lasts so long after a start counts as one that works.
_WORKS_AFTER_S = 60.0


def keep_up(
    server: TritonServer,
    *,
    restarts: int,
    check: Callable[[], None],
    on_restart: Callable[[ServerError], None],
    on_ready: Callable[[float], None],
    on_wait: Callable[[float], None] | None = None,
) -> None:
    """Waits until something ends the waiting, and starts the server again whenever it has died.

    Args:
        server: Ready.
        restarts: How often in a row it may die within a minute of its start; 0: it is not started again.
        check: Called five times a second; what it raises ends the waiting.
        on_restart: Called with why, before each start.
        on_ready: Called with the seconds that a start took.
        on_wait: As of `TritonServer.wait_ready`.

    Raises:
        ServerError: It died once too often, or was not ready in time.
    """
    left, begin = restarts, time.monotonic()
    while True:
        while not server.wait_end(_POLL_S):
            check()
        try:
            server.check_running()
        except ServerError as error:
            if time.monotonic() - begin > _WORKS_AFTER_S:
                left = restarts
            if not left:
                raise
            left -= 1
            on_restart(error)
        server.restart()
        # One that dies again before it is ready is one more death, of the next round.
        with suppress(StepLostError, TritonDiedError):
            on_ready(server.wait_ready(on_wait=on_wait))
        begin = time.monotonic()

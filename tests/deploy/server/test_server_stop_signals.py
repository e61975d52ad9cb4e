import os
import signal
from contextlib import contextmanager

import pytest

from ocdrnet_deploy.server.keeping import StopRequestedError, stop_signals


@contextmanager
def handled_by(handler, number):
    """The tests themselves may run under nohup, or behind a shell that ignores Ctrl-C."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_noted_and_the_handler_put_back(number):
    def handler(*_):
        raise AssertionError("the signal went past stop_signals")

    with handled_by(handler, number):
        with stop_signals() as stop:
            stop.check()
            os.kill(os.getpid(), number)
            with pytest.raises(StopRequestedError):
                stop.check()
        assert signal.getsignal(number) is handler


def test_nohup_is_respected():
    with handled_by(signal.SIG_IGN, signal.SIGHUP), stop_signals() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        stop.check()

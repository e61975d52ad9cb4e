"""An event loop whose clock jumps to the next timer instead of waiting for it: an hour of load takes a second."""

import asyncio
import selectors


class JumpingSelector(selectors.DefaultSelector):
    def __init__(self):
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)
        # Timers within this of the clock run; it must not vanish beside hours (floats).
        self._clock_resolution = 1e-9

    def time(self):
        return self._jumping.now

    def work(self, seconds):
        """As if the process had been busy: time passes and nothing else runs."""
        self._jumping.now += seconds


def run_jumping(main):
    loop = JumpingLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()

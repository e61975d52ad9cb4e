"""Ends a step's process that stood still while it had requests, before it can answer them.

Triton's Python backend gives a process up that does not show for a second that it lives. Its requests fail then; but
the process still writes its answer when it goes on, and Triton takes that for the answer to the *next* request: another
caller's (triton-inference-server/server#8882, open; seen with 2.51, and its main branch of July 2026 waits in the same
way). So a process that stood still must not answer any more. A new one comes with the server: `ocdrnet serve` starts it
again, and so does the pod's liveness probe.

A process stands still when it is stopped or frozen, starved of its CPU, or waits for memory. The backend also counts by
the system's clock: where that is set forward, or the machine slept, a process is given up that did not stand still.

That a process lives is shown by a thread of Triton's stub, which wakes every 300 ms (pb_stub.cc). It needs no Python,
so its wakes tell a process that stands still from one whose Python threads are held up by a long computation. To be
stopped, and to go on, count as a wake each. So a few wakes tell of a short stop, too, if the main thread was not
computing meanwhile.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

# Triton gives up a process that has shown no life for 1 s. The stub's thread, which shows it every 0.3 s, then stood
# still for 0.7 s at least.
GIVEN_UP_AFTER_S = 0.7
_WAKE_S = 0.3
_LOOK_S = 0.2
_PICKED_UP_S = 2.0  # in which a process that goes on has picked up what came while it stood still
# Of a thread that wakes once before a stop, is stopped, and goes on; and one more, for a lock that it had to wait for.
_WAKES_OF_A_STOP = 4
_WAKES = b"\nvoluntary_ctxt_switches:"


class _Look(NamedTuple):
    monotonic_s: float
    wakes: int
    woke_s: float  # `monotonic_s` of the first look that saw this number of wakes
    computing_s: float  # CPU time of the main thread
    clock_s: float


class StallGuard:
    """Looks at this process five times a second, and before and after each batch of requests."""

    def __init__(self, thread: int | None = None) -> None:
        """Take the first look.

        Args:
            thread: id of the stub's thread that wakes every 300 ms; found by its age when left out.
        """
        thread = find_health_thread(os.getpid()) if thread is None else thread
        # Kept open: reading it again from the start takes 20 us.
        self._file = os.open(f"/proc/self/task/{thread}/status", os.O_RDONLY)
        self._main_clock = time.pthread_getcpuclockid(threading.main_thread().ident or 0)
        self._busy = 0
        self._stood_still = (-math.inf, "")
        self._last = _Look(time.monotonic(), self._wakes(), time.monotonic(), 0.0, time.time())
        # What it did since its start tells whether it is the right one; else the looks to come tell.
        self._wakes_seen = self._last.wakes if self._last.wakes >= _age_s(thread) / _WAKE_S / 2 else 0
        self._last = self._now()

    def watch(self) -> None:
        """Go on looking, in a thread, as long as the process lives."""
        threading.Thread(target=self._watch, name="stall-guard", daemon=True).start()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Around the work on requests; does not return to its caller if the process stood still."""
        self._busy += 1
        try:
            # A request that came while the process stood still is picked up when it goes on.
            if reason := self.reason() or self._lately():
                end_process(reason)
            yield
            if reason := self.reason():
                end_process(reason)
        finally:
            self._busy -= 1

    def reason(self) -> str:
        """Why Triton may have given this process up since the last look; "" if it may not."""
        last, now = self._last, self._now()
        elapsed = now.monotonic_s - last.monotonic_s
        # A thread that was not seen to wake while all went well is another one, and says nothing.
        if self._wakes_seen:
            asleep = now.monotonic_s - now.woke_s
            idle = elapsed - (now.computing_s - last.computing_s)
            few = max(_WAKES_OF_A_STOP, elapsed / _WAKE_S / 2)
            if asleep > GIVEN_UP_AFTER_S or (idle > GIVEN_UP_AFTER_S and now.wakes - last.wakes <= few):
                return f"it stood still for {max(asleep, elapsed):.1f} s"
        set_forward = now.clock_s - last.clock_s - elapsed
        if set_forward > GIVEN_UP_AFTER_S:
            return f"the system's clock was set forward by {set_forward:.1f} s"
        return ""

    def _watch(self) -> None:
        with suppress(OSError):  # the stub's thread has ended: the process is being stopped
            while True:
                time.sleep(_LOOK_S)
                if reason := self.reason():
                    if self._busy:
                        end_process(reason)
                    self._stood_still = (time.monotonic(), reason)
                self._look()

    def _lately(self) -> str:
        seen_s, reason = self._stood_still
        return reason if time.monotonic() - seen_s < _PICKED_UP_S else ""

    def _look(self) -> None:
        now = self._now()
        self._wakes_seen += now.wakes - self._last.wakes
        # One assignment: the thread that works reads it at any time.
        self._last = now

    def _now(self) -> _Look:
        now, wakes = time.monotonic(), self._wakes()
        woke = self._last.woke_s if wakes == self._last.wakes else now
        return _Look(now, wakes, woke, time.clock_gettime(self._main_clock), time.time())

    def _wakes(self) -> int:
        # Found from the end and without a regular expression, which takes three times as long as to read the file.
        _, found, value = os.pread(self._file, 4096, 0).rpartition(_WAKES)
        return int(value.partition(b"\n")[0]) if found else 0


def _age_s(thread: int) -> float:
    """Seconds since the start of one of this process's threads."""
    fields = Path(f"/proc/self/task/{thread}/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def find_health_thread(pid: int) -> int:
    """The stub's thread that shows that it lives: the first that the stub starts, so the oldest but the main thread.

    Args:
        pid: of a stub's process.

    Raises:
        OSError: there is no such process.
        ValueError: it has one thread only.
    """
    tasks = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        tasks.append((int(fields[19]), int(task.name)))  # field 22 of proc(5): clock ticks from boot to its start
    others = sorted(each for each in tasks if each[1] != pid)
    if not others:
        raise ValueError(f"process {pid} has one thread only")
    return others[0][1]


def end_process(reason: str) -> None:
    """Say why, and end this process as it stands: no answer may leave it."""
    print(
        f"ocdrnet: process {os.getpid()} ends itself: {reason} while it had requests. Triton may have given them up, "
        "and would take the answer for another caller's",
        file=sys.stderr,
        flush=True,
    )
    os.kill(os.getpid(), signal.SIGKILL)

"""Watches the processes of Triton's Python steps from outside: one that died, or stands still, ends the server.

Triton 2.51 goes on without a step that died, says that it is ready, and answers every image with an error. And a
step that stood still for a second answers the next caller with what belongs to another (ocdrnet_triton.stall_guard ends
it from inside; from outside it is ended before Triton has given it up).
"""

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ocdrnet_triton.stall_guard import find_health_thread

# Triton gives a step up that has not shown for 1 s that it lives; its stub's thread shows it every 0.3 s.
STANDS_STILL_AFTER_S = 0.8
_LOOK_S = 0.1

_WAKES = re.compile(r"^voluntary_ctxt_switches:\s*(\d+)", re.MULTILINE)
_MODEL = re.compile(r"/([^/]+)/\d+/model\.py")


class Stub:
    """One process of a Python step.

    Attributes:
        pid: of the process.
        model: the step that it runs.
    """

    def __init__(self, pid: int, model: str) -> None:
        self.pid, self.model = pid, model
        self._wakes = -1
        self._since = time.monotonic()
        self._status = Path(f"/proc/{pid}/task/{find_health_thread(pid)}/status")

    def lives(self) -> bool:
        """Whether the process runs; one that nobody has reaped yet does not."""
        return _lives(self.pid)

    def still_for_s(self, now: float) -> float:
        """How long the thread that shows that the process lives has not woken, as far as was looked."""
        wakes = _wakes(self._status)
        if wakes != self._wakes:
            self._wakes, self._since = wakes, now
        return now - self._since


def find_stubs(triton_pid: int) -> list[Stub]:
    """The processes of the Python steps of a Triton that is ready."""
    stubs = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _parent(int(folder.name)) == triton_pid:
            with suppress(OSError, ValueError):
                match = _MODEL.search((folder / "cmdline").read_bytes().decode(errors="replace"))
                if match:
                    stubs.append(Stub(int(folder.name), match[1]))
    return stubs


class StubWatch:
    """Looks at the steps' processes ten times a second, in a thread of its own."""

    def __init__(self, triton_pid: int, on_loss: Callable[[str], None]) -> None:
        """Find the processes; call it when Triton is ready.

        Args:
            triton_pid: Triton's process id.
            on_loss: called once, in the watching thread, with a sentence that says which step was lost, and how.
        """
        self._triton_pid = triton_pid
        self.stubs = find_stubs(triton_pid)
        self._on_loss = on_loss
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stub-watch", daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; call it before Triton is stopped, which ends the steps."""
        self._stopping.set()

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._stopping.wait(_LOOK_S):
            now = time.monotonic()
            # A watcher that was held up itself has not seen what it would call standing still.
            reason = self._lost(now) if now - before < STANDS_STILL_AFTER_S else ""
            before = now
            if reason and not self._stopping.is_set():
                self._on_loss(reason)
                return

    def _lost(self, now: float) -> str:
        for stub in self.stubs:
            still_s = stub.still_for_s(now)
            if not stub.lives():
                if not _lives(self._triton_pid):
                    return ""  # it died of Triton's own death, which others look after
                return f"The step {stub.model} (process {stub.pid}) has died."
            if still_s > STANDS_STILL_AFTER_S:
                with suppress(ProcessLookupError):
                    os.kill(stub.pid, signal.SIGKILL)
                return (
                    f"The step {stub.model} (process {stub.pid}) stood still for {still_s:.1f} s and was ended: Triton "
                    "would give its late answer to another caller."
                )
        return ""


def _wakes(status: Path) -> int:
    try:
        found = _WAKES.search(status.read_text())
    except OSError:
        return -2  # the process is gone
    return int(found[1]) if found else -2


def _lives(pid: int) -> bool:
    try:
        return _stat_fields(Path(f"/proc/{pid}/stat"))[0] not in {"Z", "X"}
    except OSError:
        return False


def _parent(pid: int) -> int:
    try:
        return int(_stat_fields(Path(f"/proc/{pid}/stat"))[1])
    except OSError:
        return -1


def _stat_fields(stat: Path) -> list[str]:
    # The program's name, field 2 of proc(5), may hold spaces and brackets; field 3, the state, follows the last one.
    return stat.read_text().rpartition(")")[2].split()

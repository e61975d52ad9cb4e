"""One child process with its own process group, whose end leaves nothing of the group behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from ocdrnet_deploy.server import parent_watch

# How long the last of the output may take once the group is dead.
_DRAIN_S = 2.0


class GroupProcess:
    """A child process, its output, and the certainty that its descendants end with it.

    The child is started and reaped by a thread that lives as long as the child does. So the kernel's
    parent-death signal, which fires when the *thread* that forked ends, fires only when this process does,
    whichever thread calls `start`.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], on_line: Callable[[str], None]) -> None:
        """Prepares the process; nothing runs yet.

        Args:
            command: The program, an absolute path, and its arguments.
            environment: The child's whole environment.
            on_line: Called with each line of the child's output, in a thread of its own.
        """
        self._command = [sys.executable, "-I", "-S", parent_watch.__file__, str(os.getpid()), *command]
        self._environment = dict(environment)
        self._on_line = on_line
        self._started = threading.Event()
        self._reaping = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._start_error: OSError | None = None
        self._exit_code: int | None = None
        self.ended = threading.Event()

    @property
    def pid(self) -> int | None:
        """The child's process id, and its group's; None before the start."""
        return None if self._child is None else self._child.pid

    @property
    def exit_code(self) -> int | None:
        """The child's exit code, negative for a signal; None while it runs."""
        return self._exit_code

    def start(self) -> None:
        """Starts the child.

        Raises:
            OSError: No process could be made.
        """
        threading.Thread(target=self._own, name="triton-owner", daemon=True).start()
        self._started.wait()
        if self._start_error is not None:
            raise self._start_error

    def stop(self, grace_s: float) -> None:
        """Asks the child to end, and kills its whole group if it has not within the grace; does it once.

        Args:
            grace_s: Seconds between SIGTERM and SIGKILL.
        """
        self._signal(os.kill, signal.SIGTERM)
        if not self.ended.wait(grace_s):
            self._signal(os.killpg, signal.SIGKILL)
            self.ended.wait()

    def kill(self) -> None:
        """Kills the child and its group at once."""
        self._signal(os.killpg, signal.SIGKILL)

    def _own(self) -> None:
        try:
            self._child = self._spawn()
        except OSError as error:
            self._start_error = error
            self.ended.set()
            return
        finally:
            self._started.set()
        relay = threading.Thread(target=self._relay, args=(self._child.stdout,), daemon=True)
        relay.start()
        # Not reaped yet: the zombie keeps the group's number ours while the stragglers are killed.
        os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOWAIT)
        self._signal(os.killpg, signal.SIGKILL)
        with self._reaping:
            self._exit_code = self._child.wait()
        # Only a descendant that left the group could still hold the pipe open.
        relay.join(_DRAIN_S)
        self.ended.set()

    def _spawn(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            # A group apart from the terminal's: Ctrl-C reaches this process only, which passes it on once.
            start_new_session=True,
        )

    def _relay(self, output: IO[str]) -> None:
        with output:
            for line in output:
                # A closed stderr must not stop the reading: Triton would block on a full pipe.
                with suppress(OSError, ValueError):
                    self._on_line(line.rstrip())

    def _signal(self, send: Callable[[int, int], None], number: signal.Signals) -> None:
        # Under the lock, because a reaped child's number may belong to another process.
        with self._reaping, suppress(ProcessLookupError):
            if self._child is not None and self._exit_code is None:
                send(self._child.pid, number)

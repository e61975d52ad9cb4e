"""What a build that takes minutes shows: on a terminal one line that changes, elsewhere a line a minute."""

from __future__ import annotations

import re
import sys
import threading
import time
from types import TracebackType
from typing import TextIO

_STAMP = re.compile(r"^\[[^\]]*\] \[[A-Z]\] (\[[A-Z]+\] )?")  # [06/17/2025-18:44:33] [I] [TRT]
_TERMINAL_PERIOD_S = 1.0
_LOG_PERIOD_S = 60.0
_WIDTH = 100  # of the changing line; a longer one would wrap and leave its first half behind


class BuildProgress:
    """Elapsed time and the last thing that the builder said; used as a context, around the build."""

    def __init__(self, title: str, stream: TextIO | None = None, done: str = "built") -> None:
        """Prepare.

        Args:
            title: what is built.
            stream: standard error when left out.
            done: what has happened to it at the end.
        """
        self._title = title
        self._verb = done
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._phase = "starting trtexec"
        self._done = threading.Event()
        self._start = time.monotonic()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> BuildProgress:
        self._start = time.monotonic()
        self._show()
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._ticker.join()
        if self._terminal:
            self._stream.write("\r\x1b[K")
        elif kind is None:
            self._stream.write(f"{self._title}: {self._verb} in {self._elapsed()}\n")
        self._stream.flush()

    def see(self, line: str) -> None:
        """Take notice of a line of the builder's log."""
        self._phase = _STAMP.sub("", line).strip() or self._phase

    def _tick(self) -> None:
        while not self._done.wait(_TERMINAL_PERIOD_S if self._terminal else _LOG_PERIOD_S):
            self._show()

    def _show(self) -> None:
        text = f"{self._title}: {self._elapsed()}, {self._phase}"
        self._stream.write(f"\r\x1b[K{text[:_WIDTH]}" if self._terminal else f"{text}\n")
        self._stream.flush()

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._start), 60)
        return f"{minutes}:{seconds:02d}"

"""Passes Triton's log on, and remembers the end of it."""

from collections import deque
from collections.abc import Callable

from ocdrnet_deploy.server.invocation import has_gpu_driver

_KEPT_LINES = 200
# What Triton says, with severities E and W, whenever there is no GPU.
_NO_GPU_NOTICES = (
    "CudaDriverHelper has not been initialized.",
    "CUDA driver version is insufficient for CUDA runtime version",
    "no pinned memory pool, falling back to non-pinned system memory",
)
_STOP_NOTICE = "Signal (15) received."


class Log:
    """The log of one Triton: each line goes to a callback, the newest 200 are kept."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        """Makes an empty log; `on_line` is called in the thread that calls `take`."""
        self._on_line = on_line
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)

    def take(self, line: str) -> None:
        """Takes one line, without its line end."""
        if not line or _is_noise(line):
            return
        self._lines.append(line)
        self._on_line(line)

    def last(self, count: int) -> list[str]:
        """The newest lines, oldest first; at most `count`."""
        return list(self._lines)[-count:]


def _is_noise(line: str) -> bool:
    return line == _STOP_NOTICE or (_is_about_no_gpu(line) and not has_gpu_driver())


def _is_about_no_gpu(line: str) -> bool:
    return any(notice in line for notice in _NO_GPU_NOTICES)

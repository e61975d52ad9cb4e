"""Triton's log, and what it says of a failure."""

import signal
from collections import deque
from collections.abc import Callable

from ocdrnet_deploy.errors import StartTimeoutError, TritonDiedError
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


_SHOWN_LINES = 20


def died(exit_code: int | None, log: Log) -> TritonDiedError:
    """The error for a Triton that ended without being asked to.

    Args:
        exit_code: What it ended with, negative for a signal.
        log: What it wrote.
    """
    return TritonDiedError(_with_last_lines(f"Triton ended by itself: {_cause(exit_code)}.", log))


def not_ready(model: str, limit_s: float, log: Log) -> StartTimeoutError:
    """The error for a Triton whose model was not ready within `limit_s` seconds."""
    sentence = f"The model {model} was not ready within {limit_s:g} s. Give it longer with --timeout {2 * limit_s:g}."
    return StartTimeoutError(_with_last_lines(sentence, log))


def _with_last_lines(sentence: str, log: Log) -> str:
    lines = log.last(_SHOWN_LINES)
    if not lines:
        return f"{sentence} It wrote nothing; try again with --log info."
    return "\n".join([f"{sentence} Its last lines:", *(f"  {_unescaped(line)}" for line in lines)])


def _unescaped(line: str) -> str:
    # Triton writes a Python traceback as one line with escaped line ends.
    return line.replace(r"\n", "\n    ")


def _cause(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    name = signal.Signals(-exit_code).name
    # What the kernel sends when memory runs out.
    return f"{name}, perhaps for lack of memory" if name == "SIGKILL" else name

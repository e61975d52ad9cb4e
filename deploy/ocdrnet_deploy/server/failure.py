"""Says why Triton ended or was given up, with the last of its log."""

import signal

from ocdrnet_deploy.errors import StartTimeoutError, TritonDiedError
from ocdrnet_deploy.server.log import Log

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

"""Runs `trtexec` with progress, and explains its failures."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from ocdrnet_deploy.errors import TensorRtError
from ocdrnet_deploy.files import write_file

_ERROR = re.compile(r"\[[EF]\]\s*(.*)")  # trtexec's severities: E error, F internal error
_SHOWN = 6  # the first errors say why, those after them that it failed

# In trtexec's words -> advice.
_HINTS = (
    (
        r"plugin not found|could not find plugin|no importer registered for op.*deformconv",
        "the network's deformable convolutions need TensorRT's plugin library, libnvinfer_plugin, of 8.6 or later",
    ),
    (
        r"out ?of ?memory|insufficient memory|amount of gpu memory|could not find any implementation for node",
        "the GPU's memory is too small, or in use: free it (nvidia-smi shows by whom), or lower --detector-batch, "
        "--recognizer-batch and --max-candidates",
    ),
    (
        r"no importer registered|unsupported.?(node|operator)|invalid_node|does not support",
        "this TensorRT lacks an operator of the network: use a later one",
    ),
    (
        r"cuda initialization failure|no cuda-capable device|driver version is insufficient",
        "the GPU cannot be used from here: check the driver, and in a container --gpus or the resource limit",
    ),
    (r"no space left|disk quota exceeded", "the disk is full: make room, or set OCDRNET_CACHE to another folder"),
    (r"unknown option", "this trtexec does not take the options of its version: it was changed, or is a wrapper"),
)
_KILLED = -9


def explain_failure(lines: Sequence[str], exit_code: int) -> str:
    """The errors in a log of `trtexec`, and a hint for the known ones.

    Args:
        lines: the log.
        exit_code: of the process; negative is the signal that ended it.
    """
    errors = list(dict.fromkeys(found[1] for line in lines if (found := _ERROR.search(line)) and found[1]))
    shown = errors[:_SHOWN] or [line for line in lines if line.strip()][-_SHOWN:]
    text = "\n".join(f"  {line.strip()}" for line in shown)
    hint = _hint("\n".join(errors or shown), exit_code)
    return f"trtexec failed ({_ending(exit_code)}):\n{text or '  it printed nothing'}" + (f"\n{hint}" if hint else "")


def _ending(exit_code: int) -> str:
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"


def _hint(errors: str, exit_code: int) -> str:
    if exit_code == _KILLED:
        return "Something killed it; often that is the kernel, when main memory or a container's limit is used up."
    advice = next((advice for pattern, advice in _HINTS if re.search(pattern, errors, re.IGNORECASE)), "")
    return f"Probably {advice}." if advice else ""


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


def run_trtexec(
    command: Sequence[str], environment: Mapping[str, str], plan: Path, log: Path, on_line: Callable[[str], None]
) -> None:
    """Run to the end; an interrupt ends `trtexec` too.

    Args:
        command: of `build_command`.
        environment: of `build_environment`: the one GPU that it is to build for.
        plan: the file that it is to write.
        log: where its output is kept if it fails.
        on_line: called with every line that it prints.

    Raises:
        TensorRtError: it failed, or wrote no plan; the text carries its errors and the path of the log.
    """
    lines: list[str] = []
    exit_code = _collect(command, environment, lines, on_line)
    if exit_code == 0 and plan.is_file() and plan.stat().st_size:
        return
    raise TensorRtError(f"{explain_failure(lines, exit_code)}\n{_kept(log, lines)}")


def _kept(log: Path, lines: Sequence[str]) -> str:
    try:
        write_file(log, "\n".join(lines) + "\n")
    except OSError as error:  # a full disk, which may be why it failed: its own words count more
        return f"Its whole log could not be kept: {error.strerror}"
    return f"Its whole log: {log}"


def _collect(
    command: Sequence[str], environment: Mapping[str, str], lines: list[str], on_line: Callable[[str], None]
) -> int:
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise TensorRtError(f"{command[0]} does not run: {error.strerror}") from None
    with process:
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                on_line(lines[-1])
        except BaseException:
            process.kill()
            raise
    return process.returncode

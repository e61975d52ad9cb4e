"""Run `trtexec`: minutes of work, seen as it goes on, and an error that can be read."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ocdrnet_deploy.errors import TensorRtError
from ocdrnet_deploy.repository.files import write_file
from ocdrnet_deploy.tensorrt.failure import explain_failure


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

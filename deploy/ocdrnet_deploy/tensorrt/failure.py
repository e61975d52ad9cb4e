"""What `trtexec` says when it fails, in a few lines and with what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

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

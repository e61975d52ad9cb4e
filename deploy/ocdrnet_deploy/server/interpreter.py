"""Refuses what Triton's Python backend cannot work with, before Triton is started."""

import sys
from importlib import metadata
from pathlib import Path

from ocdrnet_deploy.errors import (
    LibpythonNotFoundError,
    SharedMemoryError,
    UnsupportedNumpyError,
    UnsupportedPlatformError,
    UnsupportedPythonError,
)
from ocdrnet_deploy.machine import checks
from ocdrnet_deploy.machine.cache import kept_libraries
from ocdrnet_deploy.machine.interpreter import NEWEST, describe, dotted, span


def check_machine() -> None:
    """Makes sure that the wheel's binaries can run here, and that Triton's steps have memory to share.

    Raises:
        UnsupportedPlatformError: This is not Linux on x86-64 with a recent glibc.
        SharedMemoryError: /dev/shm is missing or too small.
    """
    for finding, error in (
        (checks.check_platform(), UnsupportedPlatformError),
        (checks.check_shared_memory(), SharedMemoryError),
    ):
        if finding.state == "no":
            raise error(f"{finding.text} {finding.advice}")


def libpython_folders() -> tuple[Path, ...]:
    """The folders that Triton must search for the shared libpython.

    Returns:
        One folder, or none when the system's loader finds the library by itself.

    Raises:
        UnsupportedPythonError: Triton's Python backend cannot run this version.
        LibpythonNotFoundError: This Python has no shared library.
    """
    interpreter = describe(kept_libraries())
    if interpreter.can_serve:
        return (Path(interpreter.libpython),) if interpreter.libpython else ()
    finding = checks.check_interpreter(interpreter)
    error = LibpythonNotFoundError if interpreter.has_stub else UnsupportedPythonError
    raise error(f"{finding.text} {finding.advice}")


def check_numpy() -> None:
    """Makes sure that the NumPy which the stubs will import is 1.x.

    Raises:
        UnsupportedNumpyError: NumPy is missing, or 2.x: this stub then answers with empty outputs.
    """
    try:
        version = metadata.version("numpy")
    except metadata.PackageNotFoundError:
        raise UnsupportedNumpyError("NumPy is not installed. Install it: pip install 'numpy<2'") from None
    if int(version.partition(".")[0]) >= 2:
        raise UnsupportedNumpyError(
            f"NumPy {version} is installed. With NumPy 2 this Triton's Python backend returns empty outputs "
            f"without an error. {_numpy_advice()}"
        )


def _numpy_advice() -> str:
    if sys.version_info[:2] > NEWEST:
        return f"NumPy 1 ends with Python {dotted(NEWEST)}: use Python {span()}, or the container."
    return "Run: pip install 'numpy<2'"

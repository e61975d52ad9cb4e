"""Which Python can run Triton's Python backend.

The backend's stub is a program that embeds Python. It is built for one minor version, and the system's loader looks
for that version's shared library by name. Debian's and Ubuntu's python3 comes without that library.

As a program, this file says of the interpreter that runs it what `describe` says, as JSON.
"""

from __future__ import annotations

import ctypes.util
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

# nvidia-pytriton has stubs for 3.8 to 3.13, but they need NumPy 1 (NumPy 2 makes them answer with empty outputs), and
# NumPy 1 ends with Python 3.12. This project needs 3.10.
OLDEST, NEWEST = (3, 10), (3, 12)

_PROBE_TIMEOUT_S = 10.0


class Interpreter:
    """A Python of this machine.

    Attributes:
        path: of the program.
        version: such as (3, 11).
        libpython: the folder of its shared library; "" if the system's loader finds the library; None without one.
    """

    def __init__(self, path: str, version: tuple[int, int], libpython: str | None) -> None:
        self.path, self.version, self.libpython = path, version, libpython

    @property
    def name(self) -> str:
        """Such as `Python 3.11 (/usr/bin/python3)`."""
        return f"Python {dotted(self.version)} ({self.path})"

    @property
    def has_stub(self) -> bool:
        """Whether Triton's Python backend can run this version."""
        return OLDEST <= self.version <= NEWEST

    @property
    def can_serve(self) -> bool:
        """Whether Triton's Python backend can run on it."""
        return self.has_stub and self.libpython is not None

    @property
    def problem(self) -> str:
        """Why it cannot serve, in a sentence; "" if it can."""
        if not self.has_stub:
            return f"{self.name} cannot serve: Triton's Python backend needs Python {span()}."
        if self.libpython is None:
            library = library_name(self.version)
            return f"{self.name} cannot serve: it has no {library}, which Triton's Python backend needs."
        return ""


def span() -> str:
    """The versions that can serve, such as `3.10 to 3.12`."""
    return f"{dotted(OLDEST)} to {dotted(NEWEST)}"


def dotted(version: tuple[int, int]) -> str:
    """(3, 11) as `3.11`."""
    return f"{version[0]}.{version[1]}"


def library_name(version: tuple[int, int]) -> str:
    """The file that the stub needs by name, such as `libpython3.11.so.1.0`."""
    return f"libpython{dotted(version)}.so.1.0"


def describe(kept: Path | None = None) -> Interpreter:
    """The interpreter that runs this.

    Args:
        kept: a folder of shared libraries that the installer keeps; searched last.
    """
    version = sys.version_info[:2]
    # Not sysconfig's INSTSONAME: a statically built Python names its archive there.
    library = library_name(version)
    for folder in [*_library_folders(), *([kept] if kept else [])]:
        if (folder / library).exists():
            return Interpreter(sys.executable, version, str(folder))
    found = ctypes.util.find_library(f"python{dotted(version)}") == library
    return Interpreter(sys.executable, version, "" if found else None)


def probe(path: str, kept: Path | None = None) -> Interpreter | None:
    """Ask another interpreter to describe itself.

    Args:
        path: of the program, or its name in PATH.
        kept: as of `describe`.

    Returns:
        None if it is no Python 3.6 or later, or does not answer.
    """
    command = [path, "-I", os.path.abspath(__file__), *([str(kept)] if kept else [])]
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
        found = json.loads(answer.stdout.decode())
        return Interpreter(found["path"], tuple(found["version"]), found["libpython"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None


def _library_folders() -> list[Path]:
    folders = [Path(sys.base_prefix, "lib")]
    own = sysconfig.get_config_var("LIBDIR")
    if own:
        folders.insert(0, Path(own))
    multiarch = sysconfig.get_config_var("MULTIARCH")
    return folders + [folder / multiarch for folder in folders if multiarch]


if __name__ == "__main__":
    here = describe(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    print(json.dumps({"path": here.path, "version": here.version, "libpython": here.libpython}))

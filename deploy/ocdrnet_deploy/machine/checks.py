"""Looks at a machine before anything is installed or started on it, and names the command that mends it."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import tempfile
from pathlib import Path
from typing import NamedTuple

from ocdrnet_deploy.machine.cache import cache_folder, can_be_written
from ocdrnet_deploy.machine.interpreter import Interpreter, dotted, library_name, span


class PackageManager(NamedTuple):
    """One family of Linux distributions.

    Attributes:
        install: the command, with root's rights.
        libpython: the package of one version's shared library, with {v} for 3.11 and {short} for 311.
        python: packages of a Python that can serve, with its shared library; "" if the distribution may have none.
        venv: packages of a Python that can install others.
    """

    install: str
    libpython: str
    python: str
    venv: str


_MANAGERS = {
    "apt-get": PackageManager("apt-get install -y", "libpython{v}", "", "python3-venv"),
    "dnf": PackageManager("dnf install -y", "python{v}-libs", "python3.12 python3.12-libs", "python3-pip"),
    "zypper": PackageManager("zypper install -y", "libpython{short}-1_0", "python312 libpython3_12-1_0", "python3-pip"),
    "pacman": PackageManager("pacman -S --noconfirm", "python", "", "python"),
}


def package_manager() -> PackageManager | None:
    """The one of this machine, or None if it is not among apt, dnf, zypper and pacman."""
    return next((manager for program, manager in _MANAGERS.items() if shutil.which(program)), None)


def command_for(packages: str) -> str:
    """The whole command that installs packages, such as `sudo apt-get install -y python3-venv`; "" if none is known."""
    manager = package_manager()
    return f"sudo {manager.install} {packages}" if manager and packages else ""


def libpython_command(version: tuple[int, int]) -> str:
    """The command that brings the shared library of the machine's own Python; "" if none is known."""
    manager = package_manager()
    if manager is None:
        return ""
    return command_for(manager.libpython.format(v=dotted(version), short=dotted(version).replace(".", "_")))


def python_command() -> str:
    """The command that brings a Python that can serve; "" if this distribution's packages may have none."""
    manager = package_manager()
    return command_for(manager.python) if manager else ""


def venv_command() -> str:
    """The command that brings what a Python needs to install packages; "" if none is known."""
    manager = package_manager()
    return command_for(manager.venv) if manager else ""


SHARED_MEMORY = Path("/dev/shm")
CONTAINER = "Use the container instead (deploy/docker), and give the client its address with --url."

# The tag of nvidia-pytriton 0.7.0's wheel is manylinux_2_35.
_OLDEST_GLIBC = (2, 35)
# Measured: a server of the default repository takes 22 MiB when it is ready, 31 after a photo of 1280 x 720, 142 after
# the sample images.
_LEAST_SHARED_MIB, _GOOD_SHARED_MIB = 64, 256
_DEFAULT_PORTS = (8000, 8001, 8002)
_MIB = 2**20


class Finding(NamedTuple):
    """What one check found.

    Attributes:
        name: of the check, a word or two.
        state: "ok", "note" (it works, but there is something to know) or "no" (it cannot work as it is).
        text: what is there, and the limit.
        advice: what to do; "" if there is nothing to do.
    """

    name: str
    state: str
    text: str
    advice: str = ""


def check_platform() -> Finding:
    """Whether the binaries of Triton's wheel can run here: Linux, x86-64, glibc 2.35 or later."""
    system, machine = platform.system(), platform.machine()
    if (system, machine.lower()) not in {("Linux", "x86_64"), ("Linux", "amd64")}:
        return Finding(
            "platform", "no", f"Triton from pip runs on Linux x86-64 only; this is {system} {machine}.", CONTAINER
        )
    glibc = _glibc()
    if glibc is None:
        text = "Triton's binaries need glibc; this machine has another C library, such as Alpine's musl."
        return Finding("platform", "no", text, CONTAINER)
    number = f"{glibc[0]}.{glibc[1]}"
    if glibc < _OLDEST_GLIBC:
        needed = f"{_OLDEST_GLIBC[0]}.{_OLDEST_GLIBC[1]}"
        text = (
            f"Triton from pip needs glibc {needed} or later (Ubuntu 22.04, Debian 12, Fedora 35); here it is {number}."
        )
        return Finding("platform", "no", text, CONTAINER)
    return Finding("platform", "ok", f"Linux x86-64, glibc {number}")


def check_path(checkout: Path) -> Finding:
    """Whether a virtual environment can stand in the checkout: Python refuses a path with a colon."""
    for sign, name in ((":", "a colon"), ("\n", "a line end")):
        if sign in str(checkout):
            text = (
                f"The path of this checkout has {name} in it, which no virtual environment can have: {str(checkout)!r}."
            )
            return Finding("checkout", "no", text, "Move the checkout to another folder.")
    if not can_be_written(checkout):
        text = f"This user cannot write in {checkout}."
        return Finding("checkout", "no", text, "Take a checkout of your own, or change its owner.")
    return Finding("checkout", "ok", str(checkout))


def check_cache() -> Finding:
    """Whether the cache folder can be written, and programs can be run from it."""
    folder = cache_folder()
    advice = "Set OCDRNET_CACHE to a folder where you can write and run programs."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=str(folder), prefix=".check-") as file:
            os.chmod(file.name, 0o700)
            # access() also answers no on a file system mounted noexec, whatever the file's mode.
            if not os.access(file.name, os.X_OK):
                return Finding("cache", "no", f"Programs in {folder} cannot be run.", advice)
    except OSError as error:
        return Finding("cache", "no", f"{folder} cannot be written: {error.strerror}.", advice)
    if os.environ.get("OCDRNET_CACHE") or folder.name == "ocdrnet":
        return Finding("cache", "ok", str(folder))
    text = f"{folder}, since this user's home cannot be written"
    return Finding("cache", "note", text, "It may be lost at the next start of the machine. " + advice)


def check_disk(needs_mib: dict[Path, int]) -> Finding:
    """Whether there is room for what will be installed.

    Args:
        needs_mib: MiB by folder; folders of one file system are added up.
    """
    needs: dict[int, tuple[Path, int]] = {}
    for folder, mib in needs_mib.items():
        device = _existing(folder).stat().st_dev
        first, sum_mib = needs.get(device, (folder, 0))
        needs[device] = (first, sum_mib + mib)
    free = []
    for folder, mib in needs.values():
        free_mib = shutil.disk_usage(str(_existing(folder))).free // _MIB
        if free_mib < mib:
            text = f"{folder} has {free_mib:,} MiB free; {mib:,} MiB are needed."
            return Finding("disk", "no", text, "Make room there.")
        free.append(f"{free_mib:,} MiB free for {folder}, {mib:,} needed")
    return Finding("disk", "ok", "; ".join(free))


def check_shared_memory(folder: Path = SHARED_MEMORY) -> Finding:
    """Whether Triton's steps can pass images to each other: they do so in /dev/shm."""
    advice = f"Give it more: mount -o remount,size=1G {folder}, or --shm-size 1g for a container."
    if not folder.is_dir() or not can_be_written(folder):
        text = f"{folder} is missing or cannot be written; Triton's steps pass images to each other there."
        return Finding("shared memory", "no", text, f"Mount it: mount -t tmpfs tmpfs {folder}.")
    free_mib = shutil.disk_usage(str(folder)).free // _MIB
    if free_mib < _LEAST_SHARED_MIB:
        text = f"{folder} has {free_mib} MiB free; the smallest server needs {_LEAST_SHARED_MIB}."
        return Finding("shared memory", "no", text, advice)
    if free_mib < _GOOD_SHARED_MIB:
        text = f"{folder} has {free_mib} MiB free; large photos need {_GOOD_SHARED_MIB}"
        return Finding("shared memory", "note", text, advice)
    return Finding("shared memory", "ok", f"{free_mib:,} MiB free in {folder}")


def check_ports() -> Finding:
    """Whether the usual ports of `ocdrnet serve` are free on loopback; `make demo` takes any free ones."""
    taken = [port for port in _DEFAULT_PORTS if not _is_free(port)]
    if not taken:
        return Finding("ports", "ok", f"{', '.join(map(str, _DEFAULT_PORTS))} are free on 127.0.0.1")
    text = f"{', '.join(map(str, taken))} in use on 127.0.0.1"
    return Finding(
        "ports", "note", text, "Stop what listens there, or give ocdrnet serve others: --http-port, --grpc-port."
    )


def check_interpreter(interpreter: Interpreter) -> Finding:
    """Whether a Python can run Triton's Python backend."""
    if interpreter.can_serve:
        return Finding("python", "ok", f"{interpreter.name} has {library_name(interpreter.version)}")
    if not interpreter.has_stub:
        advice = f"Use Python {span()}: PYTHON=/path/to/python3.11 make demo; uv python install 3.11 brings one."
        return Finding("python", "no", interpreter.problem, advice)
    return Finding("python", "no", interpreter.problem, libpython_advice(interpreter.version))


def report(findings: list[Finding]) -> str:
    """One line a finding, and a line of advice below each that has some."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:4}  {finding.name:13}  {finding.text}")
        if finding.advice:
            lines.append(f"{'':21}{finding.advice}")
    return "\n".join(lines)


def libpython_advice(version: tuple[int, int]) -> str:
    """How a Python without its shared library gets it."""
    command = libpython_command(version)
    other = "use a Python that has it, such as uv's (uv python install 3.11)"
    return f"Run: {command}; or {other}." if command else f"{other[0].upper()}{other[1:]}."


def _glibc() -> tuple[int, int] | None:
    try:
        name, _, number = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):  # musl knows no such name
        return None
    parts = number.split(".")
    return (int(parts[0]), int(parts[1])) if name == "glibc" and len(parts) >= 2 else None


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

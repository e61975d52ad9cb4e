"""The one command with which this machine's own package manager brings what is missing."""

from __future__ import annotations

import shutil
from typing import NamedTuple

from ocdrnet_deploy.machine.interpreter import dotted


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

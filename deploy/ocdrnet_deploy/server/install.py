"""Finds the Triton that the pip package nvidia-pytriton carries, without importing the package.

Importing pytriton would load its decorators, ZeroMQ and more; only the files beside them are wanted.
"""

import sys
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from ocdrnet_deploy.errors import TritonNotInstalledError, UnsupportedPythonError
from ocdrnet_deploy.machine.interpreter import span

DISTRIBUTION = "nvidia-pytriton"


@dataclass(frozen=True)
class TritonInstall:
    """Where the files of one installed Triton are.

    Attributes:
        version: The distribution's version, such as 0.7.0.
        root: The folder that holds `bin`, `backends` and `python_backend_stubs`.
        libraries: The folder of the shared libraries that the wheel brings along.
    """

    version: str
    root: Path
    libraries: Path

    @property
    def binary(self) -> Path:
        """The server's program."""
        return self.root / "bin" / "tritonserver"

    @property
    def python_backend(self) -> Path:
        """The folder of the Python backend, which the stub has to be added to."""
        return self.root / "backends" / "python"

    @property
    def stubs(self) -> Path:
        """The folder with one folder per supported Python version."""
        return self.root / "python_backend_stubs"


def python_version() -> str:
    """This interpreter's version as the stubs' folders are named, such as 3.11."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def find_install() -> TritonInstall:
    """Locates the installed Triton.

    Raises:
        TritonNotInstalledError: The distribution is missing, or files of it are.
    """
    try:
        version = metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise TritonNotInstalledError(f"{DISTRIBUTION}, which carries Triton, is not installed") from None
    package = _package_folder()
    install = TritonInstall(version, package / "tritonserver", package.parent / "nvidia_pytriton.libs")
    for needed in (install.binary, install.python_backend, install.stubs, install.libraries):
        if not needed.exists():
            raise TritonNotInstalledError(f"{DISTRIBUTION} {version} is incomplete: no {needed}")
    return install


def find_stub(install: TritonInstall) -> Path:
    """The Python backend's stub for this interpreter.

    Raises:
        UnsupportedPythonError: The package has none for this minor version.
    """
    stub = install.stubs / python_version() / "triton_python_backend_stub"
    if stub.is_file():
        return stub
    available = sorted((folder.name for folder in install.stubs.iterdir()), key=_minor)
    raise UnsupportedPythonError(
        f"Triton's Python backend has no stub for Python {python_version()}, only for {', '.join(available)}. "
        f"Use Python {span()}."
    )


def _package_folder() -> Path:
    spec = util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise TritonNotInstalledError(f"{DISTRIBUTION} is registered, but its package pytriton is not there")
    return Path(spec.submodule_search_locations[0])


def _minor(version: str) -> int:
    return int(version.rpartition(".")[2])

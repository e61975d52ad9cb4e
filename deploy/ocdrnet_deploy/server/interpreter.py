"""What this machine and this Python must offer before Triton's Python backend can work."""

import ctypes.util
import platform
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

from ocdrnet_deploy.errors import LibpythonNotFoundError, UnsupportedNumpyError, UnsupportedPlatformError
from ocdrnet_deploy.server.install import python_version

# NumPy 1.26, the last 1.x, has wheels for Python 3.9 to 3.12 (its files on PyPI).
_LAST_PYTHON_OF_NUMPY_1 = (3, 12)


def check_platform() -> None:
    """Makes sure that the wheel's binaries can run here.

    Raises:
        UnsupportedPlatformError: This is not Linux on x86-64.
    """
    system, machine = platform.system(), platform.machine()
    if (system, machine.lower()) not in {("Linux", "x86_64"), ("Linux", "amd64")}:
        raise UnsupportedPlatformError(system, machine)


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


def libpython_folders() -> tuple[Path, ...]:
    """The folders that Triton must search for the shared libpython.

    Returns:
        One folder, or none when the system's loader finds the library by itself.

    Raises:
        LibpythonNotFoundError: This Python has no shared library.
    """
    # Not sysconfig's INSTSONAME: a statically built Python names its archive there.
    library = f"libpython{python_version()}.so.1.0"
    for folder in _candidate_folders():
        if (folder / library).exists():
            return (folder,)
    if ctypes.util.find_library(f"python{python_version()}") == library:
        return ()
    raise LibpythonNotFoundError(library, f"libpython{python_version()}")


def _candidate_folders() -> list[Path]:
    folders = [Path(sys.base_prefix, "lib")]
    library_folder = sysconfig.get_config_var("LIBDIR")
    if library_folder:
        folders.insert(0, Path(library_folder))
    multiarch = sysconfig.get_config_var("MULTIARCH")
    if multiarch:
        folders += [folder / multiarch for folder in folders]
    return folders


def _numpy_advice() -> str:
    if sys.version_info[:2] > _LAST_PYTHON_OF_NUMPY_1:
        return "NumPy 1.26 has no wheel for this Python: use Python 3.10 to 3.12, or the container."
    return "Run: pip install 'numpy<2'"

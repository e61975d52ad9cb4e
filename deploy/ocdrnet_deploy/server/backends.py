"""Lays out the backend folder that Triton loads its Python backend from.

The wheel keeps the backend and its stubs apart; Triton wants the library, the Python module and one stub in
a single folder named after the backend. The copy is kept in a cache, one per package and Python version.
"""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from ocdrnet_deploy.errors import BackendCacheError
from ocdrnet_deploy.file_lock import folder_lock
from ocdrnet_deploy.server.install import TritonInstall, find_stub, python_version

_BACKEND_FILES = ("libtriton_python.so", "triton_python_backend_utils.py")
_STUB = "triton_python_backend_stub"


def lay_out_backends(install: TritonInstall, cache: Path) -> Path:
    """Makes sure that the cache holds a complete backend folder.

    Several processes may do so at once: each makes its own copy; the first renames it into place, and whoever comes
    second uses what is there.

    Args:
        install: The installed Triton.
        cache: The folder to keep the copy in; made if missing.

    Returns:
        The folder for `--backend-directory`.

    Raises:
        UnsupportedPythonError: There is no stub for this interpreter.
        BackendCacheError: The cache cannot be written, or programs in it cannot be run.
    """
    stub = find_stub(install)
    final = cache / "triton" / f"pytriton-{install.version}-python{python_version()}"
    try:
        if not _is_complete(final):
            _place(install.python_backend, stub, final)
    except OSError as error:
        raise BackendCacheError(cache, error.strerror or str(error)) from error
    # access() also answers no on a file system mounted noexec, whatever the file's mode.
    if not os.access(final / "python" / _STUB, os.X_OK):
        raise BackendCacheError(cache, "programs there cannot be run")
    return final


def _is_complete(folder: Path) -> bool:
    return all((folder / "python" / name).is_file() for name in (*_BACKEND_FILES, _STUB))


def _place(backend: Path, stub: Path, final: Path) -> None:
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=".making-") as making:
        fresh = Path(making, "fresh")
        _copy(backend, stub, fresh / "python")
        # Not without the lock: who found nothing there would move away what another has placed since.
        with folder_lock(final.parent):
            if _is_complete(final):
                return
            with suppress(FileNotFoundError):
                final.rename(Path(making, "broken"))
            fresh.rename(final)


def _copy(backend: Path, stub: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for name in _BACKEND_FILES:
        shutil.copyfile(backend / name, target / name)
    shutil.copyfile(stub, target / _STUB)
    (target / _STUB).chmod(0o755)

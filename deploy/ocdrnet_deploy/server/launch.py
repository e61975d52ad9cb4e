"""Everything that is settled before Triton is started, with the folder of its backends.

Lays out the backend folder that Triton loads its Python backend from.

The wheel keeps the backend and its stubs apart; Triton wants the library, the Python module and one stub in
a single folder named after the backend. The copy is kept in a cache, one per package and Python version.
"""

import os
import re
import secrets
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ocdrnet_deploy.errors import BackendCacheError, RepositoryNotBuiltError
from ocdrnet_deploy.files import folder_lock
from ocdrnet_deploy.machine.cache import cache_folder
from ocdrnet_deploy.server import shared_memory
from ocdrnet_deploy.server.addresses import Addresses, choose_addresses
from ocdrnet_deploy.server.install import TritonInstall, find_install, find_stub, python_version
from ocdrnet_deploy.server.interpreter import check_machine, check_numpy, libpython_folders
from ocdrnet_deploy.server.invocation import OTEL_RATE, LogLevel, triton_command, triton_environment
from ocdrnet_deploy.server.readiness import MODEL

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


_PLAIN = re.compile(r"[A-Za-z0-9_@%+=,./-]+")


@dataclass(frozen=True)
class Launch:
    """What one Triton is started with.

    Attributes:
        command: The program and its arguments.
        environment: Its whole environment.
        addresses: Where it will listen.
        shared_memory_prefix: How its files in /dev/shm begin.
        repository_key: What a request to load or unload a model has to carry.
    """

    command: list[str]
    environment: dict[str, str]
    addresses: Addresses
    shared_memory_prefix: str
    repository_key: str


def prepare_launch(
    repository: Path,
    *,
    host: str,
    http_port: int,
    grpc_port: int,
    metrics_port: int,
    log: LogLevel,
    exit_timeout_s: int,
    http_host: str | None = None,
    otel_endpoint: str | None = None,
    otel_rate: int = OTEL_RATE,
) -> Launch:
    """Checks what Triton needs, and composes its command line; the arguments are those of `TritonServer`.

    Raises:
        RefusalError: Something has to change first; a subclass and its text say what.
    """
    check_machine()
    libpython = libpython_folders()
    install = find_install()
    check_numpy()
    _check_repository(repository)
    backends = lay_out_backends(install, cache_folder())
    addresses = choose_addresses(
        host, http_port=http_port, grpc_port=grpc_port, metrics_port=metrics_port, http_host=http_host
    )
    prefix, key = shared_memory.new_prefix(), secrets.token_hex(16)
    command = triton_command(
        install,
        backends=_plain_path(backends, f"{prefix}backends"),
        repository=_plain_path(repository.absolute(), f"{prefix}repository"),
        addresses=addresses,
        shared_memory_prefix=prefix,
        repository_key=key,
        log=log,
        exit_timeout_s=exit_timeout_s,
        otel_endpoint=otel_endpoint,
        otel_rate=otel_rate,
    )
    libraries = [_plain_path(folder, f"{prefix}lib{n}") for n, folder in enumerate((install.libraries, *libpython))]
    return Launch(command, triton_environment(libraries, os.environ), addresses, prefix, key)


def _plain_path(path: Path, name: str) -> Path:
    """The path, or a link to it if Triton's Python backend or the system's loader would break it.

    The backend starts its stubs by `bash -c`, with the paths of the repository and of itself unquoted (seen: a space
    ends in "stol"). The loader takes a semicolon between folders as it takes a colon.

    Args:
        path: absolute.
        name: of the link in /dev/shm, where it is removed with the server's other files.
    """
    if _PLAIN.fullmatch(str(path)):
        return path
    link = shared_memory.SHARED_MEMORY / name
    link.symlink_to(path, target_is_directory=True)
    return link


def _check_repository(repository: Path) -> None:
    config = repository / MODEL / "config.pbtxt"
    if not config.is_file():
        raise RepositoryNotBuiltError(repository, config if repository.is_dir() else repository)

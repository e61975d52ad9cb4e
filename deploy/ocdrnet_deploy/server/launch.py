"""Everything that is settled before Triton is started, or the reason why it cannot be."""

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from ocdrnet_deploy.errors import RepositoryNotBuiltError
from ocdrnet_deploy.machine.cache import cache_folder
from ocdrnet_deploy.server import shared_memory
from ocdrnet_deploy.server.addresses import Addresses, choose_addresses
from ocdrnet_deploy.server.backends import lay_out_backends
from ocdrnet_deploy.server.install import find_install
from ocdrnet_deploy.server.interpreter import check_machine, check_numpy, libpython_folders
from ocdrnet_deploy.server.invocation import LogLevel, triton_command, triton_environment
from ocdrnet_deploy.server.readiness import MODEL

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

"""The command line and the environment that Triton is started with."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from ocdrnet_deploy.server.addresses import Addresses
from ocdrnet_deploy.server.install import TritonInstall

LogLevel = Literal["warning", "info"]

# Headers that start so become request parameters, named as the client spelled them. Anchored, because Triton
# searches the pattern anywhere in the name.
HEADER_PATTERN = "(?i)^ocdrnet-"

# Of requests that change what is served. Its value is random and stands in Triton's command line: users of this machine
# can see it, callers from elsewhere cannot.
REPOSITORY_HEADER = "repository-key"

OTEL_RATE = 100  # as in the chart's values

# Exists when NVIDIA's kernel driver is loaded.
_DRIVER_DEVICE = Path("/dev/nvidiactl")


def has_gpu_driver() -> bool:
    """Whether NVIDIA's driver is loaded on this machine."""
    return _DRIVER_DEVICE.exists()


def triton_command(
    install: TritonInstall,
    *,
    backends: Path,
    repository: Path,
    addresses: Addresses,
    shared_memory_prefix: str,
    repository_key: str,
    log: LogLevel,
    exit_timeout_s: int,
    otel_endpoint: str | None = None,
    otel_rate: int = OTEL_RATE,
) -> list[str]:
    """Triton's command line.

    Args:
        install: The installed Triton.
        backends: The laid-out backend folder.
        repository: The served repository; its configs must be complete, since completing them would start
            every stub a second time (seen: 1.2 s per model).
        addresses: Where to listen.
        shared_memory_prefix: How the stubs' shared-memory files begin.
        repository_key: What a request to load or unload a model has to carry.
        log: The least severe lines that Triton writes.
        exit_timeout_s: How long Triton waits for requests in flight when it is stopped.
        otel_endpoint: Of an OpenTelemetry collector, such as http://127.0.0.1:4318/v1/traces; None: no traces.
        otel_rate: One of how many requests that come without a trace is traced; one that has a trace always is.
    """
    return [
        str(install.binary),
        f"--model-repository={repository}",
        # All are loaded at once; explicit, so that the ensemble can be unloaded before the end (draining.py).
        "--model-control-mode=explicit",
        "--load-model=*",
        f"--http-restricted-api=model-repository:{REPOSITORY_HEADER}={repository_key}",
        f"--grpc-restricted-protocol=model-repository:{REPOSITORY_HEADER}={repository_key}",
        f"--backend-directory={backends}",
        "--disable-auto-complete-config",
        f"--backend-config=python,shm-region-prefix-name={shared_memory_prefix}",
        *_listen_flags(addresses),
        f"--exit-timeout-secs={exit_timeout_s}",
        f"--log-info={_flag(log == 'info')}",
        # Without a driver, collecting them fails with two more lines at every start.
        f"--allow-gpu-metrics={_flag(has_gpu_driver())}",
        *(_trace_flags(otel_endpoint, otel_rate) if otel_endpoint else ()),
    ]


def triton_environment(libraries: Sequence[Path], base: Mapping[str, str]) -> dict[str, str]:
    """Triton's environment: the given one, with what the stubs need put first.

    The stub's interpreter is isolated and ignores PYTHONPATH. It takes the packages of the `python` that it
    finds first in PATH.

    Args:
        libraries: Folders to search for the wheel's shared libraries and for libpython.
        base: The environment to extend, as a rule this process's own.
    """
    return {
        **base,
        "PATH": _before(base.get("PATH", os.defpath), [str(Path(sys.prefix, "bin"))]),
        "LD_LIBRARY_PATH": _before(base.get("LD_LIBRARY_PATH", ""), [str(folder) for folder in libraries]),
    }


def _listen_flags(addresses: Addresses) -> list[str]:
    return [
        f"--http-address={addresses.http_ip}",
        f"--http-port={addresses.http_port}",
        f"--http-header-forward-pattern={HEADER_PATTERN}",
        f"--grpc-address={addresses.ip}",
        f"--grpc-port={addresses.grpc_port}",
        f"--grpc-header-forward-pattern={HEADER_PATTERN}",
        f"--metrics-address={addresses.ip}",
        f"--metrics-port={addresses.metrics_port}",
    ]


def _trace_flags(otel_endpoint: str, otel_rate: int) -> list[str]:
    return [
        "--trace-config=mode=opentelemetry",
        "--trace-config=level=TIMESTAMPS",
        f"--trace-config=rate={otel_rate}",
        f"--trace-config=opentelemetry,url={otel_endpoint}",
        "--trace-config=opentelemetry,resource=service.name=ocdrnet-triton",
    ]


def _before(existing: str, first: Sequence[str]) -> str:
    # An empty entry would mean the working directory.
    return os.pathsep.join([*first, *filter(None, existing.split(os.pathsep))])


def _flag(value: bool) -> str:
    return "true" if value else "false"

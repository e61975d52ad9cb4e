"""What can go wrong while deploying, one class per kind of failure.

DeployError
├── BuildError                      assembling a served repository (exit code 2)
│   ├── UnknownNetworkError             no network of that name
│   ├── UnknownPresetError              no preset of that name
│   ├── WeightsError                    a network's file is missing, or has other bytes than expected
│   ├── NetworkError                    a graph that does not fit the pipeline's contract
│   ├── NoGpuError                      no NVIDIA GPU on this machine
│   ├── NoTensorRtError                 no TensorRT on this machine
│   ├── TensorRtError                   TensorRT is too old, does not run, or built no plan
│   └── PlanError                       a plan that cannot run here: another GPU, version or file
├── DownloadError                   networks from NGC and other hosts (exit code 1)
│   ├── EulaError                       the licence was not accepted (exit code 2)
│   ├── NgcKeyError                     no key, or none that can be one (exit code 2)
│   ├── FileChoiceError                 several files, and the catalog does not say which (exit code 2)
│   ├── NgcAccessError                  NGC refuses the key
│   ├── NgcNotFoundError                no such version or file
│   ├── NgcUnavailableError             it failed again and again
│   ├── ChecksumError                   other bytes than recorded
│   └── NetworkCacheError               the cache cannot be written, or is full
├── planning.errors.PlanningError   a capacity plan that cannot be made from what was given
└── ServerError                     the local Triton server
    ├── RefusalError                nothing was started; the user has to change something first (exit code 2)
    │   ├── UnsupportedPlatformError    not Linux on x86-64 with glibc 2.35 or later
    │   ├── UnsupportedPythonError      the Python backend cannot run this interpreter's version
    │   ├── LibpythonNotFoundError      no shared libpython for the stub
    │   ├── SharedMemoryError           /dev/shm is missing or too small
    │   ├── TritonNotInstalledError     nvidia-pytriton is missing or incomplete
    │   ├── UnsupportedNumpyError       NumPy is missing, or 2.x
    │   ├── RepositoryNotBuiltError     no served repository in the folder
    │   ├── BackendCacheError           the cache folder cannot hold Triton's backend
    │   ├── HostError                   the address cannot be listened on
    │   └── PortTakenError              a port is in use, reserved or named twice
    ├── TritonDiedError             Triton ended by itself (exit code 1)
    ├── StepLostError               a step's process died or stood still, and Triton was ended for that (exit code 1)
    └── StartTimeoutError           the models were not ready in time (exit code 1)
"""

from pathlib import Path
from typing import ClassVar


class DeployError(Exception):
    """The root; its text says what was wrong and what to do, `exit_code` what a command ends with."""

    exit_code: ClassVar[int] = 1


class BuildError(DeployError):
    """The served repository was not assembled."""

    exit_code: ClassVar[int] = 2


class UnknownNetworkError(BuildError):
    """The catalog has no such network; the text names those it has."""


class UnknownPresetError(BuildError):
    """The catalog has no such preset; the text names those it has."""


class WeightsError(BuildError):
    """A network's file is missing, or has other bytes than the catalog expects."""


class NetworkError(BuildError):
    """A graph does not fit the pipeline's tensor contract; the text states the difference."""


class NoGpuError(BuildError):
    """The engine needs an NVIDIA GPU and this machine shows none; the text says where to build instead."""


class NoTensorRtError(BuildError):
    """The engine needs TensorRT and this machine has none; the text says where to build instead."""


class TensorRtError(BuildError):
    """TensorRT is too old, does not run, or failed to build; the text carries its last error lines."""


class PlanError(BuildError):
    """A plan cannot run here: it belongs to another GPU or TensorRT, or is not the file that was built."""


class DownloadError(DeployError):
    """A network was not downloaded; what was received before stays for the next attempt."""


class EulaError(DownloadError):
    """The user did not accept NVIDIA's licence; the text says where to read it and how to accept it."""

    exit_code: ClassVar[int] = 2


class NgcKeyError(DownloadError):
    """There is no NGC key, or what is there cannot be one; the text never holds it."""

    exit_code: ClassVar[int] = 2


class FileChoiceError(DownloadError):
    """Which file holds the weights is for the user to say; the text lists them."""

    exit_code: ClassVar[int] = 2


class NgcAccessError(DownloadError):
    """NGC refuses the key, or the account may not read the model."""


class NgcNotFoundError(DownloadError):
    """NGC has no such version or file, or another host no such file; the text lists what there is."""


class NgcUnavailableError(DownloadError):
    """NGC, the storage behind it, or another host failed too often in a row."""


class ChecksumError(DownloadError):
    """The bytes are others than those recorded, or no network at all; they were not kept."""


class NetworkCacheError(DownloadError):
    """The cache cannot be written, or is full."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"{folder} cannot be written: {reason}. Make room there, or set OCDRNET_CACHE to another folder"
        )


class ServerError(DeployError):
    """The local Triton server could not start, or ended."""


class RefusalError(ServerError):
    """The server was not started, because it could not work as things stand."""

    exit_code: ClassVar[int] = 2


class UnsupportedPlatformError(RefusalError):
    """The pip package's Triton is a Linux x86-64 binary for glibc 2.35; this is another machine."""


class UnsupportedPythonError(RefusalError):
    """Triton's Python backend cannot run this interpreter's version."""


class LibpythonNotFoundError(RefusalError):
    """The stub embeds Python and needs its shared library, which this Python does not have."""


class SharedMemoryError(RefusalError):
    """/dev/shm, in which Triton's steps pass images to each other, is missing or too small."""


class TritonNotInstalledError(RefusalError):
    """The package that carries Triton is missing or not whole."""

    def __init__(self, found: str) -> None:
        super().__init__(f"{found}. Install it: pip install 'ocdrnet[serve]'")


class UnsupportedNumpyError(RefusalError):
    """With NumPy 2 the stub returns outputs of the right shape with no bytes in them, and no error."""


class RepositoryNotBuiltError(RefusalError):
    """The folder holds no served repository."""

    def __init__(self, repository: Path, missing: Path) -> None:
        option = "" if repository == Path("build/repository") else f" --output {repository}"
        super().__init__(
            f"There is no served repository in {repository} ({missing} does not exist). "
            f"Build it: ocdrnet models build{option}"
        )


class BackendCacheError(RefusalError):
    """The cache folder cannot be written, or programs in it cannot be run."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"Triton's Python backend cannot be placed in {folder}: {reason}. "
            "Set OCDRNET_CACHE to a folder where you can write and run programs."
        )


class HostError(RefusalError):
    """The host is not an IPv4 address, or a name of one, of this machine."""


class PortTakenError(RefusalError):
    """A port cannot be listened on; the text names it and the option to change."""


class TritonDiedError(ServerError):
    """Triton ended without being asked to; the text carries its last log lines."""


class StepLostError(ServerError):
    """A step's process died, or stood still so long that its answers could reach another caller; the text says so."""


class StartTimeoutError(ServerError):
    """The model was not ready within the time allowed; the text carries Triton's last log lines."""

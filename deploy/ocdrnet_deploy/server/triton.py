"""A Triton on this machine, from its start to its drained end.

Lets a Triton answer what it has accepted, before it is told to end.

Triton before 2.58 (25.05) does not wait for gRPC requests at SIGTERM: it closes every model's queue at once, and the
next step of an ensemble then refuses a request whose first steps are done. Unloading the ensembles first does wait:
they take no more requests, and those under way keep them and their steps.
"""

import http.client
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType

from ocdrnet_deploy.errors import StepLostError
from ocdrnet_deploy.repository.replace import ENSEMBLES
from ocdrnet_deploy.repository.trial_file import image_wait_s, ready_wait_s
from ocdrnet_deploy.server import shared_memory
from ocdrnet_deploy.server.addresses import Addresses
from ocdrnet_deploy.server.invocation import OTEL_RATE, REPOSITORY_HEADER, LogLevel
from ocdrnet_deploy.server.launch import Launch, prepare_launch
from ocdrnet_deploy.server.log import Log, died, not_ready
from ocdrnet_deploy.server.process import GroupProcess
from ocdrnet_deploy.server.readiness import MODEL, ask, is_model_ready, send_warm_up_request
from ocdrnet_deploy.server.stub_watch import StubWatch

_DRAIN_POLL_S = 0.05
_TIMEOUT_S = 2.0  # of a question; a Triton that takes longer is not worth waiting for


def drain(http_url: str, repository_key: str, timeout_s: float) -> bool:
    """Stop accepting images, and wait for the answers of those that were accepted.

    Args:
        http_url: The server's HTTP endpoint, such as http://127.0.0.1:8000.
        repository_key: As of `invocation.triton_command`.
        timeout_s: The longest wait.

    Returns:
        Whether all are answered; False too if Triton cannot be asked, as before it is up.
    """
    end = time.monotonic() + timeout_s
    index = f"{http_url}/v2/repository/index"
    try:
        for name in _held(_ask(index, repository_key)):
            _ask(f"{http_url}/v2/repository/models/{name}/unload", repository_key)
        while time.monotonic() < end:
            if not _held(_ask(index, repository_key)):
                return True
            time.sleep(_DRAIN_POLL_S)
    except (OSError, ValueError, http.client.HTTPException):
        pass
    return False


def _held(index: bytes) -> list[str]:
    """Ensembles that are loaded, or that requests still keep, by Triton's list of models."""
    states = {model["name"]: model.get("state") for model in json.loads(index)}
    return [name for name in ENSEMBLES if states.get(name, "UNAVAILABLE") != "UNAVAILABLE"]


def _ask(url: str, repository_key: str) -> bytes:
    return ask(url, _TIMEOUT_S, b"{}", {REPOSITORY_HEADER: repository_key})


_POLL_S = 0.1
# What Triton may take after its own exit timeout before it is killed.
_KILL_MARGIN_S = 3.0


class TritonServer:
    """A Triton that serves one repository on this machine, for as long as this process lives.

    As a context manager it is ready inside the block and gone after it:

        with TritonServer(Path("build/repository")) as server:
            read(server.addresses.grpc_url)

    Every port that is 0 is picked among the free ones. If this process is killed, Triton ends too.
    """

    def __init__(
        self,
        repository: Path,
        *,
        host: str = "127.0.0.1",
        http_port: int = 0,
        grpc_port: int = 0,
        metrics_port: int = 0,
        log: LogLevel = "warning",
        on_log: Callable[[str], None] | None = None,
        exit_timeout_s: int = 5,
        ready_timeout_s: float | None = None,
        http_host: str | None = None,
        otel_endpoint: str | None = None,
        otel_rate: int = OTEL_RATE,
    ) -> None:
        """Checks that the server can be started, and settles where it will listen.

        Args:
            repository: A served repository, made by `ocdrnet models build`.
            host: An IPv4 address of this machine, or a name of one.
            http_port: 1..65535, or 0 for any free one.
            grpc_port: As `http_port`.
            metrics_port: As `http_port`.
            log: The least severe lines that Triton writes.
            on_log: Called with each log line, in another thread; by default it goes to stderr.
            exit_timeout_s: How long a stop waits for requests in flight.
            ready_timeout_s: How long `wait_ready` waits by default; when left out, as the repository's networks need
                by what was measured when it was built, 120 at least.
            http_host: As of `choose_addresses`.
            otel_endpoint: As of `invocation.triton_command`.
            otel_rate: Likewise.

        Raises:
            RefusalError: Something has to change first; a subclass and its text say what.
        """
        self._prepare = partial(
            prepare_launch,
            repository,
            host=host,
            log=log,
            exit_timeout_s=exit_timeout_s,
            http_host=http_host,
            otel_endpoint=otel_endpoint,
            otel_rate=otel_rate,
        )
        self._log = Log(on_log or _to_stderr)
        self._exit_timeout_s = exit_timeout_s
        self._ready_timeout_s = ready_wait_s(repository) if ready_timeout_s is None else ready_timeout_s
        self.image_timeout_s = image_wait_s(repository)
        self._take(self._prepare(http_port=http_port, grpc_port=grpc_port, metrics_port=metrics_port))

    def _take(self, launch: Launch) -> None:
        self._prefix = launch.shared_memory_prefix
        self._repository_key = launch.repository_key
        self._process = GroupProcess(launch.command, launch.environment, self._log.take)
        self._watch: StubWatch | None = None
        self._lost = ""
        self.addresses: Addresses = launch.addresses

    @property
    def pid(self) -> int | None:
        """Triton's process id, None before the start."""
        return self._process.pid

    def start(self) -> None:
        """Starts Triton and returns at once; removes what servers that were killed have left in /dev/shm."""
        shared_memory.remove_leftovers()
        self._process.start()

    def wait_ready(self, timeout_s: float | None = None, on_wait: Callable[[float], None] | None = None) -> float:
        """Waits until the model `ocdrnet` is ready, and has read an image, so that the next is read at full speed.

        Args:
            timeout_s: The longest wait; by default the one given to the constructor.
            on_wait: Called about ten times a second with the seconds waited; may raise to give up.

        Returns:
            The seconds waited.

        Raises:
            TritonDiedError: Triton ended, as it does when a model fails to load.
            StepLostError: A step died or stood still while the image was read.
            StartTimeoutError: The time is over; Triton still runs.
        """
        limit = self._ready_timeout_s if timeout_s is None else timeout_s
        begin = time.monotonic()
        while not is_model_ready(self.addresses.http_url):
            waited = time.monotonic() - begin
            self._check_waiting(waited, limit)
            if on_wait is not None:
                on_wait(waited)
            self._process.ended.wait(_POLL_S)
        # Before the image: a step that is lost while it is read would not be missed afterwards.
        self._watch_steps()
        send_warm_up_request(self.addresses.http_url, self.image_timeout_s)
        self.check_running()
        return time.monotonic() - begin

    def restart(self) -> None:
        """Stops what is left of Triton and starts it again at the same addresses; then call `wait_ready`.

        Raises:
            RefusalError: As of the constructor, such as a port that somebody else has taken.
        """
        self.stop()
        ports = self.addresses
        launch = self._prepare(http_port=ports.http_port, grpc_port=ports.grpc_port, metrics_port=ports.metrics_port)
        self._take(launch)
        self.start()

    def wait_end(self, timeout_s: float) -> bool:
        """Waits for Triton to end by itself; returns whether it has within `timeout_s` seconds."""
        return self._process.ended.wait(timeout_s)

    def check_running(self) -> None:
        """Does nothing while Triton runs.

        Raises:
            StepLostError: One of its steps had died or stood still, and it was ended for that.
            TritonDiedError: It has ended.
        """
        if self._lost:
            raise StepLostError(self._lost)
        if self._process.ended.is_set():
            raise died(self._process.exit_code, self._log)

    def stop(self) -> None:
        """Answers what was accepted, stops Triton and its stubs, removes their memory; safe to call more than once."""
        if self._process.pid is None:
            return
        if self._watch is not None:
            self._watch.stop()
        end = time.monotonic() + self._exit_timeout_s
        if not self._process.ended.is_set():
            drain(self.addresses.http_url, self._repository_key, self._exit_timeout_s)
        self._process.stop(max(0.0, end - time.monotonic()) + _KILL_MARGIN_S)
        shared_memory.remove_files(self._prefix)

    def __enter__(self) -> "TritonServer":
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _watch_steps(self) -> None:
        assert self._process.pid is not None
        self._watch = StubWatch(self._process.pid, self._end_without)
        self._watch.start()

    def _end_without(self, lost: str) -> None:
        """Ends Triton at once: without one of its steps it answers nobody, though it says that it is ready."""
        self._lost = lost
        self._process.kill()

    def _check_waiting(self, waited: float, limit: float) -> None:
        self.check_running()
        if waited > limit:
            raise not_ready(MODEL, limit, self._log)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

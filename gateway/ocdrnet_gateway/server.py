"""The gateway as an object: start it, ask whether it runs, stop it."""

from __future__ import annotations

import math
import socket
import threading
import time
from types import TracebackType

import uvicorn

from ocdrnet_gateway.app import create_app
from ocdrnet_gateway.core.connections import (
    ACCEPTED_AT_ONCE,
    KERNEL_BACKLOG,
    ConnectionLimits,
    file_limited,
    limited_protocol,
)
from ocdrnet_gateway.core.memory import return_freed_memory
from ocdrnet_gateway.core.reader import Reader
from ocdrnet_gateway.errors import ListenError
from ocdrnet_gateway.settings import GatewaySettings
from ocdrnet_gateway.store.opening import open_backend

_POLL_S = 0.02
_START_TIMEOUT_S = 30.0
# What a request may have without its body.
_HEADER_BYTES = 32_768


class GatewayServer:
    """A gateway on a thread of its own; the port is taken when it is made.

    As a context manager it answers inside the block and is gone after it:

        with GatewayServer(GatewaySettings(port=0)) as server:
            call(server.url)
    """

    def __init__(self, settings: GatewaySettings, reader: Reader | None = None) -> None:
        """Take the port.

        Args:
            settings: of the gateway.
            reader: used instead of a Triton, for tests.

        Raises:
            StartError: a file or an address cannot be used.
        """
        return_freed_memory()
        app = create_app(settings, reader)
        # Here, not on the thread: what is wrong with it is the caller's to hear, in words.
        open_backend(settings).check()
        limits = ConnectionLimits(
            file_limited(settings.max_connections), settings.header_timeout_s, settings.stall_timeout_s
        )
        self._socket = _listening(settings.host, settings.port)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            forwarded_allow_ips=settings.forwarded_allow_ips,
            http=limited_protocol(limits),
            ws="none",
            backlog=ACCEPTED_AT_ONCE,
            h11_max_incomplete_event_size=_HEADER_BYTES,
            timeout_keep_alive=math.ceil(settings.idle_timeout_s),
            # No accepted request is lost by a stop: each may still take as long as any request may.
            timeout_graceful_shutdown=math.ceil(settings.deadline_s),
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="ocdrnet-gateway", daemon=True)
        port = self._socket.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.url = f"http://{host}:{port}"

    @property
    def is_running(self) -> bool:
        """It was started and has not ended."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start, and wait until it answers.

        Raises:
            ListenError: a part did not start; the log says which.
        """
        self._thread.start()
        end = time.monotonic() + _START_TIMEOUT_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > end:
                self.stop()
                raise ListenError("the gateway did not start; its log says why")
            time.sleep(_POLL_S)
        # asyncio accepts as many at once as it told the kernel to keep; the kernel may keep more.
        self._socket.listen(KERNEL_BACKLOG)

    def wait_end(self, timeout_s: float) -> bool:
        """Wait for it to end by itself; whether it has within `timeout_s` seconds."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Finish what is under way, for some seconds, and end; safe to call more than once."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def __enter__(self) -> GatewayServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except SystemExit:
            # uvicorn's way to say that the application did not start; it has logged why.
            return


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: asyncio turns Nagle's algorithm off only where it sees TCP, and with it an answer's second
    # packet waits 40 ms for the caller's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Without it a restart within a minute would find the port taken by its own closed connections.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror or error}; choose another port") from None
    return listener

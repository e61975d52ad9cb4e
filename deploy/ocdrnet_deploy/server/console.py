"""What `ocdrnet serve` shows: progress while the models load, then where the server listens."""

import sys
import threading
from pathlib import Path

import click

from ocdrnet_deploy.machine.checks import check_shared_memory
from ocdrnet_deploy.server.addresses import Addresses

_DEFAULT_GRPC_PORT = 8001
_CALLERS_TIMEOUT_S = 60  # of `ocdrnet read`, where nothing is said
_CLEAR_LINE = "\r\x1b[K"


def warn_of_shared_memory() -> None:
    """Says where /dev/shm is enough to start with, but not for large photos."""
    finding = check_shared_memory()
    if finding.state == "note":
        click.echo(f"Warning: {finding.text}, and each image that finds no room fails. {finding.advice}", err=True)


class Console:
    """The terminal, or the log file, of one `ocdrnet serve`.

    Log lines and progress go to stderr, the addresses to stdout. Lines that come while the models load are
    held back until they are loaded, so that they do not tear the progress line; should loading fail, the
    error carries them.
    """

    def __init__(self, *, hold: bool) -> None:
        """Makes the console; `hold` keeps log lines back until `show_ready`."""
        self._terminal = sys.stderr.isatty()
        self._lock = threading.Lock()
        self._held: list[str] | None = [] if hold else None

    def log(self, line: str) -> None:
        """Takes one line of Triton's log, from any thread."""
        with self._lock:
            if self._held is None:
                click.echo(line, err=True)
            else:
                self._held.append(line)

    def show_start(self, repository: Path, addresses: Addresses) -> None:
        """Says what is being loaded, and warns if other machines can reach it."""
        if not addresses.is_loopback:
            click.echo(
                f"Warning: {addresses.ip} is open to other machines. Triton 2.51 has published "
                "vulnerabilities and asks for no password: serve others through `ocdrnet gateway`, or from "
                "the container.",
                err=True,
            )
        warn_of_shared_memory()
        if not self._terminal:
            click.echo(f"Loading the models of {repository} ...", err=True)

    def show_waiting(self, waited_s: float) -> None:
        """Shows the seconds waited so far, on a terminal only."""
        if self._terminal and self._held is not None:
            click.echo(f"{_CLEAR_LINE}Loading the models ... {waited_s:.0f} s", err=True, nl=False)

    def show_ready(self, addresses: Addresses, waited_s: float, image_s: float = 0.0) -> None:
        """Says where the server listens, and how long callers of slow networks must wait; lets go of held lines."""
        self._clear()
        patience = f" --timeout {image_s:.0f}" if image_s > _CALLERS_TIMEOUT_S else ""
        option = "" if addresses.grpc_port == _DEFAULT_GRPC_PORT else f" --url {addresses.grpc_url}"
        click.echo(
            f"Ready after {waited_s:.1f} s.\n"
            f"  gRPC     {addresses.grpc_url}\n"
            f"  HTTP     {addresses.http_url}\n"
            f"  metrics  {addresses.metrics_url}\n"
            f"Try it:    ocdrnet read photo.jpg{option}{patience}"
        )
        with self._lock:
            for line in self._held or []:
                click.echo(line, err=True)
            self._held = None

    def show_restart(self, error: Exception) -> None:
        """Says why Triton is started again."""
        click.echo(f"{error}\nStarting Triton again ...", err=True)

    def show_ready_again(self, waited_s: float) -> None:
        """Says that it reads again."""
        click.echo(f"Ready again after {waited_s:.1f} s.", err=True)

    def show_stopping(self) -> None:
        """Says that a signal came."""
        self._clear()
        click.echo("Stopping ...", err=True)

    def show_error(self, text: str) -> None:
        """Says why the server was not started, or ended."""
        self._clear()
        click.echo(f"Error: {text}", err=True)

    def _clear(self) -> None:
        if self._terminal:
            click.echo(_CLEAR_LINE, err=True, nl=False)

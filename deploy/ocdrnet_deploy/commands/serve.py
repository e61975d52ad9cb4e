"""`ocdrnet serve`: a Triton on this machine, until it is told to stop."""

from pathlib import Path

import click

from ocdrnet_deploy.errors import DeployError
from ocdrnet_deploy.server import TritonServer
from ocdrnet_deploy.server.console import Console
from ocdrnet_deploy.server.invocation import OTEL_RATE, LogLevel
from ocdrnet_deploy.server.keeping import StopRequest, StopRequestedError, keep_up, stop_signals

_PORT = click.IntRange(0, 65535)


@click.command()
@click.option(
    "--repository",
    type=click.Path(path_type=Path),
    default=Path("build/repository"),
    show_default=True,
    help="The served repository, made by `ocdrnet models build`.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The IPv4 address or name to listen on.")
@click.option(
    "--http-host",
    help="The same for HTTP alone, which a small request can end.  [default: HOST if on loopback, else 127.0.0.1]",
)
@click.option("--http-port", type=_PORT, default=8000, show_default=True, help="Port for HTTP; 0: any free.")
@click.option("--grpc-port", type=_PORT, default=8001, show_default=True, help="Port for gRPC; 0: any free.")
@click.option("--metrics-port", type=_PORT, default=8002, show_default=True, help="Port for Prometheus; 0: any free.")
@click.option(
    "--log",
    type=click.Choice(["warning", "info"]),
    default="warning",
    show_default=True,
    help="The least severe lines of Triton's log to show.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=1),
    help="Seconds that loading the models may take.  [default: 120, or more for networks that the build found slow]",
)
@click.option(
    "--exit-timeout",
    "exit_timeout_s",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Seconds that accepted requests may take after a signal to stop.",
)
@click.option(
    "--restarts",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="How often in a row Triton is started again when it or one of its steps dies within a minute.",
)
@click.option(
    "--otel-endpoint",
    metavar="URL",
    help="Collector of Triton's spans, OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces.",
)
@click.option(
    "--otel-rate",
    type=click.IntRange(min=1),
    default=OTEL_RATE,
    show_default=True,
    help="One of how many requests is traced, of those that come without a traceparent of their own.",
)
def serve(
    *,
    repository: Path,
    host: str,
    http_host: str | None,
    http_port: int,
    grpc_port: int,
    metrics_port: int,
    log: LogLevel,
    timeout_s: float | None,
    exit_timeout_s: int,
    restarts: int,
    otel_endpoint: str | None,
    otel_rate: int,
) -> None:
    """Serve a repository with Triton on this machine's CPU; Ctrl-C stops it.

    Exit codes: 0 stopped by a signal, 1 Triton died too often or was not ready in time, 2 it could not be started.
    """
    console = Console(hold=log == "warning")
    try:
        server = TritonServer(
            repository,
            host=host,
            http_host=http_host,
            http_port=http_port,
            grpc_port=grpc_port,
            metrics_port=metrics_port,
            log=log,
            on_log=console.log,
            ready_timeout_s=timeout_s,
            exit_timeout_s=exit_timeout_s,
            otel_endpoint=otel_endpoint,
            otel_rate=otel_rate,
        )
        console.show_start(repository, server.addresses)
        _run(server, console, restarts)
    except DeployError as error:
        console.show_error(str(error))
        raise SystemExit(error.exit_code) from error


def _run(server: TritonServer, console: Console, restarts: int) -> None:
    with stop_signals() as stop:
        try:
            server.start()
            _serve_until_stopped(server, console, stop, restarts)
        except StopRequestedError:
            console.show_stopping()
        finally:
            server.stop()


def _serve_until_stopped(server: TritonServer, console: Console, stop: StopRequest, restarts: int) -> None:
    def on_wait(waited_s: float) -> None:
        stop.check()
        console.show_waiting(waited_s)

    console.show_ready(server.addresses, server.wait_ready(on_wait=on_wait), server.image_timeout_s)
    keep_up(
        server,
        restarts=restarts,
        check=stop.check,
        on_restart=console.show_restart,
        on_ready=console.show_ready_again,
        on_wait=lambda _: stop.check(),
    )

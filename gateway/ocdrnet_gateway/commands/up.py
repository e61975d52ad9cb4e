"""`ocdrnet up`: Triton and the front door together, and the page in a browser."""

from __future__ import annotations

import webbrowser
from contextlib import suppress
from pathlib import Path

import click

from ocdrnet_deploy.catalog.catalog import DEFAULT
from ocdrnet_deploy.errors import DeployError
from ocdrnet_deploy.repository.build import build_repository
from ocdrnet_deploy.server import TritonServer
from ocdrnet_deploy.server.console import warn_of_shared_memory
from ocdrnet_deploy.server.keeping import StopRequest, StopRequestedError, keep_up, stop_signals
from ocdrnet_gateway.core.logs import configure_logs
from ocdrnet_gateway.errors import StartError
from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import INTERFACES, GatewaySettings, load_settings

# As of `ocdrnet serve`.
_RESTARTS = 3


@click.command()
@click.option("--host", help="Address of the gateway; other than loopback it wants keys.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the gateway; 0: any free.  [default: 9000]")
@click.option(
    "--repository",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/repository"),
    show_default=True,
    help="The served repository; built with the default networks if it is not there.",
)
@click.option("--browser/--no-browser", default=True, help="Whether to open the page.  [default: browser]")
def up(*, host: str | None, port: int | None, repository: Path, browser: bool) -> None:
    """Start Triton on this machine and the gateway before it, and open the page; Ctrl-C stops both.

    The log of requests is left out unless OCDRNET_GATEWAY_LOG_LEVEL=info asks for it.

    Exit codes: 0 stopped by a signal, 1 Triton ended or was not ready in time, 2 something could not be started.
    """
    try:
        with stop_signals() as stop:
            if not repository.exists():
                click.echo(f"Building {repository} ...", err=True)
                build_repository(repository, DEFAULT, DEFAULT)
            warn_of_shared_memory()
            triton = TritonServer(repository)
            settings = _with_interfaces(
                load_settings({"triton": triton.addresses.grpc_url, "host": host, "port": port})
            )
            configure_logs(_log_level(settings))
            _serve(triton, settings, stop, browser)
    except StopRequestedError:
        click.echo("Stopped", err=True)
    except (DeployError, StartError) as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code if isinstance(error, DeployError) else 2) from None


def _with_interfaces(settings: GatewaySettings) -> GatewaySettings:
    """All interfaces, unless the variable chooses: who tries it shall find the one that their tool speaks."""
    if "interfaces" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"interfaces": ",".join(INTERFACES)})


def _log_level(settings: GatewaySettings) -> str:
    """Requests are not logged unless asked for: who looks at this terminal wants the page."""
    return settings.log_level if "log_level" in settings.model_fields_set else "warning"


def _serve(triton: TritonServer, settings: GatewaySettings, stop: StopRequest, browser: bool) -> None:
    # The gateway first: a port that is taken should not cost the wait for the models.
    with GatewayServer(settings) as server:
        try:
            triton.start()
            click.echo("Loading the models ...", err=True)
            triton.wait_ready(on_wait=lambda _: stop.check())
            click.echo(f"The page and the interfaces are at {server.url}, Triton at {triton.addresses.grpc_url}")
            if browser:
                webbrowser.open(server.url)
            _watch(triton, server, stop)
        finally:
            triton.stop()


class _GatewayEndedError(Exception):
    """The gateway ended by itself; its log says why."""


def _watch(triton: TritonServer, server: GatewayServer, stop: StopRequest) -> None:
    def check() -> None:
        stop.check()
        if not server.is_running:
            raise _GatewayEndedError

    with suppress(_GatewayEndedError):
        keep_up(
            triton,
            restarts=_RESTARTS,
            check=check,
            on_restart=lambda error: click.echo(f"{error}\nStarting Triton again ...", err=True),
            on_ready=lambda waited_s: click.echo(f"Ready again after {waited_s:.1f} s.", err=True),
            on_wait=lambda _: stop.check(),
        )

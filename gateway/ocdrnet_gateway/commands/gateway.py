"""`ocdrnet gateway`: the front door, until it is told to stop."""

from __future__ import annotations

import click

from ocdrnet_deploy.server.keeping import StopRequestedError, stop_signals
from ocdrnet_gateway.core.logs import configure_logs
from ocdrnet_gateway.errors import StartError
from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import load_settings

# How soon a signal is acted on.
_POLL_S = 0.2


@click.command()
@click.option("--triton", help="Triton's gRPC or HTTP url.  [default: grpc://127.0.0.1:8001]")
@click.option("--host", help="Address to listen on; other than loopback it wants keys.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0: any free.  [default: 9000]")
@click.option("--keys-file", help="File of `ocdrnet keys`; with it every caller needs a key.")
@click.option("--store", help="Folder, or s3://bucket/prefix, for assets and results.")
def gateway(**arguments: object) -> None:
    """Serve the hosted endpoint's and the NIM's interfaces, and a page, before a Triton; Ctrl-C stops it.

    Every setting has a variable, OCDRNET_GATEWAY_ and its name; docs/gateway.md lists them. Exit codes: 0 stopped by a
    signal, 2 it could not be started.
    """
    try:
        settings = load_settings(arguments)
        configure_logs(settings.log_level)
        with stop_signals() as stop, GatewayServer(settings) as server:
            click.echo(f"The gateway answers at {server.url}, Triton is at {settings.triton}")
            while not server.wait_end(_POLL_S):
                stop.check()
    except StopRequestedError:
        click.echo("Stopped", err=True)
    except StartError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(2) from None

"""The `ocdrnet` command: a table of subcommands, each imported only when it is called."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import cast

import click

# What shells report for a program that SIGINT ended.
_INTERRUPTED = 130


@dataclass(frozen=True)
class LazyCommand:
    """Where a subcommand is.

    Attributes:
        target: `module:attribute` of a click command.
        extra: of the `ocdrnet` distribution, that brings what the command needs.
        help: a sentence for `ocdrnet --help`, here so that help imports nothing.
    """

    target: str
    extra: str
    help: str

    def load(self) -> click.Command:
        """Import the command.

        Raises:
            ImportError: the command, or something it needs, is not installed.
        """
        module, attribute = self.target.split(":")
        return cast(click.Command, getattr(import_module(module), attribute))


COMMANDS = {
    "bulk": LazyCommand(
        "ocdrnet_client.commands.bulk:bulk", "bulk", "Read millions of pictures, resumable, in shards."
    ),
    "doctor": LazyCommand(
        "ocdrnet_deploy.commands.doctor:doctor", "serve", "Say whether this machine can serve, and what to do if not."
    ),
    "eval": LazyCommand(
        "ocdrnet_client.commands.eval:evaluate", "eval", "Measure how well a server reads pictures with known text."
    ),
    "gateway": LazyCommand(
        "ocdrnet_gateway.commands.gateway:gateway", "gateway", "Run the HTTP front door before a server."
    ),
    "keys": LazyCommand(
        "ocdrnet_gateway.commands.keys:keys", "gateway", "Make, list and revoke the front door's API keys."
    ),
    "loadtest": LazyCommand("ocdrnet_loadtest.commands.loadtest:loadtest", "loadtest", "Put a server under load."),
    "models": LazyCommand(
        "ocdrnet_deploy.commands.models:models", "serve", "List networks, and build the repository to serve."
    ),
    "plan": LazyCommand("ocdrnet_deploy.commands.plan:plan", "client", "How many replicas a load needs."),
    "read": LazyCommand("ocdrnet_client.commands.read:read", "client", "Read the text in pictures."),
    "serve": LazyCommand("ocdrnet_deploy.commands.serve:serve", "serve", "Run a server on this machine."),
    "up": LazyCommand(
        "ocdrnet_gateway.commands.up:up", "gateway", "Run a server and the front door, and open its page."
    ),
}


class LazyGroup(click.Group):
    """A group whose commands come from `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; without its packages, say how to get them and exit with 2."""
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        try:
            return lazy.load()
        except ImportError as error:
            advice = f"pip install 'ocdrnet[{lazy.extra}]'"
            click.echo(f"Error: `ocdrnet {cmd_name}` needs more packages ({error}): {advice}", err=True)
            ctx.exit(2)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; Ctrl-C ends it without a traceback."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted", err=True)
            ctx.exit(_INTERRUPTED)


@click.group(cls=LazyGroup)
@click.version_option(version("ocdrnet"), prog_name="ocdrnet")
def main() -> None:
    """Read text in pictures with OCDNet and OCRNet, served by NVIDIA Triton."""

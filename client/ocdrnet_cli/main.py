"""The `ocdrnet` command: a table of subcommands, each imported only when it is called."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import cast

import click

# What shells report for a program that SIGINT or SIGPIPE ended.
_INTERRUPTED, _NOBODY_READS = 130, 141
_OF_AN_OUTPUT = frozenset({errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EFBIG})


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
    "bulk": LazyCommand("ocdrnet_cli.bulk:bulk", "bulk", "Read millions of images, resumable, in shards."),
    "doctor": LazyCommand(
        "ocdrnet_deploy.commands.doctor:doctor", "serve", "Say whether this machine can serve, and what to do if not."
    ),
    "eval": LazyCommand(
        "ocdrnet_cli.evaluate:evaluate", "eval", "Measure how well a server reads images with known text."
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
    "read": LazyCommand("ocdrnet_cli.read:read", "client", "Read the text in images."),
    "serve": LazyCommand("ocdrnet_deploy.commands.serve:serve", "serve", "Run a server on this machine."),
    "tesseract": LazyCommand(
        "ocdrnet_cli.tesseract:tesseract", "client", "Tesseract's command line, for programs that start it."
    ),
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
        """Run a command; Ctrl-C, and an output that takes no more, end it without a traceback."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted", err=True)
            ctx.exit(_INTERRUPTED)
        except OSError as error:
            if error.filename is not None or error.errno not in _OF_AN_OUTPUT:
                raise
            _drop_output()
            nobody_reads = error.errno == errno.EPIPE
            reason = "it was closed" if nobody_reads else error.strerror
            click.echo(f"Error: cannot write the standard output: {reason}; what followed is not printed", err=True)
            ctx.exit(_NOBODY_READS if nobody_reads else 2)


def _drop_output() -> None:
    """What is still in the buffer would fail once more when Python ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=LazyGroup)
@click.version_option(version("ocdrnet"), prog_name="ocdrnet")
def main() -> None:
    """Read text in images with OCDNet and OCRNet, served by NVIDIA Triton."""

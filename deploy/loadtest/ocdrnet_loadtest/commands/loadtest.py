"""`ocdrnet loadtest`: find out what a running server can take, and hold it to objectives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ocdrnet_cli import read as reading
from ocdrnet_cli.reports import use_utf8_output
from ocdrnet_client.errors import ConfigurationError
from ocdrnet_loadtest import quantities, settings
from ocdrnet_loadtest.commands.loadtest_options import LoadTestOptions, run_settings
from ocdrnet_loadtest.errors import LoadTestError, SettingError
from ocdrnet_loadtest.objectives import FIGURES
from ocdrnet_loadtest.report import report_html
from ocdrnet_loadtest.result import LoadTestResult
from ocdrnet_loadtest.run import run
from ocdrnet_loadtest.sending.opening import APIS
from ocdrnet_loadtest.sent_images import DEFAULT_SPECS
from ocdrnet_loadtest.summary import Progress, summary

_OUTPUT = click.Path(dir_okay=False, writable=True, path_type=Path)
_FIGURES_HELP = "\n".join(f"  {name}  {figure.help}" for name, figure in FIGURES.items())
_SHARED = [option for option in reading.read.params if option.name in {"url", "parameters", "timeout"}]


def _parsed_by(parse: Callable[[str], float]) -> Callable[..., float | None]:
    """A callback that reads an option's text, where there is one."""

    def parsed(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
        try:
            return None if text is None else parse(text)
        except SettingError as error:
            raise click.BadParameter(str(error)) from error

    return parsed


_DURATION, _SHARE, _RATE = (_parsed_by(kind) for kind in (quantities.duration, quantities.share, quantities.rate))


@click.command(params=_SHARED, epilog=f"\b\nFigures of objectives:\n{_FIGURES_HELP}\n\n{reading.read.epilog}")
@click.option("--api", type=click.Choice(APIS), help="nim: the gateway's /v1/infer. [default: Triton's, by the url]")
@click.option("--model", default="ocdrnet", show_default=True, help="The ensemble's name.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Of every request. May be repeated.")
@click.option("--images", multiple=True, metavar="PATH", help="Images to send: file, folder, pattern. May be repeated.")
@click.option(
    "--draw",
    multiple=True,
    metavar="WxH:LINES",
    help=f"Draw images instead. May be repeated. [default: {', '.join(DEFAULT_SPECS)}]",
)
@click.option("--rate", callback=_RATE, metavar="RATE", help="One step at this many images a second, no staircase.")
@click.option("--users", type=click.IntRange(1), help="Locust's closed loop with this many users, no staircase.")
@click.option("--think", callback=_DURATION, metavar="TIME", help="Rest of each user after an answer.")
@click.option("--soak", type=click.IntRange(1), help="Send this many requests at one rate, and watch memory.")
@click.option("--fraction", callback=_SHARE, default="80%", show_default=True, help="Of the knee, for --soak.")
@click.option(
    "--knee-of",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON of an earlier staircase, for --soak, instead of a new one.",
)
@click.option("--settling", type=click.IntRange(0), default=1000, show_default=True, help="Of a soak, before slopes.")
@click.option("--p99", callback=_DURATION, metavar="TIME", help="Limit of the knee. [default: that of --slo, or 1s]")
@click.option("--errors", callback=_SHARE, default="0.1%", show_default=True, help="Limit of the knee.")
@click.option(
    "--arrivals",
    type=click.Choice(settings.KINDS),
    default=settings.POISSON,
    show_default=True,
    help="Gaps of requests.",
)
@click.option("--requests", type=click.IntRange(1), default=500, show_default=True, help="Of each step, at least.")
@click.option("--seconds", callback=_DURATION, default="10s", show_default=True, help="Of each step, at least.")
@click.option("--start-rate", callback=_RATE, metavar="RATE", help="First step. [default: half of one caller's rate]")
@click.option("--growth", type=float, default=1.5, show_default=True, help="From step to step, until one fails.")
@click.option("--precision", callback=_SHARE, default="5%", show_default=True, help="Of the knee.")
@click.option("--warm-up", type=click.IntRange(1), default=20, show_default=True, help="Requests before all else.")
@click.option("--metrics", metavar="URL", help="Triton's metrics, or none. [default: port 8002 of the url's host]")
@click.option("--server-pid", "server_pids", type=int, multiple=True, help="A local server's process. May be repeated.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of drawings, gaps and order.")
@click.option("--slo", "slos", multiple=True, metavar="FIGURE=LIMIT", help="See below. May be repeated.")
@click.option("--json", "json_file", type=_OUTPUT, help="JSON file to write.")
@click.option("--report", "report_file", type=_OUTPUT, help="HTML file to write.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.pass_context
def loadtest(
    context: click.Context,
    /,
    *,
    json_file: Path | None,
    report_file: Path | None,
    quiet: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Put a server under load: find its knee, or hold one rate, a number of users, or a soak.

    Requests are sent by a schedule that does not wait for answers, and latency counts from when a request was due.
    Exit code: 0 done and all objectives met, 1 an objective was missed or a file could not be written, 2 wrong usage
    or no server.
    """
    use_utf8_output()
    try:
        settings = run_settings(LoadTestOptions(**options))
        result = asyncio.run(run(settings, Progress(is_quiet=quiet)))
    except (LoadTestError, ConfigurationError) as error:
        raise click.UsageError(str(error)) from error
    click.echo(summary(result))
    _write(result, json_file, report_file)
    context.exit(0 if result.is_met else 1)


def _write(result: LoadTestResult, json_file: Path | None, report_file: Path | None) -> None:
    try:
        if json_file:
            result.save(json_file)
        if report_file:
            report_file.parent.mkdir(parents=True, exist_ok=True)
            report_file.write_text(report_html(result), encoding="utf-8")
    except LoadTestError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot write {report_file}: {error.strerror or error}") from error

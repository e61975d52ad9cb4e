"""`ocdrnet plan`: how many replicas a load needs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from ocdrnet_deploy.planning.calibration import calibrated_pipeline
from ocdrnet_deploy.planning.errors import PlanningError
from ocdrnet_deploy.planning.gpu_speed import DEFAULT_INPUT, NETWORKS, gpu_speed
from ocdrnet_deploy.planning.load import Load
from ocdrnet_deploy.planning.low_load import without_generator
from ocdrnet_deploy.planning.measurement import Measurement
from ocdrnet_deploy.planning.measurement_file import HOW_TO_MEASURE, load_measurement
from ocdrnet_deploy.planning.pipeline import Pipeline
from ocdrnet_deploy.planning.planner import (
    compare_knees,
    comparison_text,
    duration,
    plan_replicas,
    plan_text,
    rate,
    share,
)
from ocdrnet_deploy.planning.replicas import cores_for_gpu, on_gpu, with_boxes, with_cores
from ocdrnet_deploy.repository.profile import TensorRtProfile

_SIZE = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")


@dataclass(frozen=True)
class PlanOptions:
    """The options, as the command's help describes them; times in seconds."""

    measured: Path | None
    rate: float | None
    p99: float | None
    boxes: float | None
    gpu: str | None
    network: str
    detector_input: tuple[int, int]
    pictures_per_s: float | None
    crops_per_s: float | None
    cores: float | None
    preferred: dict[str, int]
    seed: int


def _parsed_by(parse: Callable[[str], float]) -> Callable[..., float | None]:
    """A callback that reads an option's text, where there is one."""

    def parsed(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
        try:
            return None if text is None else parse(text)
        except PlanningError as error:
            raise click.BadParameter(str(error)) from error

    return parsed


def _size(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is no HEIGHTxWIDTH in pixels, such as 736x1280")
    return int(match[1]), int(match[2])


def _preferred(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> dict[str, int]:
    pairs = [text.partition("=") for text in texts]
    for name, _, number in pairs:
        if not name or not number.isdecimal() or not int(number):
            raise click.BadParameter(f"{name!r} with {number!r} is no MODEL=ROWS, such as ocdnet=4")
    return {name: int(number) for name, _, number in pairs}


@click.command()
@click.option("--measured", type=click.Path(path_type=Path), help="JSON that `ocdrnet loadtest --json` wrote.")
@click.option("--rate", callback=_parsed_by(rate), metavar="RATE", help="Images a second, over all replicas.")
@click.option("--p99", callback=_parsed_by(duration), metavar="TIME", help="Limit of the 99th percentile of latency.")
@click.option("--boxes", type=click.FloatRange(0), help="Lines of an image. [default: as measured]")
@click.option("--cores", type=click.FloatRange(1), help="Of each replica. [default: as measured, or as a GPU needs]")
@click.option("--gpu", metavar="NAME", help="Networks on this GPU: T4, L4, A100, H100, ... Python steps as measured.")
@click.option("--network", type=click.Choice(list(NETWORKS)), default="resnet18", show_default=True, help="On the GPU.")
@click.option(
    "--detector-input",
    callback=_size,
    metavar="HxW",
    default="{}x{}".format(*DEFAULT_INPUT),
    show_default=True,
    help="On the GPU.",
)
@click.option("--pictures-per-s", callback=_parsed_by(rate), metavar="RATE", help="Detector's, measured on the GPU.")
@click.option("--crops-per-s", callback=_parsed_by(rate), metavar="RATE", help="Recognizer's, measured on the GPU.")
@click.option(
    "--preferred",
    callback=_preferred,
    multiple=True,
    metavar="MODEL=ROWS",
    help="Preferred batch of a model's config, where the measured file lacks it. May be repeated.",
)
@click.option("--knee", is_flag=True, help="Predict the measured staircase's knee instead, and print the error.")
@click.option("--within", callback=_parsed_by(share), metavar="SHARE", help="Exit with 1 where --knee is further off.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the simulation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def plan(*, knee: bool, within: float | None, as_json: bool, preferred: dict[str, int], **options: Any) -> None:  # noqa: ANN401
    """How many replicas a load needs, by a simulation of the server with measured service times.

    Exit code: 0 done, 1 the prediction is further off than --within, 2 wrong usage or an unusable file.
    """
    wanted = PlanOptions(preferred=preferred, **options)
    try:
        measured = _measured(wanted)
        for warning in measured.warnings:
            click.echo(f"warning: {warning}", err=True)
        if knee:
            error = _compare(wanted, measured, as_json)
            sys.exit(1 if within is not None and abs(error) > within else 0)
        _check(within, wanted)
        _plan(wanted, measured, as_json)
    except PlanningError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


def _measured(wanted: PlanOptions) -> Measurement:
    if wanted.measured is None:
        raise click.UsageError(f"a plan needs --measured, the result of a load test; {HOW_TO_MEASURE}")
    measured = load_measurement(wanted.measured)
    for name in wanted.preferred:
        if name not in measured.models:
            raise click.UsageError(f"{name!r} is no model of the measured server; it has {', '.join(measured.models)}")
    return measured


def _check(within: float | None, wanted: PlanOptions) -> None:
    if within is not None:
        raise click.UsageError("--within goes with --knee")
    for name, value in (("--rate", wanted.rate), ("--p99", wanted.p99)):
        if value is None:
            raise click.UsageError(f"a plan needs {name}, such as --rate 2000 --p99 300ms; or use --knee")
    if not wanted.gpu and (wanted.pictures_per_s or wanted.crops_per_s):
        raise click.UsageError("--pictures-per-s and --crops-per-s are a GPU's; name it with --gpu")


def _compare(wanted: PlanOptions, measured: Measurement, as_json: bool) -> float:
    if wanted.gpu or wanted.boxes is not None or wanted.cores or wanted.rate:
        raise click.UsageError("--knee predicts what was measured; it goes with no --rate, --boxes, --cores or --gpu")
    found = compare_knees(measured, calibrated_pipeline(measured, wanted.preferred), wanted.p99, wanted.seed)
    click.echo(json.dumps(asdict(found)) if as_json else comparison_text(found))
    return found.error


def _plan(wanted: PlanOptions, measured: Measurement, as_json: bool) -> None:
    assert wanted.rate is not None
    assert wanted.p99 is not None
    boxes = measured.boxes if wanted.boxes is None else wanted.boxes
    pipeline, sources = _replica(wanted, measured, boxes)
    found = plan_replicas(pipeline, wanted.rate, wanted.p99, boxes, Load(seed=wanted.seed))
    if as_json:
        click.echo(json.dumps({**asdict(found), "sources": sources, "warnings": measured.warnings}))
        return
    click.echo(plan_text(found))
    click.echo("\n" + "\n".join(sources))


def _replica(wanted: PlanOptions, measured: Measurement, boxes: float) -> tuple[Pipeline, list[str]]:
    """The server to plan with, and where its figures come from."""
    if wanted.gpu:  # how CPU time falls with load was seen with the networks on the cores
        measured = replace(measured, cpu_use=())
    pipeline = without_generator(measured, calibrated_pipeline(measured, wanted.preferred))
    sources = [
        f"service times: measured at {measured.low.rate:.3g} images/s of {measured.boxes:.3g} lines on "
        f"{measured.cores} cores of {measured.cpu}"
    ]
    if pipeline.easing:
        sources.append(
            f"CPU time of an image: {pipeline.easing:.0%} less on fully used cores than on idle ones, by a line "
            f"through {len(measured.cpu_use)} rates"
        )
    if wanted.boxes is not None:
        pipeline = with_boxes(pipeline, measured.boxes, boxes)
        sources.append(f"lines: {boxes:g} asked for; times extrapolated from {measured.boxes:.3g}")
    if wanted.gpu is None:
        return with_cores(pipeline, wanted.cores) if wanted.cores else pipeline, sources
    speed = gpu_speed(wanted.gpu, wanted.network, wanted.detector_input, wanted.pictures_per_s, wanted.crops_per_s)
    pipeline = on_gpu(pipeline, speed, TensorRtProfile())
    sources[0] = sources[0].replace("service times", "Python steps")
    return with_cores(pipeline, wanted.cores or cores_for_gpu(pipeline)), [*sources, *speed.sources]

"""`ocdrnet models build`: a served repository made from two networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click
from click.core import ParameterSource

from ocdrnet_deploy.catalog.catalog import DEFAULT, find_preset
from ocdrnet_deploy.errors import DeployError
from ocdrnet_deploy.networks.prepare import Engine
from ocdrnet_deploy.repository.build import PRECISIONS, BuildOptions, Precision, build_repository
from ocdrnet_deploy.repository.profile import FRONT_ENDS, PROFILES, parse_processes
from ocdrnet_deploy.triton_versions import DEFAULT as DEFAULT_TRITON
from ocdrnet_ops.recognition.charset import ALL

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_WHERE = {"cpu": "the CPU", "cuda": "a GPU without TensorRT", "tensorrt": "TensorRT on this machine's GPU"}


@click.command()
@click.option(
    "--detector", default=DEFAULT, show_default=True, help="Text detector: a name in `models list`, or an ONNX file."
)
@click.option(
    "--recognizer",
    multiple=True,
    default=[DEFAULT],
    show_default=True,
    help="Text recognizer, likewise; named again, another one that reads what the first one doubts.",
)
@click.option("--preset", help="Both at once, by a name in `models list`, instead of the two above.")
@click.option("--detector-card", type=_FILE, help="Description of a detector's file, as `models inspect` proposes it.")
@click.option("--recognizer-card", type=_FILE, help="Description of the (first) recognizer's file, likewise.")
@click.option(
    "--engine", type=click.Choice(list(PRECISIONS)), default="cpu", show_default=True, help="What runs the networks."
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "int8", "auto"]),
    help="Of the networks' arithmetic; auto is int8 for the detector where this CPU gains by it.  [default: fp16 for "
    "tensorrt, else fp32]",
)
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default=PROFILES[0],
    show_default=True,
    help="What the server is for: short waits, many images, or a machine of 4 GiB.",
)
@click.option(
    "--front-end",
    type=click.Choice(FRONT_ENDS),
    default=FRONT_ENDS[0],
    show_default=True,
    help="What decodes, scales and crops images. gpu is untried on a GPU, and wants the extra gpu-front-end.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/repository"),
    show_default=True,
    help="Folder of the served repository.",
)
@click.option(
    "--max-candidates",
    type=click.IntRange(1, 10_000),
    help="Boxes per image at most.  [default: the detector's card's, 1000]",
)
@click.option(
    "--recognizer-batch",
    type=click.IntRange(1, 10_000),
    help="Crops per batch at most; not below the candidates.  [default: as many as candidates]",
)
@click.option(
    "--detector-batch", type=click.IntRange(1, 256), help="Images per batch at most.  [default: 8 for tensorrt, else 4]"
)
@click.option(
    "--cores",
    type=click.IntRange(1, 1024),
    envvar="OCDRNET_CORES",
    show_envvar=True,
    help="That the server may use.  [default: those of this machine, or its container's limit]",
)
@click.option(
    "--memory",
    type=click.IntRange(1),
    envvar="OCDRNET_MEMORY",
    show_envvar=True,
    help="Bytes that the server may use.  [default: those of this machine, or its container's limit]",
)
@click.option(
    "--triton",
    help="Version that serves, as NVIDIA numbers its containers.  [default: the container's in one; else "
    f"{DEFAULT_TRITON} for tensorrt, and the pip package's]",
)
@click.option(
    "--processes",
    multiple=True,
    metavar="STEP=COUNT",
    help="Of a Python step, as image_preprocess=4; may be repeated.  [default: by the cores]",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of images for int8 or auto, like those that will be read.  [default: drawn ones]",
)
@click.option(
    "--charset",
    default=ALL,
    show_default=True,
    help="Cut a CTC recognizer to these characters, which makes it faster: latin, digits, ... as the request option.",
)
@click.pass_context
def build(
    context: click.Context,
    /,
    *,
    detector: str,
    recognizer: tuple[str, ...],
    preset: str | None,
    engine: str,
    precision: str | None,
    output: Path,
    processes: tuple[str, ...],
    **options: Any,  # noqa: ANN401 - those that go to BuildOptions as they are
) -> None:
    """Assemble a served repository: adapt the networks, try them, render the configs, place everything.

    On the CPU, and with --engine cuda, each network is run once on drawn text and compared with the original in FP32:
    one that differs is served in FP32 or by another engine, or refused.

    With --engine tensorrt this needs a GPU and TensorRT, takes minutes the first time, and finds the plans in the cache
    ($OCDRNET_CACHE/plans) from then on.
    """
    try:
        if preset:
            _refuse_both(context)
            pair = find_preset(preset)
            detector, recognizer = pair.detector, (pair.recognizer,)
        kind, numbers = cast(Engine, engine), cast("Precision | None", precision)
        counts = parse_processes(processes)
        chosen = BuildOptions(engine=kind, precision=numbers, step_processes=counts, **options)
        build_repository(output, detector, recognizer, chosen, say=click.echo)
    except DeployError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    serve = (
        f"ocdrnet serve --repository {output}" if engine != "tensorrt" else f"tritonserver --model-repository={output}"
    )
    click.echo(f"{output}: {detector} + {' + '.join(recognizer)} for {_WHERE[engine]}. Serve it: {serve}")


def _refuse_both(context: click.Context) -> None:
    for name in ("detector", "recognizer"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--preset names both networks; leave out --{name}, or --preset")

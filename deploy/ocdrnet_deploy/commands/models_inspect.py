"""`ocdrnet models inspect`: what an ONNX file takes and answers, and a card to serve it with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import click

from ocdrnet_deploy.catalog.catalog import catalog
from ocdrnet_deploy.commands.inspect_engine import (
    DEFAULT_CAPABILITIES,
    EngineQuestion,
    inspect_engine,
    read_capability,
)
from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.files import write_file
from ocdrnet_deploy.networks.description_file import description_json
from ocdrnet_deploy.networks.inspection import Inspection, inspect_network
from ocdrnet_deploy.tensorrt.command import PlanPrecision

_CARD = click.Path(path_type=Path, dir_okay=False)


@click.command("inspect")
@click.argument("network", metavar="NAME|FILE")
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of lines.")
@click.option("--card", type=_CARD, help="Write the proposed card to this file.")
@click.option(
    "--engine",
    type=click.Choice(["tensorrt"]),
    help="Ask NVIDIA's parser and builder instead, without a GPU: needs 'ocdrnet[tensorrt-check]'.",
)
@click.option("--use-card", type=_CARD, help="Description of the file for --engine, instead of the proposed one.")
@click.option(
    "--precision", type=click.Choice(["fp16", "fp32"]), default="fp16", show_default=True, help="Of the engine."
)
@click.option(
    "--compute-capability",
    "capabilities",
    multiple=True,
    callback=read_capability,
    help=f"Of the GPUs to build for; may be repeated.  [default: {', '.join(DEFAULT_CAPABILITIES)}]",
)
@click.option(
    "--batch", type=click.IntRange(1, 10_000), help="Images or crops of a run at most.  [default: that of models build]"
)
def inspect(
    *,
    network: str,
    as_json: bool,
    card: Path | None,
    engine: str | None,
    use_card: Path | None,
    precision: str,
    capabilities: tuple[str, ...],
    batch: int | None,
) -> None:
    """Show inputs, outputs and operators of an ONNX file, and propose a card for `models build`.

    With --engine tensorrt, a network of `models list` or a file is adapted as `models build` would, parsed and built by
    TensorRT for RTX on this machine's CPU, and compared with the config that Triton would be given.

    Exit codes: 0 a card is proposed, or the engine is accepted; 2 the network fits no contract, is not accepted, or
    cannot be read.
    """
    if engine:
        question = EngineQuestion(network, use_card, cast(PlanPrecision, precision), capabilities, batch)
        try:
            inspect_engine(question, as_json=as_json)
        except BuildError as error:
            click.echo(f"Error: {error}", err=True)
            raise SystemExit(error.exit_code) from None
        return
    _inspect_file(Path(network), card, as_json=as_json)


def _inspect_file(file: Path, card: Path | None, *, as_json: bool) -> None:
    if not file.exists() and str(file) in {entry.name for entry in catalog()}:
        click.echo(
            f"Error: {file} is a network of the catalog, which has its card: ocdrnet models list --json. A name goes "
            "with --engine tensorrt",
            err=True,
        )
        raise SystemExit(BuildError.exit_code)
    try:
        found = inspect_network(file)
    except BuildError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    click.echo(json.dumps(found.as_json(), ensure_ascii=False, indent=1) if as_json else "\n".join(_lines(found)))
    if found.proposal is None:
        click.echo(f"Error: {file} cannot be served: {found.refusal}", err=True)
        raise SystemExit(BuildError.exit_code)
    if card:
        _write_card(card, found)


def _write_card(card: Path, found: Inspection) -> None:
    try:
        write_file(card, _card_text(found))
    except OSError as error:
        click.echo(f"Error: {card} cannot be written: {error.strerror}", err=True)
        raise SystemExit(BuildError.exit_code) from None


def _lines(found: Inspection) -> Iterator[str]:
    yield f"{found.file}: opset {found.opset}"
    for title, tensors in (("input", found.inputs), ("output", found.outputs)):
        for tensor in tensors:
            yield f"{title:<8}  {tensor}"
    if found.custom_operators:
        yield f"custom    {', '.join(found.custom_operators)}"
    for note in found.notes:
        yield f"check     {note}"
    if found.proposal:
        yield _card_text(found).rstrip()


def _card_text(found: Inspection) -> str:
    assert found.proposal is not None
    return json.dumps(description_json(found.proposal), ensure_ascii=False, indent=1) + "\n"

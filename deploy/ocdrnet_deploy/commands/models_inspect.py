"""`ocdrnet models inspect`: what an ONNX file takes and answers, and a card to serve it with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.networks.description_file import description_json
from ocdrnet_deploy.networks.inspection import Inspection, inspect_network
from ocdrnet_deploy.repository.files import write_file


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of lines.")
@click.option("--card", type=click.Path(path_type=Path, dir_okay=False), help="Write the proposed card to this file.")
def inspect(*, file: Path, as_json: bool, card: Path | None) -> None:
    """Show inputs, outputs and operators of an ONNX file, and propose a card for `models build`.

    Exit codes: 0 a card is proposed, 2 the network fits no contract or the file cannot be read.
    """
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

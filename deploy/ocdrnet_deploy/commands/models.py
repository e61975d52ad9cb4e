"""`ocdrnet models`: the networks there are, and a served repository made from two of them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.networks.catalog import DEFAULT, CatalogEntry, catalog
from ocdrnet_deploy.networks.weights import are_weights_present
from ocdrnet_deploy.repository.build import build_repository


@click.group()
def models() -> None:
    """List networks, and build the repository that `ocdrnet serve` loads."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON array instead of a table.")
def list_networks(*, as_json: bool) -> None:
    """List the networks that can be served."""
    rows = [_row(entry) for entry in catalog()]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        present = "present" if row["present"] else "missing"
        click.echo(f"{row['kind']:<10}  {row['name']:<14}  {present:<7}  {row['license']:<10}  {row['about']}")


@models.command()
@click.option("--detector", default=DEFAULT, show_default=True, help="Text detector, by its name in `models list`.")
@click.option("--recognizer", default=DEFAULT, show_default=True, help="Text recognizer, likewise.")
@click.option("--engine", type=click.Choice(["cpu"]), default="cpu", show_default=True, help="What runs the networks.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/repository"),
    show_default=True,
    help="Folder of the served repository.",
)
@click.option("--max-candidates", type=click.IntRange(1, 10_000), help="Boxes per image at most.  [default: 1000]")
@click.option(
    "--recognizer-batch",
    type=click.IntRange(1, 10_000),
    help="Crops per batch at most; not below the candidates.  [default: as many as candidates]",
)
def build(
    *,
    detector: str,
    recognizer: str,
    engine: str,
    output: Path,
    max_candidates: int | None,
    recognizer_batch: int | None,
) -> None:
    """Assemble a served repository: adapt the networks, render the configs, place everything."""
    del engine  # one so far
    try:
        build_repository(output, detector, recognizer, max_candidates=max_candidates, recognizer_batch=recognizer_batch)
    except BuildError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    click.echo(f"{output}: {detector} + {recognizer} for the CPU. Serve it: ocdrnet serve --repository {output}")


def _row(entry: CatalogEntry) -> dict[str, object]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "about": entry.about,
        "source": str(entry.source),
        "license": entry.license,
        "sha256": entry.sha256,
        "present": are_weights_present(entry),
    }

"""`ocdrnet models list`: the networks that can be served."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import click

from ocdrnet_deploy.catalog.catalog import CatalogEntry, NgcFile, Preset, UrlFile, catalog, presets
from ocdrnet_deploy.networks.weights import are_weights_present

_DETECTOR_COLUMNS = (" ", "DETECTOR", "BACKBONE", "DATA", "INPUT", "HMEAN", "LICENCE", "SOURCE")
_RECOGNIZER_COLUMNS = (" ", "RECOGNIZER", "BACKBONE", "SCRIPTS", "INPUT", "DECODER", "LICENCE", "SOURCE")
_LEGEND = """\
*: on this machine. Others: ocdrnet models download NAME. Input: height x width in pixels.
Any detector goes with any recognizer. Everything known of each network: ocdrnet models list --json"""


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON array instead of tables, with all that is known.")
def list_networks(*, as_json: bool) -> None:
    """List the networks that can be served, and the presets."""
    entries = catalog()
    if as_json:
        click.echo(json.dumps([_facts(entry) for entry in entries], ensure_ascii=False, indent=1))
        return
    detectors = [_cells(entry) for entry in entries if entry.description.kind == "detector"]
    recognizers = [_cells(entry) for entry in entries if entry.description.kind == "recognizer"]
    pairs = [("", preset.name, f"{preset.detector} + {preset.recognizer}", preset.about) for preset in presets()]
    click.echo(_table(_DETECTOR_COLUMNS, detectors))
    click.echo(_table(_RECOGNIZER_COLUMNS, recognizers))
    click.echo(_table((" ", "PRESET", "NETWORKS", "FOR"), pairs))
    click.echo(_LEGEND)


def input_size(entry: CatalogEntry) -> str:
    """Height x width in pixels, `W` where the width is free; `free` where both are, in multiples of 32."""
    card = entry.description.card
    return f"{card['height']}x{card.get('width', 'W')}" if "height" in card else "free"


def _facts(entry: CatalogEntry) -> dict[str, Any]:
    description = entry.description
    return {
        "name": entry.name,
        "kind": description.kind,
        "about": entry.about,
        "source": str(entry.source),
        "backbone": entry.backbone,
        "training_data": entry.training_data,
        "published_quality": entry.published_quality,
        "input": input_size(entry),
        "decoder": description.card.get("decoder", ""),
        "scripts": entry.readable_scripts,
        "license": entry.license,
        "sha256": entry.sha256,
        "present": are_weights_present(entry),
        "answer": description.answer,
        "normalization": dataclasses.asdict(description.normalization),
        "max_batch": description.max_batch,
        "card": description.card,
        "presets": [preset.name for preset in presets() if _is_in(preset, entry)],
    }


def _is_in(preset: Preset, entry: CatalogEntry) -> bool:
    return entry.name == (preset.detector if entry.description.kind == "detector" else preset.recognizer)


def _cells(entry: CatalogEntry) -> tuple[str, ...]:
    sixth = entry.description.card.get("decoder") or entry.published_quality.removeprefix("hmean ")
    return (
        "*" if are_weights_present(entry) else "",
        entry.name,
        entry.backbone,
        "; ".join(filter(None, (",".join(entry.readable_scripts), entry.training_data))),
        input_size(entry),
        sixth,
        entry.license,
        _short_source(entry),
    )


def _short_source(entry: CatalogEntry) -> str:
    source = entry.source
    if isinstance(source, UrlFile):
        return f"{source.model.rsplit('/', 1)[-1]} {source.version}"
    return f"{'NGC' if isinstance(source, NgcFile) else 'PyPI'} {source.version}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; what is not known is a dash."""
    shown = [columns, *([row[0], *(cell or "-" for cell in row[1:])] for row in rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(columns))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown)
    return "\n".join(lines) + "\n"

"""What every benchmark writes: one JSON file, one Markdown page with its tables, and plots."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks.machine import machine, machine_line

Cell: TypeAlias = str | int | float | None
BUILD = Path("build/benchmarks")


@dataclass(frozen=True)
class Conditions:
    """What a reader must know before the figures.

    Attributes:
        metric: what is counted, in which unit.
        warm_up: what ran before the first measured round.
        timer: what lies between its start and its end.
        unfair: what favours one side, or is missing.
    """

    metric: str
    warm_up: str
    timer: str
    unfair: str


@dataclass(frozen=True)
class Table:
    """Rows of one kind.

    Attributes:
        title: above the table.
        columns: names, with units.
        rows: cells in the columns' order; None prints as a dash.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def records(self) -> list[dict[str, Cell]]:
        """The rows by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def markdown(self) -> str:
        """As a Markdown table under its title."""
        lines = [f"### {self.title}", "", _line(self.columns), "|---" * len(self.columns) + "|"]
        return "\n".join([*lines, *(_line([shown(cell) for cell in row]) for row in self.rows)]) + "\n"


def shown(cell: Cell) -> str:
    """A cell for people: three significant digits of a fraction, a dash for what was not measured."""
    if cell is None:
        return "-"
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"


def write_report(name: str, conditions: Conditions, tables: Sequence[Table], output: Path) -> str:
    """Write `NAME.json` and `NAME.md`; returns the Markdown.

    Args:
        name: of the benchmark.
        conditions: what was measured, and how.
        tables: the figures.
        output: folder, made where it is missing.
    """
    output.mkdir(parents=True, exist_ok=True)
    found = {
        "benchmark": name,
        "conditions": asdict(conditions),
        "machine": machine(),
        "tables": {table.title: table.records() for table in tables},
    }
    (output / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    said = [f"- {label.replace('_', '-')}: {text}" for label, text in asdict(conditions).items()]
    page = "\n".join([f"## {name}", "", f"- machine: {machine_line()}", *said, "", *(t.markdown() for t in tables)])
    (output / f"{name}.md").write_text(page, encoding="utf-8")
    return page


def command_line(description: str | None, rounds: int = 5) -> argparse.ArgumentParser:
    """The options that every benchmark has.

    Args:
        description: the module's docstring.
        rounds: default number of measured rounds.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=positive, default=rounds, help="measured rounds, whose median counts")
    parser.add_argument("--limit", type=positive, help="images of each set at most, for a quick look")
    parser.add_argument("--output", type=Path, default=BUILD, help="folder of the JSON, Markdown and plots")
    return parser


def positive(text: str) -> int:
    """An argument that counts something.

    Raises:
        argparse.ArgumentTypeError: it is no whole number from 1 on.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

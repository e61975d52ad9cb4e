"""Builds an engine of every network of the catalog, and writes what came of it.

`python -m docs.write_engines` builds what the page does not hold; with names it builds those networks anew. The page is
the record. All of them take the better part of an hour, and so this is no part of `make docs`.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/tensorrt-engines.md"
_MIB = 1 << 20
_SIZES = {
    "published": (
        "At published size",
        "The profile is that of `models build --engine tensorrt`. The default networks are themselves; of NVIDIA's, "
        "whose weights are not here, a stand-in has the file's inputs, outputs and quirks, but few layers. Versions "
        "with the same stand-in share a build.",
    ),
    "small": (
        "Small",
        "Batches to 2; the default networks whole, with the smallest inputs; NVIDIA's as graphs of a few nodes.",
    ),
}


_FIRST = "Written by `python -m docs.write_engines`, with "
_LOAD = re.compile(r"a load of (\d+) to (\d+),")
_ROW = re.compile(
    r"\| (?P<kind>\w+) `(?P<name>[^`]+)`(?: \((?P<stand_ins>\d+) plugin nodes\))? \| (?P<precision>\w+) \| "
    r"(?P<layers>\d+) \| (?P<cells>.+) \|"
)
_BUILT = re.compile(r"([\d.]+), ([\d.]+) s")
_NOT_BUILT = "not built"


@dataclass(frozen=True)
class Key:
    """Of a cell."""

    size: str
    kind: str
    name: str
    precision: str
    capability: str


@dataclass(frozen=True)
class Cell:
    """What the builder said: an engine, or why there is none."""

    stand_ins: int
    layers: int
    mib: float = 0.0
    seconds: float = 0.0
    reason: str = ""

    def __str__(self) -> str:
        return self.reason or f"{self.mib:.1f}, {self.seconds:.1f} s"


@dataclass(frozen=True)
class Record:
    """What the page holds."""

    builder: str
    loads: tuple[float, ...]
    cells: dict[Key, Cell]


def main(names: list[str]) -> None:
    """Build what the page does not hold, and the named networks anew; write the page after every engine."""
    sys.path[:0] = [str(ROOT / folder) for folder in ("tests/twins", "tests/deploy", "tests/deploy/networks")]
    import pytest  # noqa: PLC0415 - its monkeypatch places the stand-ins
    from engine_matrix import CAPABILITIES, NETWORKS, PRECISIONS, SIZES, wanted  # noqa: PLC0415 - of the tests
    from twin_files import place_twins  # noqa: PLC0415

    from ocdrnet_deploy.repository.builder_check import check_build  # noqa: PLC0415

    if unknown := set(names) - {name for _, name in NETWORKS}:
        sys.exit(f"{', '.join(sorted(unknown))}: not in the catalog")
    capabilities = list(CAPABILITIES)
    record = read_page(PAGE.read_text(encoding="utf-8"), capabilities) if PAGE.exists() else Record("", (), {})
    keys = [
        Key(size, kind, name, precision, capability)
        for size in SIZES
        for kind, name in NETWORKS
        for precision in PRECISIONS
        for capability in CAPABILITIES
    ]
    built: dict[str, Cell] = {}  # by the digest of what was asked: versions may differ in their weights alone
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        place_twins(Path(folder), patch)
        for key in keys:
            if key in record.cells and key.name not in names:
                continue
            engine = wanted(key.kind, key.name, key.precision, key.size, Path(folder))
            asked = f"{engine.shapes} {key.capability}".encode() + engine.model.SerializeToString()
            digest = hashlib.sha256(asked).hexdigest()
            builder, loads = record.builder, record.loads
            if digest not in built:
                found = check_build(engine, key.capability)
                reason = "; ".join([*map(str, found.refusals), *found.errors, *found.differences])
                mib = found.engine_bytes / _MIB
                built[digest] = Cell(len(found.stand_ins), found.layers, mib, found.seconds, reason)
                builder, loads = found.builder, (*loads, os.getloadavg()[0])
            cells = {each: record.cells[each] for each in keys if each in record.cells} | {key: built[digest]}
            record = Record(builder, loads, {each: cells[each] for each in keys if each in cells})
            PAGE.write_text(page(record, capabilities), encoding="utf-8")


def page(record: Record, capabilities: list[str]) -> str:
    """The page in Markdown, with what was built so far."""
    accepted = sum(not cell.reason for cell in record.cells.values())
    lines = [
        "# Engines that NVIDIA's builder made of the catalog",
        "",
        f"{_FIRST}{record.builder}, on {os.cpu_count()} "
        f"CPU cores without a GPU, beside other work: a load of {min(record.loads):.0f} to {max(record.loads):.0f}, so "
        "that an idle machine takes a fraction of these seconds. What an engine that was built proves, and what not: "
        "[tensorrt.md](tensorrt.md#without-a-gpu).",
        "",
        f"{accepted} of {len(record.cells)} were accepted: parsed, with all shapes of the profile and the config that "
        "Triton gets, and built. A cell has the engine's MiB and the seconds of parsing and building.",
    ]
    for size, (title, about) in _SIZES.items():
        rows = dict.fromkeys((key.kind, key.name, key.precision) for key in record.cells if key.size == size)
        if not rows:
            continue
        lines += ["", f"## {title}", "", about, ""]
        lines += [
            f"| network | precision | layers | {' | '.join(capabilities)} |",
            "|---" * (3 + len(capabilities)) + "|",
        ]
        for row in rows:
            found = [record.cells.get(Key(size, *row, capability)) for capability in capabilities]
            first = next(cell for cell in found if cell)
            mark = f" ({first.stand_ins} plugin nodes)" if first.stand_ins else ""
            cells = " | ".join(str(cell or _NOT_BUILT) for cell in found)
            lines.append(f"| {row[0]} `{row[1]}`{mark} | {row[2]} | {first.layers} | {cells} |")
    return "\n".join(lines) + "\n"


def read_page(text: str, capabilities: list[str]) -> Record:
    """What a page that `page` wrote holds."""
    head = next(line for line in text.splitlines() if line.startswith(_FIRST))
    load = _LOAD.search(head)
    cells: dict[Key, Cell] = {}
    size = ""
    for line in text.splitlines():
        size = next((name for name, (title, _) in _SIZES.items() if line == f"## {title}"), size)
        row = _ROW.fullmatch(line)
        if row is None:
            continue
        for capability, cell in zip(capabilities, row["cells"].split(" | "), strict=True):
            if cell == _NOT_BUILT:
                continue
            took = _BUILT.fullmatch(cell)
            figures = (float(took[1]), float(took[2]), "") if took else (0.0, 0.0, cell)
            key = Key(size, row["kind"], row["name"], row["precision"], capability)
            cells[key] = Cell(int(row["stand_ins"] or 0), int(row["layers"]), *figures)
    loads = (float(load[1]), float(load[2])) if load else ()
    return Record(head.removeprefix(_FIRST).split(", on ")[0], loads, cells)


if __name__ == "__main__":
    main(sys.argv[1:])

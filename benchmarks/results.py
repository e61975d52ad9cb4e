"""The file of measured figures that README and docs show: one record for each set of images and instruction set.

A record is replaced when its set is measured again, so that a run may be split or repeated in parts.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.report import Table, shown

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
OURS = "ocdrnet"
NOT_MEASURED = "not measured"
WITH_AMX = "native"
QUIET = 0.03  # share of the processor time that other work may take on a machine that counts as quiet
# How many times faster the ensemble is to be than a reader on a CPU without AMX; on crops, than itself before they had
# a scale of their own.
_GOALS = {"rapidocr-openvino": 1.5, "rapidocr": 2.0, "faster-paddle": 2.0, "rapidocr-ng": 2.0, "turboocr": 2.0}
GOALS = {
    **dict.fromkeys(("photos", "receipts", "dense"), _GOALS),
    "crops": {f"{OURS}, detector_side=736": 5.0},
}
Record: TypeAlias = dict[str, Any]
COLUMNS = (
    *("reader", "images/s", "p50, ms", "p95, ms", "CPU s an image", "ocdrnet is faster by", "and takes less CPU by"),
    *("lines", "detection", "end to end", "words"),
)
KEYS = (
    *("reader", "images_per_second", "p50_ms", "p95_ms", "cpu_seconds", "times_faster", "times_less_cpu"),
    *("lines", "detection", "end_to_end", "words"),
)


def read_results(folder: Path) -> dict[str, Record]:
    """Records by `SET, ISA`; none where the file is missing."""
    path = folder / "pipeline.json"
    if not path.is_file():
        return {}
    records: dict[str, Record] = json.loads(path.read_text(encoding="utf-8"))["records"]
    return records


def key_of(name: str, isa: str) -> str:
    """Of a record."""
    return f"{name}, {isa}"


def write_record(folder: Path, record: Record, conditions: Mapping[str, str]) -> None:
    """Put a record into the file, in place of the one of its set and instruction set, and write the page anew."""
    folder.mkdir(parents=True, exist_ok=True)
    records = {**read_results(folder), key_of(record["set"], record["isa"]): record}
    found = {"benchmark": "pipeline", "conditions": dict(conditions), "records": records}
    (folder / "pipeline.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "pipeline.md").write_text(results_page(records.values(), conditions), encoding="utf-8")


def results_page(records: Iterable[Record], conditions: Mapping[str, str]) -> str:
    """Everything for people: Markdown."""
    records = list(records)
    said = [f"- {label.replace('_', '-')}: {text}" for label, text in conditions.items()]
    tables = [record_table(record).markdown() + "\n" + told(record) + "\n" for record in records]
    wanted = ["Goals:", "", *(goal.rstrip() for goal in goals(records)), ""]
    overview = [table.markdown() for table in overviews(records)]
    return "\n".join(["# pipeline", "", *said, "", *overview, *wanted, *tables])


def record_table(record: Record) -> Table:
    """All readers on one set."""
    rows = []
    for found in record["readers"]:
        if NOT_MEASURED in found:
            rows.append((f"{found['reader']} ({NOT_MEASURED}: {found[NOT_MEASURED]})", *[None] * (len(KEYS) - 1)))
        else:
            rows.append(tuple(found.get(key) for key in KEYS))
    title = f"{record['set']}, {record['isa']}: {record['timed']} of {record['images']} images of {record['source']}"
    return Table(title, COLUMNS, tuple(rows))


def told(record: Record) -> str:
    """When, where and how a record was measured."""
    machine = record["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured {record['measured']} at commit {record['commit']} in {record['rounds']} alternating rounds on "
        f"{machine['cpu']}, {machine['cores']} cores ({versions}). {shared(record)}"
    )


def shared(record: Record) -> str:
    """Whether the machine was quiet."""
    share = record["busy_elsewhere"]
    if share < QUIET:
        return "The machine was quiet."
    return (
        f"The machine was shared: other work took {share:.0%} of its processor time during the rounds, so images/s are "
        "too low; the ratios of CPU time say more."
    )


def overviews(records: Iterable[Record]) -> list[Table]:
    """Two tables for each instruction set, readers by sets: speed, and accuracy."""
    by_isa: dict[str, list[Record]] = {}
    for record in records:
        by_isa.setdefault(record["isa"], []).append(record)
    speed = "images/s of each reader; in brackets how many times faster ocdrnet is, by time and by CPU time"
    accuracy = "hmean of detection and end to end, and word F1; a dash where a reader has no boxes of words"
    return [
        _overview(f"{isa}: {title}", of_isa, cell)
        for isa, of_isa in by_isa.items()
        for title, cell in ((speed, _speed_cell), (accuracy, _accuracy_cell))
    ]


def _overview(title: str, records: list[Record], cell: Callable[[Record, str], str]) -> Table:
    names = dict.fromkeys(found["reader"] for record in records for found in record["readers"])
    rows = []
    for name in names:
        of_sets = [reader_of(record, name) for record in records]
        rows.append((name, *(cell(found, name) if found else None for found in of_sets)))
    return Table(title, ("reader", *(record["set"] for record in records)), tuple(rows))


def _speed_cell(found: Record, name: str) -> str:
    speed = shown(found["images_per_second"])
    return speed if name == OURS else f"{speed} ({found['times_faster']:.2f}, {found['times_less_cpu']:.2f})"


def _accuracy_cell(found: Record, _: str) -> str:
    figures = (found.get(name) for name in ("detection", "end_to_end", "words"))
    return " / ".join("-" if figure is None else f"{figure:.3f}" for figure in figures)


def goals(records: Iterable[Record]) -> list[str]:
    """What is wanted on a CPU without AMX, set by set, and whether it is met; on a shared machine by both measures."""
    said = []
    for record in records:
        if record["isa"] == WITH_AMX:
            continue
        for found in record["readers"]:
            wanted = GOALS.get(record["set"], {}).get(found["reader"])
            if wanted is None or NOT_MEASURED in found:
                continue
            reached = f"{found['times_faster']:.2f} x by time, {found['times_less_cpu']:.2f} x by CPU time"
            quiet = record["busy_elsewhere"] < QUIET
            counted = found["times_faster"] if quiet else min(found["times_faster"], found["times_less_cpu"])
            verdict = "met" if counted >= wanted else "short"
            said.append(f"- {record['set']}, {record['isa']}: {wanted:g} x {found['reader']}: {verdict}, {reached}\n")
    return said


def reader_of(record: Record, name: str) -> Record:
    """Figures of one reader; empty where it was not measured."""
    return next((found for found in record["readers"] if found["reader"] == name and NOT_MEASURED not in found), {})


def commit() -> str:
    """Of this checkout, `-dirty` where other files than the results differ from it; `unknown` outside a checkout."""
    name = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{RESULTS.relative_to(ROOT)}")
    return f"{name}-dirty" if name and changed else name or "unknown"


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout.strip()

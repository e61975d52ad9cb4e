"""Write the tables of speed and accuracy of README and docs/benchmarks.md from `benchmarks/results`: `make docs`.

`make bench` measures them. README shows one instruction set, the page all that were measured; and processor time, which
other work on the machine moves less than images a second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.report import shown
from benchmarks.results import OURS, RESULTS, Record, goals, key_of, overviews, read_results, reader_of, told

ROOT = Path(__file__).parents[1]
README, PAGE = ROOT / "README.md", ROOT / "docs" / "benchmarks.md"
ISA = "avx512-vnni"  # README's: what most servers have, without AMX
README_SETS = ("photos", "receipts", "dense")
SETS = {
    "photos": "street photos (ICDAR 2015)",
    "receipts": "receipts (SROIE)",
    "dense": "a dense page of 272 lines",
    "crops": "crops of one line, 16 to 100 pixels high",
    "a0": "a scan of A0 at 150 dpi",
}
READERS = {
    OURS: "ocdrnet",
    "rapidocr-openvino": "RapidOCR 3.10, OpenVINO",
    "faster-paddle": "faster-paddle 1.0.4",
    "rapidocr-ng": "rapidocr-ng 5.0.0a5",
    "turboocr": "TurboOCR 4.0.0a8",
}
_BEGIN = "<!-- speed: written by `make docs` from benchmarks/results -->\n"


def with_speed(page: str, text: str) -> str:
    """The page with a text between its mark and the next heading.

    Raises:
        ValueError: it has no place for it, or several.
    """
    pattern = re.escape(_BEGIN) + r".*?\n(?=##+ )"
    written, places = re.subn(pattern, lambda _: f"{_BEGIN}{text}\n", page, flags=re.DOTALL)
    if places != 1:
        raise ValueError("the page must hold the mark of its figures of speed once, before a heading")
    return written


def readme_text(records: Mapping[str, Record]) -> str:
    """README's sentence and table; of the sets that were measured with README's instruction set.

    Raises:
        ValueError: none was.
    """
    found = {name: records[key_of(name, ISA)] for name in README_SETS if key_of(name, ISA) in records}
    if not found:
        raise ValueError(f"benchmarks/results has nothing for {ISA}: run make bench")
    first = next(iter(found.values()))
    rows = [f"| {_counted(record, SETS[name])} | {' | '.join(_cells(record))} |\n" for name, record in found.items()]
    head = f"| seconds; word F1 | {' | '.join(READERS.values())} |\n|---|{'---|' * len(READERS)}\n"
    cpu = first["machine"]["cpu"].partition(" (")[0].replace("(R)", "").removesuffix(" Processor")
    link = "[all figures, and what is unfair](docs/benchmarks.md)"
    return f"Seconds of CPU an image, on an {cpu} limited to what one without AMX has; {link}.\n\n{head}{''.join(rows)}"


def _counted(record: Record, said: str) -> str:
    return said if record["images"] == 1 else f"{record['images']} {said}"


def _cells(record: Record) -> list[str]:
    cells = []
    for name in READERS:
        found = reader_of(record, name)
        words = f"; {found['words']:.3f}" if "words" in found else ""
        cells.append(f"{shown(found['cpu_seconds'])}{words}" if found else "not measured")
    return cells


def page_text(records: Mapping[str, Record]) -> str:
    """Tables of docs/benchmarks.md: one for each instruction set, and what each was measured on."""
    # Titles that are no headings: the text ends at the next heading.
    parts = [
        re.sub(r"^### (.*)$", r"**\1**", table.markdown(), flags=re.MULTILINE) for table in overviews(records.values())
    ]
    losses = [
        f"- {record['set']}, {record['isa']}: {found['reader']} is faster, {found['times_faster']:.2f} x by time and "
        f"{found['times_less_cpu']:.2f} x by CPU time.\n"
        for record in records.values()
        for found in record["readers"]
        if found.get("times_faster", 1) < 1 and not found["reader"].startswith(OURS)
    ]
    lost = "Where `ocdrnet` loses:\n\n" + "".join(losses) if losses else "`ocdrnet` is the fastest on each set.\n"
    wanted = "Goals on a CPU without AMX:\n\n" + "".join(goals(records.values()))
    when = "".join(f"- {record['set']}, {record['isa']}: {told(record)}\n" for record in records.values())
    return "\n" + "\n".join([*parts, lost, wanted, when])


def main() -> None:
    """Write both, where something was measured."""
    records = read_results(RESULTS)
    if not records:
        return
    for path, text in ((README, readme_text(records)), (PAGE, page_text(records))):
        path.write_text(with_speed(path.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()

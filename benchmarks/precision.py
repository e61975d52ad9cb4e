"""Repositories in other precisions beside each other, by kind of CPU: accuracy, CPU seconds, memory, time to load.

    python -m benchmarks.precision DIR DIR [--isa ALL AVX512_CORE_VNNI AVX2_VNNI AVX2] [--rounds 3] [--limit N]

Each DIR is a served repository for the CPU. A kind of CPU is a limit that oneDNN is set on this one
(`ONEDNN_MAX_CPU_ISA`): its kernels are that kind's, its caches, clock and memory are not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.image_sets import FOLDERS
from benchmarks.in_process import RECOGNIZED, Pair, Recorder, Trace, read_in_process
from benchmarks.report import Cell, Conditions, Table, command_line, write_report
from ocdrnet_evaluation.datasets import LAYOUTS, Case, Region, load_dataset
from ocdrnet_evaluation.figures import ImageResult, summarize
from ocdrnet_evaluation.scoring import score_regions
from ocdrnet_ops.cards import read_detector_card, read_recognizer_card
from ocdrnet_triton.engines.base import Placement
from ocdrnet_triton.engines.openvino import OpenVinoNetwork

ISAS = ("ALL", "AVX512_CORE_VNNI", "AVX2_VNNI", "AVX2")
LAYOUT_OF = {"photos": "icdar2015", "receipts": "sroie"}
COLUMNS = ("CPU limited to", "repository", "images", "CPU s", "detection", "end-to-end", "words", "load CPU s", "MiB")
CONDITIONS = Conditions(
    metric="CPU seconds of the process for all images, the median of the rounds; hmean, hmean and F1; CPU seconds and "
    "memory that opening both networks takes",
    warm_up="the first two images of each set",
    timer="from the encoded image to the lines, the steps of the server in one process and one thread of OpenVINO's",
    unfair="a limit on instructions makes no other CPU of this one. With ALL the floats are the CPU's own choice, with "
    "a limit 32 bits",
)


def main() -> None:
    """Run each kind of CPU in a process of its own, and write `precision.json` and `precision.md`."""
    parser = command_line(__doc__, rounds=3)
    parser.add_argument("repositories", nargs="+", type=Path, help="folders that `ocdrnet models build` made")
    parser.add_argument("--isa", nargs="+", choices=ISAS, default=list(ISAS))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(list(_rows(arguments))))
        return
    rows: list[tuple[Cell, ...]] = []
    for isa in arguments.isa:
        command = [sys.executable, "-m", "benchmarks.precision", *sys.argv[1:], "--worker", isa]
        # oneDNN reads the limit once, when it is loaded.
        limited = {**os.environ} | ({} if isa == "ALL" else {"ONEDNN_MAX_CPU_ISA": isa})
        done = subprocess.run(command, env=limited, check=False, stdout=subprocess.PIPE, encoding="utf-8")
        if done.returncode:  # OpenVINO 2026.4 dies of AVX2 alone on a CPU with AVX-512
            rows.append((isa, f"ended with {done.returncode}", *[""] * (len(COLUMNS) - 2)))
        else:
            rows += [tuple(row) for row in json.loads(done.stdout)]
    tables = [Table("Precision by kind of CPU", COLUMNS, tuple(rows))]
    print(write_report("precision", CONDITIONS, tables, arguments.output))


def _rows(arguments: argparse.Namespace) -> Iterator[tuple[Cell, ...]]:
    """Of one kind of CPU, all repositories in turn in each round."""
    isa = arguments.worker
    opened = {repository: _open(repository, "" if isa == "ALL" else "f32") for repository in arguments.repositories}
    for name, folder in FOLDERS.items():
        cases = load_dataset(LAYOUTS[LAYOUT_OF[name]], folder, folder.parent / "truth").cases[: arguments.limit]
        seconds: dict[Path, list[float]] = {repository: [] for repository in opened}
        figures: dict[Path, Any] = {}
        for each in range(arguments.rounds + 1):
            for repository, (pair, _, _) in opened.items():
                begin = time.process_time()
                results = [_result(case, pair, name) for case in (cases if each else cases[:2])]
                if each:
                    seconds[repository].append(time.process_time() - begin)
                    figures[repository] = summarize(results)
        for repository, (_, load_s, memory) in opened.items():
            found = figures[repository]
            scores = found["detection"]["hmean"], found["end_to_end"]["hmean"], found["bag_of_words"]["f1"]
            spent = statistics.median(seconds[repository])
            yield (isa, repository.name, f"{len(cases)} {name}", spent, *(f"{s:.3f}" for s in scores), load_s, memory)


def _open(repository: Path, precision: str) -> tuple[Pair, float, int]:
    """Its networks, the CPU seconds that they took to open, and the MiB."""
    detector, recognizer = repository / "ocdnet" / "1", repository / "ocrnet" / "1"
    begin, before, one = time.process_time(), _memory(), Placement(threads=1)
    pair = Pair(
        Recorder(OpenVinoNetwork(detector / "model.onnx", ["pred"], one, precision)),
        read_detector_card(detector / "card.json"),
        Recorder(OpenVinoNetwork(recognizer / "model.onnx", RECOGNIZED, one, precision)),
        read_recognizer_card(recognizer / "card.json"),
    )
    return pair, time.process_time() - begin, _memory() - before


def _memory() -> int:
    found = re.search(r"VmRSS:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) // 1024 if found else 0


def _result(case: Case, pair: Pair, name: str) -> ImageResult:
    trace = read_in_process(case.image.read_bytes(), pair)
    pair.detector.inputs.clear()
    pair.recognizer.inputs.clear()
    return ImageResult(case.name, case.image, score_regions(case.regions, _regions(trace, name)))


def _regions(trace: Trace, name: str) -> tuple[Region, ...]:
    """Words of photos, lines of receipts, as their truth has them."""
    lines = trace.lines
    texts, boxes = (lines.word_texts, lines.word_boxes) if name == "photos" else (lines.texts, lines.boxes)
    pairs: list[tuple[str, Any]] = list(zip(texts, boxes.tolist(), strict=True))
    return tuple(Region(text, tuple((x, y) for x, y in box)) for text, box in pairs)


if __name__ == "__main__":
    main()

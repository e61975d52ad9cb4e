"""DBNet post-processing against the usual Python with pyclipper, on real probability maps.

    python -m benchmarks.postprocess [--rounds 20] [--limit N] [--repository DIR]

Speed on maps of about 5, 50 and 300 boxes at three sizes; the boxes of both matched one to one; and the end-to-end
accuracy of the whole reading with either, where the set icdar2015-dev is at hand.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.box_matching import match_boxes
from benchmarks.image_sets import FOLDERS
from benchmarks.in_process import Pair, open_pair
from benchmarks.plots import bars
from benchmarks.probability_maps import ProbabilityMap, probability_maps
from benchmarks.report import Cell, Conditions, Table, command_line, write_report
from benchmarks.served_repository import add_repository_options, repository_of
from benchmarks.usual_postprocess import usual_boxes
from ocdrnet_ops.detection.dbnet import dbnet_settings, detect_boxes
from ocdrnet_triton.settings import prepare_process

PLACEMENT = np.array([0, 0, 1, 1], np.float32)  # the map's own pixels
CONDITIONS = Conditions(
    metric="milliseconds of one map, the median of alternating rounds; the ratio is the median of the rounds' ratios; "
    "intersection over union of matched boxes",
    warm_up="each timed call follows one of its own that is not timed: what ran before it has left its caches",
    timer="from the 8-bit map to boxes and scores, in one process with one OpenCV thread",
    unfair="the usual form scores over the rectangle, this project over the region's own pixels. The "
    "usual form clips in whole pixels, as pyclipper does, which moves the boxes of small print",
)


def main() -> None:
    """Run the benchmark and write `postprocess.json`, `postprocess.md` and a plot."""
    parser = command_line(__doc__, rounds=20)
    parser.add_argument("--no-accuracy", action="store_true", help="leave out the reading of icdar2015-dev")
    add_repository_options(parser)
    arguments = parser.parse_args()
    prepare_process()  # as every step of the served pipeline is: one OpenCV thread, memory kept
    with repository_of(arguments) as repository:
        pair = open_pair(repository)
        rows = [_compare(found, pair, arguments.rounds) for found in probability_maps(pair)]
        tables = [Table("Post-processing of one map", COLUMNS, (*rows, _together(rows)))]
        if not arguments.no_accuracy:
            tables.append(_accuracy(pair, arguments.limit))
    print(write_report("postprocess", CONDITIONS, tables, arguments.output))
    values = {f"{row[0]}, {row[1]} boxes": float(row[4] or 0) for row in rows}
    path: Path = arguments.output / "postprocess.png"
    bars(path, "DBNet post-processing: times faster than pyclipper per box", "times faster", values)


COLUMNS = (
    "map",
    "boxes",
    "ocdrnet_ops, ms",
    "usual, ms",
    "times faster",
    "matched",
    "mean IoU",
    "only in ocdrnet_ops",
    "only in usual",
)


def _compare(found: ProbabilityMap, pair: Pair, rounds: int) -> tuple[Cell, ...]:
    settings, (height, width) = dbnet_settings(pair.detector_card, {}), found.pixels.shape
    ours = partial(detect_boxes, found.pixels, PLACEMENT, (width, height), settings)
    usual = partial(usual_boxes, found.pixels, PLACEMENT, settings)
    matching = match_boxes(ours().boxes, usual()[0])
    own_ms, usual_ms = _alternate((ours, usual), rounds)
    faster = _ratio(usual_ms, own_ms)
    print(f"{height} x {width}, {found.boxes} boxes: {faster:.2f} x", file=sys.stderr, flush=True)
    return (
        f"{height} x {width}",
        found.boxes,
        statistics.median(own_ms),
        statistics.median(usual_ms),
        faster,
        len(matching.overlaps),
        statistics.mean(matching.overlaps) if matching.overlaps else None,
        matching.only_first,
        matching.only_second,
    )


def _together(rows: Sequence[tuple[Cell, ...]]) -> tuple[Cell, ...]:
    """Boxes of all maps: their number, how many are matched, the mean overlap of those."""
    boxes, matched, overlap, own, usual = ([float(row[column] or 0) for row in rows] for column in (1, 5, 6, 7, 8))
    mean = float(np.average(overlap, weights=matched)) if sum(matched) else None
    return "all", int(sum(boxes)), None, None, None, int(sum(matched)), mean, int(sum(own)), int(sum(usual))


def _ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """Median of the rounds' ratios."""
    return statistics.median(above / below for above, below in zip(slow, fast, strict=True))


def _alternate(calls: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Milliseconds of each call in each round, the calls taking turns, each once untimed before it."""
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for own, call in zip(taken, calls, strict=True):
            call()
            start = time.perf_counter()
            call()
            own.append((time.perf_counter() - start) * 1000)
    return taken


def _accuracy(pair: Pair, limit: int | None) -> Table:
    title = "End to end on icdar2015-dev, with either post-processing"
    columns = ("post-processing", "images", "detection hmean", "end-to-end hmean", "word F1", "character error rate")
    images = FOLDERS["photos"]
    if not images.is_dir():
        return Table(f"{title}: not measured, the set is not here", columns, ())
    from benchmarks.accuracy import accuracy_row  # noqa: PLC0415 - needs Shapely

    rows = [accuracy_row(name, images, pair, limit) for name in ("ocdrnet_ops", "usual")]
    return Table(title, columns, tuple(rows))


if __name__ == "__main__":
    main()

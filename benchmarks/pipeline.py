"""The served ensemble against OCR libraries in process, and against its own two networks alone, in one run.

    python -m benchmarks.pipeline [--sets photos receipts dense] [--rounds 5] [--limit N] [--charset latin]
        [--readers rapidocr rapidocr-openvino tesseract onnxtr limit] [--concurrency 1 2 4 8 16] [--images DIR]
        [--profile throughput]

Each reader reads all images once to warm up, then the readers take turns for `--rounds` rounds, so that a slow minute
of the machine falls on all of them. A ratio is the median of the rounds' ratios. With several requests in flight a
round is several passes, so that it measures a server that is kept busy, not how its queue fills and runs empty. The
limit has a round as long as the longest of these.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.image_sets import SETS, ImageSet, load_set
from benchmarks.peers import PEERS, networks_alone, peer, served
from benchmarks.plots import bars
from benchmarks.readers import ReaderError, ReaderProcess, Round, mean_round
from benchmarks.report import Cell, Conditions, Table, command_line, positive, write_report
from benchmarks.served_repository import add_repository_options, repository_of
from ocdrnet_deploy.server import TritonServer
from ocdrnet_evaluation.figures import percentile

LIMIT = "limit"
SUSTAINED = 8  # images a round at least for each of several requests in flight: the first and last few weigh little
CONDITIONS = Conditions(
    metric="images per second: images by the median round, which is at least 8 images for each of several requests "
    "in flight; latency of one image, p50 and p95 over all rounds; lines of the limit are crops",
    warm_up="each reader reads all images once; the limit searches its settings then",
    timer="from encoded bytes in hand to texts in hand; for the ensemble that includes gRPC, Triton's scheduling and "
    "every step; for the limit the two networks' jobs alone",
    unfair="the ensemble uses several processes, its peers one; all may use every core. Peers read one image at a "
    "time. RapidOCR's angle classifier is off; the ensemble turns doubtful lines and RapidOCR does not. "
    "Tesseract starts a process for each image, with its English data, and expects pages, not photos. Tesseract and "
    "OnnxTR have other networks",
)
COLUMNS = ("reader", "images/s", "p50, ms", "p95, ms", "lines", "one client is faster by", "share of the limit")


def main() -> None:
    """Run the benchmark and write `pipeline.json`, `pipeline.md` and plots."""
    parser = command_line(__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--images", type=Path, help="a folder of images of your own, instead of --sets")
    parser.add_argument("--readers", nargs="*", choices=(*PEERS, LIMIT), default=[*PEERS, LIMIT])
    parser.add_argument("--concurrency", nargs="+", type=positive, default=[1, 2, 4, 8, 16])
    add_repository_options(parser)
    arguments = parser.parse_args()
    names = ["own"] if arguments.images else arguments.sets
    sets = [load_set(name, arguments.limit, arguments.images) for name in names]
    with repository_of(arguments) as repository, TritonServer(repository, on_log=lambda _: None) as server:
        url = server.addresses.grpc_url
        tables = [
            _measured(found, _contenders(url, repository, arguments.concurrency, arguments.readers), arguments.rounds)
            for found in sets
        ]
    print(write_report("pipeline", CONDITIONS, tables, arguments.output))
    for found, table in zip(sets, tables, strict=True):
        values = {str(row[0]): row[1] for row in table.rows if isinstance(row[1], float)}
        bars(arguments.output / f"pipeline-{found.name}.png", table.title, "images per second", values)


@dataclass(frozen=True)
class Contender:
    """A reader, and how many requests it keeps in flight."""

    reader: ReaderProcess
    in_flight: int = 1


def passes_of(in_flight: int, pictures: int) -> int:
    """How often a round reads all images without a pause."""
    return 1 if in_flight == 1 else math.ceil(SUSTAINED * in_flight / pictures)


def _contenders(url: str, repository: Path, concurrency: Sequence[int], names: Sequence[str]) -> list[Contender]:
    """The ensemble with one request in flight first: the others are held against it."""
    counts = [1, *(count for count in concurrency if count != 1)]
    ours = [Contender(ReaderProcess(f"ocdrnet, {count} in flight", served, url, count), count) for count in counts]
    theirs = [ReaderProcess(name, peer, name) for name in names if name != LIMIT]
    if LIMIT in names:
        theirs.append(ReaderProcess(LIMIT, networks_alone, repository))
    return [*ours, *map(Contender, theirs)]


def _measured(images: ImageSet, contenders: Sequence[Contender], rounds: int) -> Table:
    with ExitStack() as stack:
        for contender in contenders:
            stack.callback(contender.reader.stop)
        readers = [contender.reader for contender in contenders]
        missing = {reader.name: reason for reader in readers if (reason := _warm_up(reader, images.images))}
        able = [contender for contender in contenders if contender.reader.name not in missing]
        taken = take_turns(able, images, rounds)
    title = f"{images.name}: {len(images.images)} images of {images.source}"
    rows = summary_rows(taken, len(images.images))
    not_measured = [(f"{name} (not measured: {reason})", *[None] * 6) for name, reason in missing.items()]
    return Table(title, COLUMNS, (*rows, *not_measured))


def _warm_up(reader: ReaderProcess, images: Sequence[bytes]) -> str | None:
    """Read everything once; answers why the reader cannot, where that is so."""
    try:
        reader.read(images)
    except ReaderError as error:
        return str(error)
    return None


def take_turns(contenders: Sequence[Contender], images: ImageSet, rounds: int) -> dict[str, list[Round]]:
    """Rounds of each reader by its name; they take turns."""
    measured: dict[str, list[Round]] = {contender.reader.name: [] for contender in contenders}
    passes = [passes_of(contender.in_flight, len(images.images)) for contender in contenders]
    for number in range(rounds):
        for contender, own in zip(contenders, passes, strict=True):
            name = contender.reader.name
            if name == LIMIT:  # it prepares the jobs of the list of images that it is asked to read
                taken = mean_round([contender.reader.read(images.images) for _ in range(max(passes))])
            else:
                taken = contender.reader.read(images.images, own)
            measured[name].append(taken)
            said = f"{images.name}, round {number + 1} of {rounds}: {name}: {taken.seconds:.2f} s for all images"
            print(said, file=sys.stderr, flush=True)
    return measured


def summary_rows(measured: dict[str, list[Round]], count: int) -> list[tuple[Cell, ...]]:
    """A row for each reader, as `COLUMNS` names it.

    Args:
        measured: rounds by reader, those of the ensemble with one request in flight first.
        count: of images.
    """
    ours = [taken.seconds for taken in next(iter(measured.values()))]
    limit = [taken.seconds for taken in measured.get(LIMIT, [])]
    rows: list[tuple[Cell, ...]] = []
    for name, rounds in measured.items():
        seconds = [taken.seconds for taken in rounds]
        latencies = [1000 * each for taken in rounds for each in taken.latencies]
        rows.append(
            (
                name,
                count / statistics.median(seconds),
                percentile(latencies, 0.5) if latencies else None,
                percentile(latencies, 0.95) if latencies else None,
                rounds[0].lines,
                median_ratio(seconds, ours),
                median_ratio(limit, seconds) if limit else None,
            )
        )
    return rows


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


if __name__ == "__main__":
    main()

"""The served ensemble against OCR libraries in process, in one run: writes the figures that README shows.

    python -m benchmarks.pipeline [--sets photos receipts dense crops a0] [--rounds 5] [--isa native avx512-vnni]
        [--resume] [--quick] [--readers rapidocr-openvino ... tesseract onnxtr limit] [--concurrency 1 8 16]
        [--images DIR] [--charset latin] [--profile throughput] [--lock FILE]

Each reader first reads all images of a set, which warms it up and is scored where the truth is known. Then the readers
take turns for `--rounds` rounds over some of the images, so that a slow minute of the machine falls on all of them. A
ratio is the median of the rounds' ratios. Every set is written as soon as it is measured; `--resume` leaves those that
the file holds for this commit already. `python -m benchmarks.separate_peers` installs the peers.

With several requests in flight a round is several passes, so that it measures a server that is kept busy, not how its
queue fills and runs empty. The limit has a round as long as the longest of these.
"""

from __future__ import annotations

import argparse
import fcntl
import math
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.cpu_time import machine_cpu_seconds
from benchmarks.image_sets import SETS, ImageSet, load_set
from benchmarks.isa import ISAS, limit_instructions
from benchmarks.machine import machine
from benchmarks.peers import PEERS, SAME_NETWORKS, networks_alone, peer, served
from benchmarks.readers import ReaderError, ReaderProcess, Reading, Round, mean_round
from benchmarks.report import BUILD, Conditions, command_line, positive
from benchmarks.results import (
    NOT_MEASURED,
    OURS,
    RESULTS,
    Record,
    commit,
    key_of,
    read_results,
    results_page,
    write_record,
)
from benchmarks.separate_peers import separate_versions
from benchmarks.served_repository import add_repository_options, repository_of
from ocdrnet_deploy.server import TritonServer
from ocdrnet_evaluation.datasets import WORD, Region
from ocdrnet_evaluation.figures import percentile
from ocdrnet_evaluation.scoring import Tally, score_regions
from ocdrnet_evaluation.text_distance import NONE

LIMIT = "limit"
SUSTAINED = 8  # images a round at least for each of several requests in flight: the first and last few weigh little
QUICK_IMAGES, QUICK_ROUNDS = 3, 2
# Settings that say more about a set: a crop enlarged as it was before crops were not, a plan without tiles.
VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {"crops": ({"detector_side": 736},), "a0": ({"tiling": "off"},)}
CONDITIONS = Conditions(
    metric="images per second: images by the median round, one request in flight unless the reader's name says more; "
    "latency of one image, p50 and p95 over all rounds; CPU: user and system time of all processes of a reader, Triton "
    "and its steps included; ratios: the median of the rounds' ratios. Accuracy is that of `ocdrnet eval`: hmean of "
    "detection (IoU > 0.5) and end to end, and word F1 wherever words stand; over all images of a set, not the timed "
    "ones alone; of words on photos, of lines elsewhere",
    warm_up="each reader reads all images once",
    timer="from encoded bytes in hand to texts in hand; for the ensemble that includes gRPC, Triton's scheduling and "
    "every step; for the limit the two networks' jobs alone",
    unfair="the ensemble uses several processes, its peers one; all may use every core. The ensemble turns doubtful "
    "lines and images on their side, and gives boxes of words; its peers do not. RapidOCR's boxes of words are off "
    "when it is timed, and no peer has its angle classifier on. RapidOCR, rapidocr-ng, faster-paddle and TurboOCR have "
    "the same weights and their own default scales: those that shrink a large scan are fast and lose its small "
    "text, as the accuracy beside their speed shows. faster-paddle, rapidocr-ng and TurboOCR run in Python 3.12 in "
    "a child process that reads each image from a file in the page cache and answers in JSON, which costs them less"
    " than a millisecond an image. faster-paddle's outlines are upright rectangles, which costs it accuracy on "
    "slanted text. Peers without boxes of words have no detection and end to end on photos, and their word F1 there"
    " is of lines. faster-paddle and TurboOCR can read several images at once, which is not used. Tesseract starts "
    "a process for each image, with its English data, and expects pages, not photos; Tesseract and OnnxTR have "
    "other networks. `--isa` limits OpenVINO and rapidocr-ng alone; ONNX Runtime (RapidOCR's default, faster-"
    "paddle, TurboOCR) computes float32 without AMX anyway, but keeps AVX-512 under `avx2`. A newer CPU that is "
    "limited has faster caches and memory than an old one",
)


def main() -> None:
    """Run the benchmark and write `pipeline.json` and `pipeline.md`."""
    arguments = _arguments()
    names = ["own"] if arguments.images else arguments.sets
    for isa in arguments.isa:
        kept = read_results(arguments.output) if arguments.resume else {}
        wanted = [name for name in names if kept.get(key_of(name, isa), {}).get("commit") != commit()]
        if wanted:
            _run(arguments, isa, [load_set(name, arguments.limit, arguments.images) for name in wanted])
    written = read_results(arguments.output)
    print(results_page([written[key_of(name, isa)] for isa in arguments.isa for name in names], asdict(CONDITIONS)))


def _arguments() -> argparse.Namespace:
    parser = command_line(__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--images", type=Path, help="a folder of images of your own, instead of --sets")
    parser.add_argument("--isa", nargs="+", choices=ISAS, default=["native"], help="instructions that may be used")
    parser.add_argument("--readers", nargs="*", choices=(*PEERS, LIMIT), default=list(SAME_NETWORKS))
    parser.add_argument("--concurrency", nargs="+", type=positive, default=[1])
    parser.add_argument("--resume", action="store_true", help="leave what this commit's figures are there of")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds of {QUICK_IMAGES} images a set")
    parser.add_argument("--lock", type=Path, help="a file to lock in each round, so that two measurements take turns")
    add_repository_options(parser)
    parser.set_defaults(output=None)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.limit = QUICK_ROUNDS, QUICK_IMAGES
    if arguments.output is None:  # what is not the whole is no record
        whole = not (arguments.quick or arguments.limit or arguments.images or arguments.repository)
        arguments.output = RESULTS if whole else BUILD
    if arguments.repository and arguments.isa != ["native"]:
        parser.error("--isa changes the repository: leave --repository out, so that one is built")
    return arguments


def _run(arguments: argparse.Namespace, isa: str, sets: Sequence[ImageSet]) -> None:
    before = dict(os.environ)
    try:
        with repository_of(arguments) as repository:
            limit_instructions(isa, repository)
            with TritonServer(repository, on_log=lambda _: None) as server:
                for images in sets:
                    contenders = _contenders(server, repository, arguments, isa, images.name)
                    record = _measured(images, contenders, arguments) | {"isa": isa}
                    write_record(arguments.output, record, asdict(CONDITIONS))
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass(frozen=True)
class Contender:
    """A reader, and how many requests it keeps in flight."""

    reader: ReaderProcess
    in_flight: int = 1


def passes_of(in_flight: int, pictures: int) -> int:
    """How often a round reads all images without a pause."""
    return 1 if in_flight == 1 else math.ceil(SUSTAINED * in_flight / pictures)


def _contenders(
    server: TritonServer, repository: Path, arguments: argparse.Namespace, isa: str, images: str
) -> list[Contender]:
    """The ensemble with one request in flight first: the others are held against it."""
    assert server.pid is not None
    url, pid = server.addresses.grpc_url, server.pid
    counts = [1, *(count for count in arguments.concurrency if count != 1)]
    ours = [
        Contender(ReaderProcess(OURS if count == 1 else f"{OURS}, {count} in flight", served, url, count, pid), count)
        for count in counts
    ]
    for options in VARIANTS.get(images, ()):
        said = ", ".join(f"{name}={value}" for name, value in options.items())
        ours.append(Contender(ReaderProcess(f"{OURS}, {said}", served, url, 1, pid, options)))
    precision = ISAS[isa].precision
    theirs = [ReaderProcess(name, peer, name, precision) for name in arguments.readers if name != LIMIT]
    if LIMIT in arguments.readers:
        theirs.append(ReaderProcess(LIMIT, networks_alone, repository))
    return [*ours, *map(Contender, theirs)]


def _measured(images: ImageSet, contenders: Sequence[Contender], arguments: argparse.Namespace) -> Record:
    with ExitStack() as stack:
        for contender in contenders:
            stack.callback(contender.reader.stop)
        missing, accuracy = {}, {}
        for contender in contenders:
            name = contender.reader.name
            print(f"{images.name}: {name} reads all images", file=sys.stderr, flush=True)
            try:
                read = contender.reader.read(images.images, with_readings=True).readings
            except ReaderError as error:
                missing[name] = str(error)
            else:
                accuracy[name] = accuracy_of(images, read)
        able = [contender for contender in contenders if contender.reader.name not in missing]
        taken, busy_elsewhere = take_turns(able, images, arguments.rounds, arguments.lock)
    rows = [row | accuracy[row["reader"]] for row in summary(taken, len(images.timed))]
    found: dict[str, Any] = machine()
    return {
        "set": images.name,
        "source": images.source,
        "images": len(images.images),
        "timed": len(images.timed),
        "rounds": arguments.rounds,
        "measured": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "commit": commit(),
        "machine": found | {"versions": found["versions"] | separate_versions()},
        "busy_elsewhere": round(busy_elsewhere, 3),
        "readers": [*rows, *({"reader": name, NOT_MEASURED: reason} for name, reason in missing.items())],
    }


def accuracy_of(images: ImageSet, readings: Sequence[Reading]) -> dict[str, float]:
    """Detection, end to end and words, as `ocdrnet eval` has them; what cannot be told is left out.

    Args:
        images: with truths, or without.
        readings: of each image, or none.
    """
    if not images.truths or len(readings) != len(images.truths):
        return {}
    tells_words = images.level != WORD or all(reading.words is not None for reading in readings)
    regions = [_regions(reading, images.level) for reading in readings]
    if any(len(region.points) < 3 for found in regions for region in found):
        return {}
    scores = [score_regions(truth, found) for truth, found in zip(images.truths, regions, strict=True)]
    found = {"words": sum((score.words for score in scores), Tally()).hmean}
    if tells_words:
        found["detection"] = sum((score.detection or Tally() for score in scores), Tally()).hmean
        found["end_to_end"] = sum((score.end_to_end[NONE] for score in scores), Tally()).hmean
    return {name: round(value, 4) for name, value in found.items()}


def _regions(reading: Reading, level: str) -> tuple[Region, ...]:
    return reading.lines if level != WORD or reading.words is None else reading.words


def take_turns(
    contenders: Sequence[Contender], images: ImageSet, rounds: int, lock: Path | None = None
) -> tuple[dict[str, list[Round]], float]:
    """Rounds of each reader by its name; they take turns.

    Returns:
        The rounds, and the share of the machine's processor time that other work took meanwhile, 0 to 1.
    """
    measured: dict[str, list[Round]] = {contender.reader.name: [] for contender in contenders}
    pictures = images.timed
    passes = [passes_of(contender.in_flight, len(pictures)) for contender in contenders]
    elsewhere = all_seconds = 0.0
    for number in range(rounds):
        with _held(lock):
            for contender, own in zip(contenders, passes, strict=True):
                name, worked = contender.reader.name, machine_cpu_seconds()
                if name == LIMIT:  # it prepares the jobs of the list of images that it is asked to read
                    done = max(passes)
                    taken = mean_round([contender.reader.read(pictures) for _ in range(done)])
                else:
                    done = own
                    taken = contender.reader.read(pictures, own)
                elsewhere += max(0.0, machine_cpu_seconds() - worked - done * taken.cpu_seconds)
                all_seconds += done * taken.seconds * len(os.sched_getaffinity(0))
                measured[name].append(taken)
                said = f"{images.name}, round {number + 1} of {rounds}: {name}: {taken.seconds:.2f} s, "
                print(f"{said}{taken.cpu_seconds:.2f} s of CPU", file=sys.stderr, flush=True)
    return measured, min(1.0, elsewhere / all_seconds) if all_seconds else 0.0


@contextmanager
def _held(lock: Path | None) -> Iterator[None]:
    if lock is None:
        yield
        return
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def summary(measured: Mapping[str, Sequence[Round]], count: int) -> list[Record]:
    """A record for each reader.

    Args:
        measured: rounds by reader, those of the ensemble with one request in flight first.
        count: of images of a round.
    """
    ours = next(iter(measured.values()), [])
    limit = measured.get(LIMIT, [])
    records: list[Record] = []
    for name, rounds in measured.items():
        latencies = [1000 * each for taken in rounds for each in taken.latencies]
        found: Record = {
            "reader": name,
            "images_per_second": count / statistics.median(taken.seconds for taken in rounds),
            "p50_ms": percentile(latencies, 0.5) if latencies else None,
            "p95_ms": percentile(latencies, 0.95) if latencies else None,
            "cpu_seconds": statistics.median(taken.cpu_seconds for taken in rounds) / count,
            "times_faster": _median_ratio([taken.seconds for taken in rounds], [taken.seconds for taken in ours]),
            "times_less_cpu": _median_ratio(
                [taken.cpu_seconds for taken in rounds], [taken.cpu_seconds for taken in ours]
            ),
            "lines": rounds[0].lines,
        }
        if limit:
            found["of_limit"] = _median_ratio([taken.seconds for taken in limit], [taken.seconds for taken in rounds])
        records.append({key: _rounded(value) for key, value in found.items()})
    return records


def _median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Median of the rounds' ratios; 0 where nothing was used."""
    return statistics.median(a / b if b else 0.0 for a, b in zip(above, below, strict=True))


def _rounded(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()

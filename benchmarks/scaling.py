"""How the cost of an image grows with its size, its number of boxes, requests in flight, and instances of a network.

python -m benchmarks.scaling [--rounds 5] [--limit N] [--concurrency 1 2 4 8 16] [--instances 1 2]
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInstanceGroup

from benchmarks.drawn_images import drawn_lines, scaled
from benchmarks.image_sets import SAMPLES
from benchmarks.peers import served
from benchmarks.plots import lines
from benchmarks.readers import ReadAll
from benchmarks.report import Cell, Conditions, Table, command_line, positive, write_report
from benchmarks.served_repository import add_repository_options, repository_of
from ocdrnet_deploy.server import TritonServer

FACTORS = (0.5, 1.0, 1.5, 2.0, 3.0)
COUNTS = (0, 10, 20, 50, 100, 200)
PAGE = (1440, 2048)  # height and width of the page that the lines are drawn on
IMAGES = 8  # in a round of requests in flight
NETWORKS = ("ocdnet", "ocrnet")
CONDITIONS = Conditions(
    metric="images per second and milliseconds an image, the median of the rounds",
    warm_up="every image once at each setting",
    timer="from encoded bytes in hand to texts in hand, over gRPC",
    unfair="sizes are one sample photo scaled; lines are drawn and short. Instances share the cores of one machine, so "
    "their row shows what a second process of each network costs or gains here, not what a second machine gives",
)
COLUMNS = ("value", "images/s", "ms an image", "lines")


def main() -> None:
    """Run the benchmark and write `scaling.json`, `scaling.md` and plots."""
    parser = command_line(__doc__)
    parser.add_argument("--concurrency", nargs="+", type=positive, default=[1, 2, 4, 8, 16])
    parser.add_argument("--instances", nargs="+", type=positive, default=[1, 2])
    add_repository_options(parser)
    arguments = parser.parse_args()
    photo, rounds = (SAMPLES / "storefront.jpg").read_bytes(), arguments.rounds
    pictures = [photo] * min(IMAGES, arguments.limit or IMAGES)
    with repository_of(arguments) as repository:
        with TritonServer(repository, on_log=lambda _: None) as server:
            url = server.addresses.grpc_url
            one = served(url, 1)
            sizes = [_row(f, one, [scaled(photo, f)], rounds) for f in FACTORS[: arguments.limit]]
            boxes = [_row(n, one, [drawn_lines(*PAGE, n)], rounds) for n in COUNTS[: arguments.limit]]
            flight = [_row(n, served(url, n), pictures, rounds) for n in arguments.concurrency]
        counts = [_instances_row(n, repository, pictures, rounds) for n in arguments.instances]
    found = {"size factor": sizes, "lines drawn": boxes, "requests in flight": flight, "instances": counts}
    tables = [Table(name, COLUMNS, tuple(rows)) for name, rows in found.items()]
    print(write_report("scaling", CONDITIONS, tables, arguments.output))
    for name, rows in found.items():
        points = [(float(row[0] or 0), float(row[2] or 0)) for row in rows]
        path: Path = arguments.output / f"scaling-{name.replace(' ', '-')}.png"
        lines(path, f"Cost by {name}", (name, "ms an image"), {"ocdrnet": points})


def _row(value: float, read_all: ReadAll, images: Sequence[bytes], rounds: int) -> tuple[Cell, ...]:
    read_all(images, False)
    taken = [read_all(images, False) for _ in range(rounds)]
    seconds = statistics.median(each.seconds for each in taken) / len(images)
    return value, 1 / seconds, 1000 * seconds, taken[0].lines


def _instances_row(count: int, repository: Path, images: Sequence[bytes], rounds: int) -> tuple[Cell, ...]:
    with _with_instances(repository, count) as changed, TritonServer(changed, on_log=lambda _: None) as server:
        return _row(count, served(server.addresses.grpc_url, 2 * count), images, rounds)


@contextmanager
def _with_instances(repository: Path, count: int) -> Iterator[Path]:
    """A copy of the repository in which both networks have `count` instances."""
    with tempfile.TemporaryDirectory(prefix="ocdrnet-instances-") as folder:
        copy = copytree(repository, Path(folder) / "repository")
        for name in NETWORKS:
            file = copy / name / "config.pbtxt"
            file.write_text(with_instances(file.read_text(encoding="utf-8"), count), encoding="utf-8")
        yield copy


def with_instances(config: str, count: int) -> str:
    """A model's config with one group of `count` instances on the CPU instead of its own."""
    parsed = text_format.Parse(config, ModelConfig())
    del parsed.instance_group[:]
    parsed.instance_group.add(count=count, kind=ModelInstanceGroup.KIND_CPU)
    return str(text_format.MessageToString(parsed))


if __name__ == "__main__":
    main()

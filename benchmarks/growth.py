"""Memory of each process of a served repository over images of many sizes, and cost by pixels, lines and concurrency.

python -m benchmarks.growth [--images 5000] [--sizes 500] [--every 500] [--plot docs/images/growth.png]

Resident memory should be flat after the first thousand images: what is kept for each size of image is bounded. Shared
memory counts in each process that has touched it.
"""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from matplotlib.figure import Figure

from benchmarks.drawn_images import drawn_lines, scaled
from benchmarks.image_sets import SAMPLES
from benchmarks.machine import machine_line
from benchmarks.report import Conditions, Table, command_line, positive, write_report
from benchmarks.served_repository import add_repository_options, repository_of
from ocdrnet_client import Client
from ocdrnet_deploy.server import TritonServer

MIB = 1 << 20
FACTORS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
COUNTS = (0, 10, 20, 50, 100, 200)
IN_FLIGHT = (1, 2, 4, 8)
IMAGES = 8  # of a round of requests in flight
PAGE = (1440, 2048)  # height and width of the page that the lines are drawn on
CONDITIONS = Conditions(
    metric="MiB of resident memory of each process; milliseconds an image, the median of the rounds",
    warm_up="the server's own; each image of the costs once",
    timer="from encoded bytes in hand to texts in hand, over gRPC",
    unfair="sizes are drawn by chance, each as likely; real images come in fewer",
)
Points = Sequence[tuple[float, float]]


def image_sizes(count: int, seed: int = 1) -> list[tuple[int, int]]:
    """Heights and widths, even in their logarithms: 48 to 1600 pixels.

    Args:
        count: of sizes.
        seed: of what is drawn.
    """
    random_ = random.Random(seed)
    return [(round(48 * 33 ** random_.random()), round(48 * 33 ** random_.random())) for _ in range(count)]


def process_name(command: Sequence[str]) -> str:
    """What a process is, by its command line: a model's name, or the program's."""
    found = re.search(r"/([a-z_]+)/1/model\.py", " ".join(command))
    return found[1] if found else Path(command[0]).name if command else "?"


def resident(pid: int) -> dict[str, float]:
    """MiB of resident memory of a server and its children, by name; of those with the same name the largest."""
    held: dict[str, float] = {}
    server = psutil.Process(pid)
    for process in [server, *server.children(recursive=True)]:
        name = process_name(process.cmdline())
        held[name] = max(held.get(name, 0.0), process.memory_info().rss / MIB)
    return held


def grown(client: Client, pid: int, images: int, sizes: int, every: int) -> list[tuple[int, dict[str, float]]]:
    """Resident memory by process after so many images, from 0 on.

    Args:
        client: of the server.
        pid: of the server.
        images: in all.
        sizes: that take turns, in an order drawn by chance.
        every: images between two looks.
    """
    random_ = random.Random(2)
    drawn = [drawn_lines(height, width, max(1, height // 90)) for height, width in image_sizes(sizes)]
    found = [(0, resident(pid))]
    with ThreadPoolExecutor(2) as threads:
        for done in range(0, images, every):
            count = min(every, images - done)
            list(threads.map(client.read, random_.choices(drawn, k=count)))
            found.append((done + count, resident(pid)))
            print(f"{done + count} images: " + ", ".join(f"{k} {v:.0f}" for k, v in found[-1][1].items()), flush=True)
    return found


def cost(client: Client, image: bytes, rounds: int, in_flight: int = 1) -> float:
    """Milliseconds an image: the median of the rounds, after one that does not count."""
    count = 1 if in_flight == 1 else IMAGES
    taken = []
    with ThreadPoolExecutor(in_flight) as threads:
        for _ in range(rounds + 1):
            begin = time.perf_counter()
            list(threads.map(client.read, [image] * count))
            taken.append(1000 * (time.perf_counter() - begin) / count)
    return statistics.median(taken[1:])


def draw(path: Path, memory: Sequence[tuple[int, dict[str, float]]], costs: dict[str, Points]) -> None:
    """One page: memory by images above, and each cost below.

    Args:
        path: of the PNG file; its folder exists.
        memory: of `grown`.
        costs: points by what lies along x.
    """
    figure = Figure(figsize=(11, 8), layout="constrained")
    grid = figure.add_gridspec(2, len(costs))
    axes = figure.add_subplot(grid[0, :])
    for name in sorted(memory[-1][1], key=lambda name: -memory[-1][1][name]):
        points = [(images, held[name]) for images, held in memory if name in held]
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o", label=name)
    axes.set(xlabel="images read", ylabel="MiB resident", title="Memory of each process", ylim=(0, None))
    axes.legend(fontsize="small", ncols=2)
    axes.grid(alpha=0.3)
    for column, (name, series) in enumerate(costs.items()):
        axes = figure.add_subplot(grid[1, column])
        axes.plot([x for x, _ in series], [y for _, y in series], marker="o")
        axes.set(xlabel=name, ylabel="ms an image", ylim=(0, None))
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Run the benchmark; write `growth.json`, `growth.md` and the plot."""
    parser = command_line(__doc__)
    parser.add_argument("--images", type=positive, default=5000)
    parser.add_argument("--sizes", type=positive, default=500)
    parser.add_argument("--every", type=positive, default=500, help="images between two looks at the memory")
    parser.add_argument("--plot", type=Path, help="the page of plots; growth.png in the output folder where left out")
    add_repository_options(parser)
    given = parser.parse_args()
    photo, rounds = (SAMPLES / "storefront.jpg").read_bytes(), given.rounds
    print(machine_line(), flush=True)
    with (
        repository_of(given) as repository,
        TritonServer(repository, on_log=lambda _: None) as server,
        Client(server.addresses.grpc_url, timeout=120) as client,
    ):
        assert server.pid is not None
        costs: dict[str, Points] = {
            "megapixels": [(1.024 * factor**2, cost(client, scaled(photo, factor), rounds)) for factor in FACTORS],
            "lines": [(count, cost(client, drawn_lines(*PAGE, count), rounds)) for count in COUNTS],
            "requests in flight": [(count, cost(client, photo, rounds, count)) for count in IN_FLIGHT],
        }
        memory = grown(client, server.pid, given.images, given.sizes, given.every)
    names = sorted(memory[-1][1])
    rows = tuple((images, *(round(held.get(name, 0)) for name in names)) for images, held in memory)
    tables = [Table("Resident memory, MiB", ("images", *names), rows)]
    tables += [Table(f"Cost by {name}", (name, "ms an image"), tuple(points)) for name, points in costs.items()]
    print(write_report("growth", CONDITIONS, tables, given.output))
    draw(given.plot or given.output / "growth.png", memory, costs)


if __name__ == "__main__":
    main()

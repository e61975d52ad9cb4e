"""Where an image's time goes: each function alone, each Triton step, each process.

    python -m benchmarks.stages [--sets photos receipts dense] [--rounds 5] [--limit N] [--repository DIR]

Three tables for each set: the functions of `ocdrnet_ops`, called in this process on what they get in the pipeline; the
ensemble's steps by Triton's own counters, with the bytes that they take and give; CPU time of every server process.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from benchmarks.cpu_time import NETWORKS, SERVER, cpu_seconds, python_share, used_between
from benchmarks.image_sets import SETS, ImageSet, load_set
from benchmarks.in_process import Pair, Trace, open_pair, read_in_process
from benchmarks.plots import bars
from benchmarks.report import Conditions, Table, command_line, write_report
from benchmarks.served_repository import add_repository_options, repository_of
from benchmarks.step_bytes import step_bytes, tensor_bytes
from benchmarks.step_functions import median_ms, step_functions
from benchmarks.triton_statistics import StepTimes, step_times
from ocdrnet_client import Client
from ocdrnet_deploy.server import TritonServer
from ocdrnet_triton.settings import prepare_process

CONDITIONS = Conditions(
    metric="milliseconds of one image: median over rounds, mean over the images; CPU seconds by process",
    warm_up="every function once; the server reads all images once",
    timer="a function: its call alone. A step: Triton's counters. A process: user and system time, which Linux counts "
    "to 10 ms, over all images and rounds, one request in flight",
    unfair="CPU time of a network's process includes its Python glue: grouping and padding of crops, copies; "
    "`all Python steps` are the other stubs, without the server's own process. A tensor "
    "is copied once into a step's shared memory; what a step gives is copied into shared memory and out of it",
)


def main() -> None:
    """Run the benchmark and write `stages.json`, `stages.md` and plots."""
    parser = command_line(__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    add_repository_options(parser)
    arguments = parser.parse_args()
    sets = [load_set(name, arguments.limit) for name in arguments.sets]
    with repository_of(arguments) as repository:
        tables = [table for found in sets for table in _tables(found, repository, arguments.rounds)]
    print(write_report("stages", CONDITIONS, tables, arguments.output))
    for table in tables:
        if "CPU" in table.title:
            values = {str(row[0]): float(row[1] or 0) for row in table.rows}
            name = "stages-" + table.title.split(":")[0] + ".png"
            bars(arguments.output / name, table.title, "CPU milliseconds an image", values)


def _tables(images: ImageSet, repository: Path, rounds: int) -> Iterator[Table]:
    print(f"{images.name}: functions", file=sys.stderr, flush=True)
    pair = open_pair(repository)
    prepare_process()  # as in a stub
    traces = [read_in_process(image, pair) for image in images.images]
    yield _function_table(images.name, traces, pair, rounds)
    del pair
    print(f"{images.name}: served", file=sys.stderr, flush=True)
    yield from _served_tables(images, repository, traces, rounds)


def _function_table(name: str, traces: Sequence[Trace], pair: Pair, rounds: int) -> Table:
    times: dict[tuple[str, str], list[float]] = {}
    for trace in traces:
        for step in step_functions(trace, pair):
            times.setdefault((step.model, step.name), []).append(median_ms(step.call, rounds))
    boxes = statistics.mean(len(trace.found.boxes) for trace in traces)
    rows = tuple((*key, sum(taken) / len(traces), max(taken)) for key, taken in times.items())
    title = f"{name}: functions of ocdrnet_ops, {len(traces)} images, {boxes:.1f} boxes each"
    return Table(title, ("step", "function", "ms an image", "slowest image, ms"), rows)


def _served_tables(images: ImageSet, repository: Path, traces: Sequence[Trace], rounds: int) -> Iterator[Table]:
    with TritonServer(repository, on_log=lambda _: None) as server, Client(server.addresses.grpc_url) as client:
        assert server.pid is not None
        for image in images.images:
            client.read(image)
        before, used = step_times(server.addresses.grpc_url), cpu_seconds(server.pid)
        for _ in range(rounds):
            for image in images.images:
                client.read(image)
        after, used = step_times(server.addresses.grpc_url), used_between(used, cpu_seconds(server.pid))
    spent = {name: times.since(before[name]) for name, times in after.items()}
    pictures = rounds * len(images.images)
    yield _step_table(images.name, spent, _mean_bytes(traces, repository), pictures)
    yield _cpu_table(images.name, used, pictures)


def _step_table(name: str, spent: dict[str, StepTimes], moved: dict[str, tuple[float, float]], pictures: int) -> Table:
    rows = []
    for model, times in spent.items():
        parts = (times.queue_ns, times.input_ns, times.infer_ns, times.output_ns)
        taken, given = moved.get(model, (None, None))
        rows.append((model, times.requests / pictures, *(part / 1e6 / pictures for part in parts), taken, given))
    columns = ("step", "requests", "queue, ms", "input, ms", "infer, ms", "output, ms", "bytes in", "bytes out")
    return Table(f"{name}: Triton's steps, each image", columns, tuple(rows))


def _cpu_table(name: str, used: dict[str, float], pictures: int) -> Table:
    total, order = sum(used.values()), sorted(used, key=used.__getitem__, reverse=True)
    rows = [(model, used[model] * 1000 / pictures, 100 * used[model] / total if total else 0.0) for model in order]
    steps = sum(used[model] for model in used if model not in (SERVER, *NETWORKS))
    rows.append(("all Python steps", steps * 1000 / pictures, 100 * python_share(used)))
    return Table(f"{name}: CPU time by process", ("process", "CPU ms an image", "% of all"), tuple(rows))


def _mean_bytes(traces: Sequence[Trace], repository: Path) -> dict[str, tuple[float, float]]:
    config = text_format.Parse((repository / "ocdrnet" / "config.pbtxt").read_text(encoding="utf-8"), ModelConfig())
    moved = [step_bytes(tensor_bytes(trace), config.ensemble_scheduling) for trace in traces]
    return {
        model: (statistics.mean(m[model][0] for m in moved), statistics.mean(m[model][1] for m in moved))
        for model in moved[0]
    }


if __name__ == "__main__":
    main()

"""Each network alone by batch size: on the CPU's engines, or built plans through `trtexec` on a machine with a GPU.

    python -m benchmarks.networks [--rounds 5] [--batches 1 2 4 8 16] [--repository DIR] [--plan FILE --input SHAPE]

With `--plan` the plan is run at each batch size, `--input 736x1280x3` being the shape of one input; NVIDIA's published
table is printed beside it. Without it the networks of a served repository run on OpenVINO and ONNX Runtime.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.plots import lines
from benchmarks.report import Cell, Conditions, Table, command_line, positive, write_report
from benchmarks.served_repository import add_repository_options, repository_of
from benchmarks.trtexec_output import parse_performance
from ocdrnet_deploy.errors import DeployError
from ocdrnet_deploy.planning.gpu_speed import PUBLISHED, SOURCE
from ocdrnet_deploy.tensorrt.machine import find_trtexec
from ocdrnet_triton.engines.base import Network
from ocdrnet_triton.engines.factory import open_network

ENGINES = ("openvino", "onnxruntime")
INPUTS = {"ocdnet": (736, 1280, 3), "ocrnet": (48, 320, 3)}  # a photo of 1280 x 720; a word or two
OUTPUTS = {"ocdnet": ("pred",), "ocrnet": ("output_id", "output_prob")}
COLUMNS = ("network", "input", "engine", "batch", "ms a batch", "images/s")
TRTEXEC_TIMEOUT_S = 600
CONDITIONS = Conditions(
    metric="milliseconds of one batch, the median of the rounds; images or crops per second",
    warm_up="one batch of the size; trtexec warms up for 200 ms by itself",
    timer="from 8-bit pixels to the network's outputs, normalization included; trtexec: the GPU's compute time, and "
    "its own throughput with copies",
    unfair="inputs are random pixels, which cost what images cost. NVIDIA's figures are of 640 x 640 inputs",
)


def main() -> None:
    """Run the benchmark and write `networks.json`, `networks.md` and a plot for each network."""
    parser = command_line(__doc__)
    parser.add_argument("--batches", nargs="+", type=positive, default=[1, 2, 4, 8, 16])
    parser.add_argument("--plan", type=Path, help="a TensorRT plan of this machine")
    parser.add_argument("--input", type=_shape, default=INPUTS["ocdnet"], help="HEIGHTxWIDTHx3 of the plan's input")
    add_repository_options(parser)
    arguments = parser.parse_args()
    rows = list(_plan_rows(arguments) if arguments.plan else _cpu_rows(arguments))
    tables = [Table("Networks by batch size", COLUMNS, tuple(rows)), published_table()]
    print(write_report("networks", CONDITIONS, tables, arguments.output))
    for name in dict.fromkeys(str(row[0]) for row in rows):
        series: dict[str, list[tuple[float, float]]] = {}
        for row in rows:
            if row[0] == name:
                series.setdefault(str(row[2]), []).append((float(row[3] or 0), float(row[5] or 0)))
        lines(arguments.output / f"networks-{name}.png", f"{name} alone", ("batch", "images per second"), series)


def published_table() -> Table:
    """NVIDIA's figures, a row for each GPU."""
    rows = [
        (speed.network, speed.batch, gpu, images)
        for speed in PUBLISHED
        for gpu, images in speed.images_per_second.items()
    ]
    return Table(f"Published ({SOURCE})", ("network", "batch", "GPU", "images/s"), tuple(rows))


def _cpu_rows(arguments: argparse.Namespace) -> Iterator[tuple[Cell, ...]]:
    with repository_of(arguments) as repository:
        for name, shape in INPUTS.items():
            for engine in ENGINES:
                settings = {"threads": "0", "streams": "1", "runtime": engine}
                network = open_network(repository / name / "1" / "model.onnx", OUTPUTS[name], settings)
                for batch in arguments.batches:
                    seconds = _seconds(network, (batch, *shape), arguments.rounds)
                    yield name, _said(shape), engine, batch, seconds * 1000, batch / seconds


def _seconds(network: Network, shape: tuple[int, ...], rounds: int) -> float:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    network.run([pixels])
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        network.run([pixels])
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _plan_rows(arguments: argparse.Namespace) -> Iterator[tuple[Cell, ...]]:
    try:
        trtexec = find_trtexec()
    except DeployError as error:
        raise SystemExit(str(error)) from None
    for batch in arguments.batches:
        shape = _said((batch, *arguments.input))
        command = [str(trtexec), f"--loadEngine={arguments.plan}", f"--shapes=input:{shape}"]
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TRTEXEC_TIMEOUT_S)
        found = parse_performance(run.stdout + run.stderr)
        speed = found.queries_per_second * batch
        yield arguments.plan.stem, _said(arguments.input), "TensorRT", batch, found.gpu_ms, speed


def _said(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+x\d+x3", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a shape such as 736x1280x3")
    return tuple(map(int, text.split("x")))


if __name__ == "__main__":
    main()

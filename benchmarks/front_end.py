"""Who decodes, scales and crops faster: OpenCV, or the front end for a GPU.

    python -m benchmarks.front_end [--sets photos receipts dense] [--gpu N] [--rounds 5] [--limit N]

The functions alone, one image after another in this process, on the boxes that the networks find. Without --gpu the
front end for a GPU works on CPU tensors, which says what tests cost, and no more.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.image_sets import SETS, ImageSet, load_set
from benchmarks.in_process import LIMITS, MAX_TILES, Pair, open_pair, read_in_process
from benchmarks.report import Conditions, Table, command_line, write_report
from benchmarks.served_repository import add_repository_options, repository_of

CONDITIONS = Conditions(
    metric="milliseconds and CPU milliseconds of one image: median over rounds, mean over the images",
    warm_up="every function once",
    timer="the function's call, and the GPU's work that it started; CPU time is that of this process, all threads",
    unfair="nothing else runs on the GPU; Triton's copies from model to model, which a GPU spares, are not counted",
)


def main() -> None:
    """Run the benchmark and write `front_end.json` and `front_end.md`."""
    parser = command_line(__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--gpu", type=int, help="CUDA's number of the GPU; CPU tensors where left out")
    add_repository_options(parser)
    arguments = parser.parse_args()
    # The module is made for Triton's stub, which alone has this one; nothing here asks it for a tensor.
    sys.modules.setdefault("triton_python_backend_utils", ModuleType("triton_python_backend_utils"))
    module = importlib.import_module("ocdrnet_triton.front_end")
    library: Any = np if arguments.gpu is None else importlib.import_module("cupy")
    if arguments.gpu is not None:
        library.cuda.Device(arguments.gpu).use()
    name = "CPU tensors" if arguments.gpu is None else f"GPU {arguments.gpu}"
    front_ends = {"OpenCV": module.OpenCvFrontEnd(), name: module.ArrayFrontEnd(library, arguments.gpu)}
    wait = (lambda: None) if arguments.gpu is None else library.cuda.Device(arguments.gpu).synchronize
    with repository_of(arguments) as repository:
        pair = open_pair(repository)
        sets = [load_set(each, arguments.limit) for each in arguments.sets]
        tables = [_table(images, pair, front_ends, wait, arguments.rounds) for images in sets]
    print(write_report("front_end", CONDITIONS, tables, arguments.output))


def _table(images: ImageSet, pair: Pair, front_ends: dict[str, Any], wait: Callable[[], None], rounds: int) -> Table:
    rows: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for data in images.images:
        boxes = read_in_process(data, pair).found.boxes
        for name, front_end in front_ends.items():
            pixels = front_end.decode_image(data, LIMITS).pixels
            seen = pixels, pair.detector_card, None, "auto", MAX_TILES
            calls: dict[str, Callable[[], Any]] = {
                "decode": partial(front_end.decode_image, data, LIMITS),
                "scale": partial(front_end.detector_tiles, *seen),
                "crop": partial(front_end.crop_lines, pixels, boxes, pair.recognizer_card),
            }
            for step, call in calls.items():
                rows.setdefault((name, step), []).append(_median_ms(call, wait, rounds))
    means = {key: np.mean(times, axis=0).round(2).tolist() for key, times in rows.items()}
    return Table(
        f"{images.name}: {len(images.images)} images",
        ("front end", "function", "ms", "CPU ms"),
        tuple((name, step, *means[name, step]) for name, step in rows),
    )


def _median_ms(call: Callable[[], Any], wait: Callable[[], None], rounds: int) -> tuple[float, float]:
    """Median of the duration and of the CPU time, after a call that does not count."""
    call()
    wait()
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        wait()
        walls.append(1000 * (time.perf_counter() - wall))
        cpus.append(1000 * (time.process_time() - cpu))
    return statistics.median(walls), statistics.median(cpus)


if __name__ == "__main__":
    main()

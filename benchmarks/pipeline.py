"""The served ensemble against RapidOCR in process, on the same images and the same weights.

    python -m benchmarks.pipeline [--images DIR] [--rounds 5] [--output build/benchmarks]

Metric: images per second, from encoded bytes in hand to texts in hand; for the ensemble that includes gRPC, Triton's
scheduling and every step. Each reader reads all images once to warm up, then the readers take turns for `--rounds`
rounds, so that a slow minute of the machine falls on all of them. A ratio is the median of the rounds' ratios.

What is unfair: the ensemble uses several processes, RapidOCR one; both may use every core. RapidOCR's `default` row is
its default engine, ONNX Runtime. Its angle classifier is off, because the ensemble has none either.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.machine import machine, machine_line
from benchmarks.readers import ReaderProcess, Round, rapidocr, served
from ocdrnet_deploy.networks.catalog import DEFAULT
from ocdrnet_deploy.repository.build import build_repository
from ocdrnet_deploy.server import TritonServer

PHOTOS = Path(__file__).parents[2] / "shared" / "eval" / "icdar2015-dev" / "images"
SAMPLES = Path(__file__).parents[1] / "samples"
OURS = "ocdrnet, 1 request in flight"


def main() -> None:
    """Run the benchmark and write `pipeline.json` and `pipeline.md`."""
    arguments = _arguments()
    images = [path.read_bytes() for path in _image_files(arguments.images)]
    rounds = _measure(images, arguments.rounds)
    result = _summary(rounds, len(images), arguments.images)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "pipeline.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    table = _markdown(result)
    (arguments.output / "pipeline.md").write_text(table, encoding="utf-8")
    print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=PHOTOS if PHOTOS.is_dir() else SAMPLES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"))
    return parser.parse_args()


def _image_files(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".tif"))
    if not files:
        raise SystemExit(f"no images in {folder}")
    return files


def _measure(images: list[bytes], rounds: int) -> dict[str, list[Round]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        build_repository(folder, DEFAULT, DEFAULT)
        url = stack.enter_context(TritonServer(folder)).addresses.grpc_url
        readers = [
            ReaderProcess(OURS, served, url, 1),
            ReaderProcess("ocdrnet, 4 requests in flight", served, url, 4),
            ReaderProcess("RapidOCR default (ONNX Runtime)", rapidocr, "onnxruntime"),
            ReaderProcess("RapidOCR OpenVINO", rapidocr, "openvino"),
        ]
        for reader in readers:
            stack.callback(reader.stop)
        for reader in readers:
            reader.read(images)
        return _take_turns(readers, images, rounds)


def _take_turns(readers: list[ReaderProcess], images: list[bytes], rounds: int) -> dict[str, list[Round]]:
    measured: dict[str, list[Round]] = {reader.name: [] for reader in readers}
    for number in range(rounds):
        for reader in readers:
            measured[reader.name].append(reader.read(images))
            seconds = measured[reader.name][-1].seconds
            print(f"round {number + 1} of {rounds}: {reader.name}: {seconds:.1f} s", file=sys.stderr, flush=True)
    return measured


def _summary(measured: dict[str, list[Round]], count: int, images: Path) -> dict[str, object]:
    ours = [taken.seconds for taken in measured[OURS]]
    rows = []
    for name, rounds in measured.items():
        seconds = [taken.seconds for taken in rounds]
        ratio = statistics.median(theirs / own for theirs, own in zip(seconds, ours, strict=True))
        rows.append(
            {
                "reader": name,
                "images_per_second": count / statistics.median(seconds),
                "seconds": seconds,
                "lines": rounds[0].lines,
                "ocdrnet_is_faster_by": ratio,
            }
        )
    return {
        "images": count,
        "folder": images.parent.name if images.name == "images" else images.name,
        "machine": machine(),
        "readers": rows,
    }


def _markdown(result: dict[str, object]) -> str:
    rows = result["readers"]
    assert isinstance(rows, list)
    lines = [
        f"{result['images']} images of {result['folder']}; {machine_line()}",
        "",
        "| reader | images/s (median) | lines read | ocdrnet, one request in flight, is faster by |",
        "|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['reader']} | {row['images_per_second']:.2f} | {row['lines']} "
            f"| {row['ocdrnet_is_faster_by']:.2f} x |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

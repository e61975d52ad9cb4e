"""docling: `python -m benchmarks.with_docling --docling PYTHON`; and what pixels cost beside a file.

PYTHON is an interpreter with docling (`tests/integration/docling-requirements.txt`). Drawn pages and PDFs of scans go
through docling's own pipeline, once with this server over gRPC and once with docling's RapidOCR, whose networks are the
default ones here; each reads everything once unmeasured, then `--rounds` times. CPU time is that of docling and of the
server together, which says more on a busy machine. Then the server alone is asked for one
image of 1024 x 768, in turns as a JPEG (`IMAGE`) and as pixels (`image`), one request at a time: wall time and CPU time
of all its processes for a request.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tritonclient.grpc as triton

from benchmarks.cpu_time import cpu_seconds
from benchmarks.documents import scan_of, scanned_page
from benchmarks.drawn_images import drawn_lines
from benchmarks.machine import machine_line
from benchmarks.served_repository import add_repository_options, repository_of
from ocdrnet_deploy.server import TritonServer

READER = Path(__file__).with_name("docling_reader.py")
ENGINES = ("kserve", "rapidocr")
SIZE = 768, 1024  # height, width of the one image
LINES = 20  # on it


def drawn_files(folder: Path, images: int, documents: int) -> list[Path]:
    """Pages as images, and PDFs of two scanned pages each."""
    files = []
    for number in range(images):
        files.append(folder / f"page-{number}.png")
        scanned_page(number).save(files[-1])
    for number in range(documents):
        files.append(folder / f"scan-{number}.pdf")
        files[-1].write_bytes(scan_of(2))
    return files


def by_docling(python: Path, server: TritonServer, files: list[Path], rounds: int) -> dict[str, Any]:
    """Seconds of a round of each engine, and how much of their texts is the same, by words."""
    seconds, cpu, words = {}, {}, {}
    assert server.pid
    for engine in ENGINES:
        options = {"url": server.addresses.grpc_url.removeprefix("grpc://")} if engine == "kserve" else {}
        before = sum(cpu_seconds(server.pid).values())
        settings = {"engine": engine, "options": options, "files": [str(file) for file in files], "rounds": rounds + 1}
        run = subprocess.run([python, READER, json.dumps(settings)], capture_output=True, text=True, check=False)
        answers = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
        if run.returncode or any(answer["status"] != "success" for answer in answers):
            raise SystemExit(run.stderr or answers)
        measured = answers[len(files) :]
        served = (sum(cpu_seconds(server.pid).values()) - before) / (rounds + 1)
        cpu[engine] = round(sum(answer["cpu_seconds"] for answer in measured) / rounds + served, 2)
        seconds[engine] = round(sum(answer["seconds"] for answer in measured) / rounds, 2)
        words[engine] = [
            word for answer in measured[: len(files)] for cell in answer["texts"] for word in cell["text"].split()
        ]
    ours, theirs = (set(words[engine]) for engine in ENGINES)
    return {
        "seconds_a_round": seconds,
        "cpu_seconds_a_round": cpu,
        "words": {engine: len(found) for engine, found in words.items()},
        "share_of_distinct_words_in_both": round(len(ours & theirs) / len(ours | theirs), 3),
    }


def file_and_pixels(server: TritonServer, requests: int) -> dict[str, Any]:
    """Milliseconds of a request, by wall and by CPU, as a file and as pixels."""
    file = cv2.imencode(".jpg", cv2.imdecode(np.frombuffer(drawn_lines(*SIZE, LINES), np.uint8), cv2.IMREAD_COLOR))[1]
    pixels = cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)[None]
    assert server.pid
    client, pid = triton.InferenceServerClient(server.addresses.grpc_url.removeprefix("grpc://")), server.pid

    def asks(model: str, name: str, value: np.ndarray[Any, Any], outputs: tuple[str, ...]) -> Callable[[], list[bytes]]:
        tensor = triton.InferInput(name, list(value.shape), "UINT8")
        tensor.set_data_from_numpy(value)
        wanted = [triton.InferRequestedOutput(output) for output in outputs]
        return lambda: list(client.infer(model, [tensor], outputs=wanted).as_numpy(outputs[0]))

    ways = {
        "IMAGE": asks("ocdrnet", "IMAGE", file.reshape(-1), ("TEXTS", "TEXT_SCORES", "BOXES")),
        "image": asks("ocr", "image", pixels, ("txts", "scores", "boxes")),
    }
    if ways["IMAGE"]() != ways["image"]():
        raise SystemExit("the file and its pixels were read differently")
    wall: dict[str, list[float]] = {name: [] for name in ways}
    used = dict.fromkeys(ways, 0.0)
    burst = 10  # requests between two looks at the CPU time, which the kernel counts in hundredths of a second
    for _ in range(max(1, requests // burst)):
        for name, ask in ways.items():
            before = sum(cpu_seconds(pid).values())
            for _ in range(burst):
                start = time.perf_counter()
                ask()
                wall[name].append(time.perf_counter() - start)
            used[name] += sum(cpu_seconds(pid).values()) - before
    return {
        "file_bytes": len(file),
        "pixel_bytes": pixels.size,
        "median_wall_ms": {name: round(1e3 * statistics.median(times), 2) for name, times in wall.items()},
        "cpu_ms": {name: round(1e3 * seconds / len(wall[name]), 2) for name, seconds in used.items()},
    }


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_repository_options(parser)
    parser.add_argument("--docling", type=Path, help="an interpreter with docling; left out where there is none")
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--documents", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--requests", type=int, default=200, help="of one image, in each form")
    given = parser.parse_args()
    report: dict[str, Any] = {"machine": machine_line()}
    with (
        repository_of(given) as repository,
        TritonServer(repository, on_log=lambda _: None) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        report["file_and_pixels"] = file_and_pixels(server, given.requests)
        if given.docling:
            files = drawn_files(Path(folder), given.images, given.documents)
            report["docling"] = by_docling(given.docling, server, files, given.rounds)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()

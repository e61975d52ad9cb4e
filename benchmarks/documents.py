"""Documents: `python -m benchmarks.documents --url grpc://... [--gateway http://...] [--pages 60] [--mutated 2000]`.

The pages of a drawn scan are read as single images, as one PDF by the client, and as one PDF by the gateway's stream,
in alternating rounds against the same server; the ratio of the medians is what a document costs. The most memory that
this process, the one that draws and, where its number is given, the gateway took above idle is told beside it.

With `--mutated N`, instead, N seeded PDFs with changed, lost and doubled bytes are opened and drawn under the gateway's
limits: what each ended in, the longest time, the most memory, and processes left.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from PIL import Image, ImageDraw, ImageFont

from benchmarks.machine import machine_line
from ocdrnet_client import Client
from ocdrnet_client.documents.opened import DocumentLimits, OpenDocument
from ocdrnet_client.errors import InvalidRequestError, RequestTimeoutError

MIB = 1 << 20
CONCURRENCY = 4  # the default of the client, and what the gateway has under way of one document
A4_AT_150_DPI = (1240, 1754)
GATEWAYS_LIMITS = DocumentLimits(memory=1 << 30, open_s=10, page_s=10, pixels=25_000_000)
_LINES = 32


def scanned_page(number: int) -> Image.Image:
    """A page of text with a little noise, another one for each number."""
    chance = random.Random(number)
    image = Image.effect_noise(A4_AT_150_DPI, 12).point(lambda level: min(255, level + 110))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(24)
    for row in range(_LINES):
        words = ("".join(chance.choices("abcdefghilmnoprstu", k=chance.randint(2, 9))) for _ in range(9))
        draw.text((120, 140 + 46 * row), " ".join(words), 20, font)
    return image


def scan_of(pages: int) -> bytes:
    """A PDF of scanned pages; those after the first twenty repeat."""
    images = [scanned_page(number) for number in range(min(pages, 20))]
    buffer = io.BytesIO()
    repeated = [images[number % len(images)] for number in range(pages)]
    repeated[0].save(buffer, "PDF", save_all=True, append_images=repeated[1:], resolution=150, quality=85)
    return buffer.getvalue()


@contextmanager
def peak_memory(*processes: psutil.Process) -> Iterator[dict[str, float]]:
    """The most resident memory, above that at the start, of each process with its children, in MiB."""
    found: dict[str, float] = {}
    over = threading.Event()
    idle = {process.pid: _resident(process) for process in processes}

    def watch() -> None:
        while not over.wait(0.05):
            for process in processes:
                name = f"{process.name()} {process.pid}"
                found[name] = max(found.get(name, 0.0), (_resident(process) - idle[process.pid]) / MIB)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield found
    finally:
        over.set()
        watching.join()


def _resident(process: psutil.Process) -> int:
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def streamed(gateway: str, data: bytes) -> int:
    """Pages that the gateway's stream held, read as they came."""
    host = urlsplit(gateway)
    connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=600)
    headers = {"accept": "application/x-ndjson", "content-type": "application/pdf"}
    connection.request("POST", "/v1/read?text_layer=ocr&dpi=150", data, headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(answer.read().decode())
    return sum("lines" in json.loads(line) for line in answer)


def compare(url: str, gateway: str, gateway_pid: int, pages: int, rounds: int) -> dict[str, object]:
    """Pages a second of each way, in alternating rounds."""
    data = scan_of(pages)
    with OpenDocument(data, dpi=150, text_layer="ocr") as document:
        images = [document.draw(number).image for number in document.numbers]
    watched = [psutil.Process(), *([psutil.Process(gateway_pid)] if gateway_pid else [])]
    with Client(url) as client, tempfile.TemporaryDirectory() as folder, peak_memory(*watched) as memory:
        path = Path(folder, "scan.pdf")
        path.write_bytes(data)

        def as_images() -> int:
            return sum(bool(each.page) for each in client.read_many(images, concurrency=CONCURRENCY))

        def as_document() -> int:
            found = client.read_document(path, dpi=150, text_layer="ocr", concurrency=CONCURRENCY)
            return sum(bool(each.page) for each in found.pages)

        ways: dict[str, Callable[[], int]] = {"single images": as_images, "document": as_document}
        if gateway:
            ways["gateway's stream"] = lambda: streamed(gateway, data)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, read in ways.items():
                begin = time.monotonic()
                if read() != pages:
                    raise SystemExit(f"{name}: not every page was read")
                if number:  # the first round warms up
                    seconds[name].append(time.monotonic() - begin)
    speeds = {name: pages / statistics.median(times) for name, times in seconds.items()}
    return {
        "machine": machine_line(),
        "pages": pages,
        "mib_of_file": round(len(data) / MIB, 1),
        "pages_per_s": {name: round(speed, 2) for name, speed in speeds.items()},
        "of_single_images": {name: round(speed / speeds["single images"], 3) for name, speed in speeds.items()},
        "mib_above_idle": {name: round(most) for name, most in memory.items()},
    }


def mutated(count: int, seed: int) -> dict[str, object]:
    """What seeded damage does."""
    sound, outcomes, slowest, most = scan_of(2), Counter[str](), 0.0, 0.0
    for number in range(count):
        chance = random.Random(seed * 1_000_003 + number)
        begin = time.monotonic()
        try:
            with OpenDocument(_damaged(sound, chance), dpi=72, limits=GATEWAYS_LIMITS) as document:
                outcomes["opened"] += 1
                for page in list(document.numbers)[:2]:
                    outcomes["page refused" if document.draw(page).error else "page drawn"] += 1
                most = max(most, *(child.memory_info().rss / MIB for child in psutil.Process().children()), 0.0)
        except RequestTimeoutError:
            outcomes["document over its time"] += 1
        except InvalidRequestError as error:
            outcomes["process ended" if "ended the process" in str(error) else "document refused"] += 1
        slowest = max(slowest, time.monotonic() - begin)
        if number % 100 == 99:
            print(f"{number + 1:,} of {count:,}", flush=True)
    return {
        "machine": machine_line(),
        "mutated": count,
        "seed": seed,
        "outcomes": dict(outcomes),
        "slowest_s": round(slowest, 1),
        "most_mib": round(most),
        "processes_left": len(psutil.Process().children()),
    }


def _damaged(sound: bytes, chance: random.Random) -> bytes:
    data = bytearray(sound)
    # Most bytes are of images; the structure is at the end.
    for _ in range(chance.randint(1, 40)):
        low = 0 if chance.random() < 0.3 else max(0, len(data) - 3000)
        data[chance.randrange(low, len(data))] = chance.randrange(256)
    if chance.random() < 0.2:
        del data[chance.randrange(len(data)) :]
    if chance.random() < 0.2:
        at = chance.randrange(max(1, len(data)))
        data[at:at] = data[at : at + chance.randint(1, 500)]
    data[:5] = b"%PDF-"  # else it is refused by its signature
    return bytes(data)


def main() -> None:
    """Compare, or damage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="grpc://127.0.0.1:8001", help="a running server")
    parser.add_argument("--gateway", default="", help="a gateway before the same server")
    parser.add_argument("--gateway-pid", type=int, default=0, help="its process, whose memory is watched")
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mutated", type=int, default=0, help="open so many damaged PDFs instead")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the report there")
    given = parser.parse_args()
    if given.mutated:
        report = mutated(given.mutated, given.seed)
    else:
        report = compare(given.url, given.gateway, given.gateway_pid, given.pages, given.rounds)
    print(json.dumps(report, indent=1))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

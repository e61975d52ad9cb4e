"""Documents: `python -m benchmarks.documents --url grpc://... [--gateway http://...] [--pages 60] [--mutated 2000]`.

The pages of a drawn scan are read as single images, as one PDF by the client, and as one PDF by the gateway's stream
and by a job of it, in alternating rounds against the same server; the ratio to single images is what a document costs,
by the clock and in CPU time of client, gateway and server. Beside it stands the most memory that this process with the
one that draws, and the gateway with its own, took above idle. On a busy machine start the server with the priority of
whatever else runs, or above: one that is starved of its CPU ends itself (`ocdrnet_triton.stall_guard`).

With `--corpus`, instead, the drawn PDFs of `document_corpus` are read and become searchable. A row for each says how
many of the words that stand on its pages were read, how many of those read PDFium and poppler find at our boxes (IoU
0.7 or more), whether the pages look as before, and what qpdf says. `--only NAME` takes some. With `--ocrmypdf` beside
it, OCRmyPDF checks each, too, and makes a PDF of it that it checks again.

With `--dpis 100,150,200,300`, instead, drawn scans of small and normal type are read at each of these, in one process
with the networks of `--repository`: words right, seconds of a CPU for drawing and for reading, bytes a page.

With `--ocrmypdf`, instead, OCRmyPDF makes the same twenty drawn scans searchable twice, with this server behind and
with Tesseract, its default: seconds, and how many of the words that stand on the pages PDFium finds in the output.

With `--mutated N`, instead, N seeded PDFs with changed, lost and doubled bytes are opened and drawn under the gateway's
limits: what each ended in, the longest time, the most memory, and processes left.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

import pikepdf
import psutil
import pypdfium2
from PIL import Image, ImageDraw, ImageFont

from benchmarks.document_checks import (
    complaints,
    count_found,
    ocrmypdf_complaints,
    same_pixels,
    share_right,
    words_by_pdfium,
    words_by_poppler,
)
from benchmarks.document_corpus import DrawnDocument, Scan, corpus, letter
from benchmarks.in_process import Pair, open_pair, read_in_process
from benchmarks.machine import machine_line
from ocdrnet_client import Client
from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.opened import DocumentLimits, OpenDocument
from ocdrnet_client.errors import InvalidRequestError, RequestTimeoutError

MIB = 1 << 20
CONCURRENCY = 4  # the default of the client, and what the gateway has under way of one document
A4_AT_150_DPI = (1240, 1754)
GATEWAYS_LIMITS = DocumentLimits(memory=1 << 30, open_s=10, page_s=10, pixels=25_000_000)
_LINES = 32
_DISTINCT = 20


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
    """A PDF of scanned pages; those after the first twenty repeat, and share their images with them."""
    images = [scanned_page(number) for number in range(min(pages, _DISTINCT))]
    buffer = io.BytesIO()
    images[0].save(buffer, "PDF", save_all=True, append_images=images[1:], resolution=150, quality=85)
    with pikepdf.open(buffer) as scan:
        for number in range(len(images), pages):
            scan.pages.append(scan.pages[number % len(images)])
        whole = io.BytesIO()
        scan.save(whole, deterministic_id=True)
    return whole.getvalue()


@contextmanager
def peak_memory(idle: dict[psutil.Process, int]) -> Iterator[dict[str, float]]:
    """The most resident memory, above so many bytes, of each process with its children, in MiB."""
    found: dict[str, float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            for process, bytes_idle in idle.items():
                name = "client" if process.pid == os.getpid() else "gateway"
                found[name] = max(found.get(name, 0.0), (_resident(process) - bytes_idle) / MIB)

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


@dataclass(frozen=True)
class _Drawn:
    """A scan as one PDF, and as an image of each of its pages."""

    pdf: bytes
    path: Path
    images: list[bytes]

    @classmethod
    def of(cls, pages: int, folder: Path) -> _Drawn:
        """A scan of so many pages, with its PDF in a folder."""
        data, path = scan_of(pages), folder / f"{pages}-pages.pdf"
        path.write_bytes(data)
        with OpenDocument(data, pages=f"1-{min(pages, _DISTINCT)}", dpi=150, text_layer="ocr") as document:
            images = [document.draw(number).image for number in document.numbers]
        return cls(data, path, [images[number % len(images)] for number in range(pages)])


def _streamed(gateway: str, scan: _Drawn) -> int:
    """Pages that the gateway's stream held, read as they came."""
    with _call(gateway, "POST", "/v1/read?text_layer=ocr&dpi=150&output=jsonl", scan.pdf) as answer:
        return sum("lines" in json.loads(line) for line in answer)


def _by_job(gateway: str, scan: _Drawn) -> int:
    """Pages that a job's result holds."""
    with _call(gateway, "POST", "/v1/jobs?text_layer=ocr&dpi=150", scan.pdf) as answer:
        job = f"/v1/jobs/{json.load(answer)['id']}"
    while True:
        with _call(gateway, "GET", job) as answer:
            state = json.load(answer)
        if state["status"] in ("done", "failed"):
            break
        time.sleep(0.1)
    with _call(gateway, "GET", f"{job}/result?output=jsonl") as answer:
        pages = sum("lines" in json.loads(line) for line in answer)
    with _call(gateway, "DELETE", job):
        return pages


@contextmanager
def _call(gateway: str, method: str, path: str, body: bytes = b"") -> Iterator[http.client.HTTPResponse]:
    host = urlsplit(gateway)
    connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=600)
    try:
        connection.request(method, path, body or None)
        answer = connection.getresponse()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {answer.read().decode()}")
        yield answer
    finally:
        connection.close()


def _ways(client: Client, gateway: str) -> dict[str, Callable[[_Drawn], int]]:
    """Each way to have a scan read; it tells how many pages were."""

    def as_images(scan: _Drawn) -> int:
        return sum(bool(each.page) for each in client.read_many(scan.images, concurrency=CONCURRENCY))

    def as_document(scan: _Drawn) -> int:
        found = client.read_document(scan.path, dpi=150, text_layer="ocr", concurrency=CONCURRENCY)
        return sum(bool(each.page) for each in found.pages)

    ways: dict[str, Callable[[_Drawn], int]] = {_IMAGES: as_images, "document": as_document}
    if gateway:
        ways["gateway's stream"] = partial(_streamed, gateway)
        ways["gateway's job"] = partial(_by_job, gateway)
    return ways


_IMAGES = "single images"


def compare(
    url: str, gateway: str, pids: list[int], pages: int, rounds: int, only: frozenset[str]
) -> dict[str, object]:
    """Pages a second, and CPU seconds a page, of each way, in alternating rounds.

    Args:
        url: of the server.
        gateway: before it; empty: none.
        pids: of the gateway, and of the server; the CPU time of both counts, and the gateway's memory.
        pages: of the scan.
        rounds: that count; one of a few pages comes before them.
        only: ways that are taken beside single images; all if it is empty.
    """
    here, *others = (psutil.Process(pid) for pid in (os.getpid(), *pids))
    seconds, cpu = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    memory: dict[str, dict[str, int]] = {}
    with Client(url) as client, tempfile.TemporaryDirectory() as folder:
        scan, warm_up = _Drawn.of(pages, Path(folder)), _Drawn.of(CONCURRENCY, Path(folder))
        ways = {name: way for name, way in _ways(client, gateway).items() if not only or name in {_IMAGES, *only}}
        idle = {process: _resident(process) for process in (here, *others[:1])}
        for way in ways.values():
            way(warm_up)
        for _ in range(rounds):
            for name, read in ways.items():
                begin, used = time.monotonic(), _cpu_s(here, *others)
                with peak_memory(idle) as most:
                    if read(scan) != pages:
                        raise SystemExit(f"{name}: not every page was read")
                seconds[name].append((time.monotonic() - begin) / pages)
                cpu[name].append((_cpu_s(here, *others) - used) / pages)
                memory[name] = {key: round(max(value, memory.get(name, {}).get(key, 0))) for key, value in most.items()}
                print(f"{name}: {1 / seconds[name][-1]:.2f} pages/s, {cpu[name][-1]:.3f} s of CPU, {memory[name]}")
    return {
        "machine": machine_line(),
        "pages": pages,
        "mib_of_file": round(len(scan.pdf) / MIB, 1),
        "pages_per_s": {name: round(1 / statistics.median(times), 2) for name, times in seconds.items()},
        "of_single_images": _against(seconds),
        "cpu_s_per_page": {name: round(statistics.median(times), 3) for name, times in cpu.items()},
        "of_single_images_by_cpu": _against(cpu),
        "mib_above_idle": memory,
    }


def _against(figures: dict[str, list[float]]) -> dict[str, float]:
    """Speed as a share of that of single images: the median of the rounds' shares."""
    return {
        name: round(statistics.median(a / b for a, b in zip(figures[_IMAGES], times, strict=True)), 3)
        for name, times in figures.items()
    }


def _cpu_s(*processes: psutil.Process) -> float:
    """CPU seconds so far of processes and their children, with those that have ended."""
    total = 0.0
    for process in processes:
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += sum(each.cpu_times()[:4])
    return total


@dataclass(frozen=True)
class Row:
    """What became of one PDF of the corpus.

    Attributes:
        name: of the PDF.
        pages: of the PDF.
        taken: pages whose own text was taken; no layer is written over these.
        right: words that stand on the pages and were read, and all.
        pdfium: words read that PDFium finds, and all that were read and written.
        poppler: likewise.
        is_same: whether the pages look as before.
        complaints: of qpdf.
        ocrmypdf: its complaints; `not asked` where it was not.
        seconds: for reading; for writing.
    """

    name: str
    pages: int = 0
    taken: int = 0
    right: tuple[int, int] = (0, 0)
    pdfium: tuple[int, int] = (0, 0)
    poppler: tuple[int, int] = (0, 0)
    is_same: bool = True
    complaints: str = ""
    ocrmypdf: str = "not asked"
    seconds: tuple[float, float] = (0, 0)

    def __str__(self) -> str:
        """A row of the Markdown table of `HEAD`."""
        if not self.pages:
            return f"| {self.name} | refused | | | | | | {self.complaints} | | |"
        shares = " | ".join(_share(*counts) for counts in (self.right, self.pdfium, self.poppler))
        same, valid = "same" if self.is_same else "CHANGED", self.complaints.partition("\n")[0] or "valid"
        times = f"{self.seconds[0]:.1f} + {self.seconds[1]:.1f} s"
        archived = self.ocrmypdf or "valid"
        return f"| {self.name} | {self.pages} | {self.taken} | {shares} | {same} | {valid} | {archived} | {times} |"


HEAD = """| PDF | pages | own text taken | words right | PDFium | poppler | pixels | qpdf | OCRmyPDF | read + written |
|---|---|---|---|---|---|---|---|---|---|"""


def _share(hits: int, count: int) -> str:
    return f"{hits} of {count}, {100 * hits / count:.1f} %" if count else "none"


def searchable_row(client: Client, document: DrawnDocument, by_ocrmypdf: bool) -> Row:
    """Read a PDF, write it as a searchable one, and look at that with other programs' eyes; OCRmyPDF's on demand."""
    data, truth = document.draw()
    begin = time.monotonic()
    try:
        found = client.read_document(data, password=document.password, concurrency=CONCURRENCY)
    except InvalidRequestError as error:
        return Row(document.name, complaints=str(error))
    middle = time.monotonic()
    with OpenDocument(data, password=document.password) as opened:
        written = opened.searchable(found.pages)
    end = time.monotonic()
    if failed := found.errors:
        raise SystemExit(f"{document.name}: {failed}")
    sizes = [(each.page.width, each.page.height) for each in found.pages if each.page]
    by_poppler = words_by_poppler(written, sizes, document.password)
    right, pdfium, poppler = [], [], []
    with pypdfium2.PdfDocument(written, password=document.password or None) as pdf:
        for each, words in zip(found.pages, truth, strict=True):
            right.append(share_right(words, _text(each)))
            if each.page and each.text_source == "ocr":
                seen = words_by_pdfium(pdf[each.number - 1], each.page.width, each.page.height)
                pdfium.append(count_found(each.page, seen))
                poppler.append(count_found(each.page, by_poppler[each.number - 1]))
    return Row(
        document.name,
        len(found.pages),
        sum(each.text_source == "text_layer" for each in found.pages),
        _summed(right),
        _summed(pdfium),
        _summed(poppler),
        is_same=same_pixels(data, written, document.password),
        complaints=complaints(written, document.password),
        ocrmypdf=ocrmypdf_complaints(written) if by_ocrmypdf else Row.ocrmypdf,
        seconds=(middle - begin, end - middle),
    )


def _summed(counts: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(hits for hits, _ in counts), sum(count for _, count in counts)


def read_corpus(url: str, only: frozenset[str], by_ocrmypdf: bool) -> dict[str, object]:
    """A row for each PDF, printed as it is done."""
    print(HEAD)
    rows = []
    with Client(url) as client:
        for document in corpus():
            if not only or document.name in only:
                rows.append(searchable_row(client, document, by_ocrmypdf))
                print(rows[-1], flush=True)
    totals = [_summed([getattr(row, name) for row in rows]) for name in ("right", "pdfium", "poppler")]
    print(f"| all | {sum(row.pages for row in rows)} | | {' | '.join(_share(*each) for each in totals)} | | | | |")
    return {"machine": machine_line(), "rows": [vars(row) for row in rows]}


_TYPE = {7: 56, 11: 36}  # points, and lines of a page


def compare_dpis(repository: Path, dpis: list[float], rounds: int) -> dict[str, object]:
    """A scan at 300 dpi for each size of type, read at each dpi, in turns.

    In one process, without a server: the seconds are those of all threads, which a busy machine changes little.
    """
    pair = open_pair(repository)
    scans, truth = {}, {}
    for points, lines in _TYPE.items():
        layout = partial(letter, size=points, lines=lines)
        drawn = DrawnDocument(f"type-{points}", ((layout, Scan(300)),))
        scans[points], truth[points] = drawn.draw()
    figures: dict[tuple[int, float], list[_Pass]] = defaultdict(list)
    for _, points, dpi in product(range(rounds), _TYPE, dpis):
        done = _read_at(pair, scans[points], truth[points], dpi)
        figures[points, dpi].append(done)
        print(points, dpi, done, flush=True)
    rows = [
        {
            "type_points": points,
            "dpi": dpi,
            "words_right": _share(*passes[0].right),
            "cpu_s_drawing": round(statistics.median(each.drawing for each in passes), 2),
            "cpu_s_reading": round(statistics.median(each.reading for each in passes), 2),
            "kib_a_page": passes[0].bytes >> 10,
        }
        for (points, dpi), passes in figures.items()
    ]
    return {"machine": machine_line(), "rows": rows}


@dataclass(frozen=True)
class _Pass:
    """A reading of a document at one dpi: words right of all; CPU seconds, and bytes, of a page."""

    right: tuple[int, int]
    drawing: float
    reading: float
    bytes: int


def _read_at(pair: Pair, data: bytes, truth: list[list[str]], dpi: float) -> _Pass:
    begin = os.times()
    # What has been waited for counts as children's: open and close take the same at each dpi.
    patient = DocumentLimits(open_s=600, page_s=600)  # on a busy machine
    with OpenDocument(data, dpi=dpi, text_layer="ocr", limits=patient) as document:
        images = [document.draw(number).image for number in document.numbers]
    middle = os.times()
    texts = ["\n".join(read_in_process(image, pair).lines.texts) for image in images]
    end = os.times()
    drawing = middle.children_user + middle.children_system - begin.children_user - begin.children_system
    reading = end.user + end.system - middle.user - middle.system
    right = _summed([share_right(words, text) for words, text in zip(truth, texts, strict=True)])
    return _Pass(right, drawing / len(images), reading / len(images), sum(map(len, images)) // len(images))


def _text(page: DocumentPage) -> str:
    return page.page.text if page.page else ""


# Twenty pages of an archive: letters good and poor, columns, tables, faxes, and some that lay askew.
_ARCHIVE = (
    ("letter-gray", 5),
    ("letter-poor-jpeg", 3),
    ("columns-scan", 3),
    ("table-scan", 2),
    ("fax-letter", 3),
    ("turned-minus-3", 2),
    ("form-scan", 2),
)


def archive() -> tuple[bytes, list[list[str]]]:
    """Twenty scanned pages, and the words of each."""
    named = {document.name: document for document in corpus()}
    pages, truth = [], []
    for name, count in _ARCHIVE:
        for seed in range(1, count + 1):
            data, words = replace(named[name], pages=named[name].pages[:1]).draw(seed)
            pages.append(data)
            truth += words
    with pikepdf.new() as whole:
        for data in pages:
            with pikepdf.open(io.BytesIO(data)) as part:
                whole.pages.extend(part.pages)
        file = io.BytesIO()
        whole.save(file, deterministic_id=True)
    return file.getvalue(), truth


def compare_ocrmypdf(url: str, rounds: int) -> dict[str, object]:
    """OCRmyPDF with this server and with Tesseract, in turns."""
    data, truth = archive()
    command = [str(Path(sys.executable).with_name("ocrmypdf")), "--quiet"]
    ways = {"ocdrnet": [*command, "--ocdrnet-url", url], "Tesseract": command}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, str] = {}
    # Else a variable of the shell names a server for Tesseract's turn, too.
    environment = {name: value for name, value in os.environ.items() if name != "OCDRNET_URL"}
    with tempfile.TemporaryDirectory() as folder:
        scans, output = Path(folder, "scans.pdf"), Path(folder, "searchable.pdf")
        scans.write_bytes(data)
        for _ in range(rounds):
            for name, start in ways.items():
                begin = time.monotonic()
                done = subprocess.run(
                    [*start, scans, output], check=False, capture_output=True, text=True, env=environment
                )
                seconds[name].append(time.monotonic() - begin)
                # 10: the PDF is valid, and no PDF/A.
                if done.returncode not in (0, 10):
                    raise SystemExit(f"{name}: OCRmyPDF ended with {done.returncode}: {done.stderr}")
                hits, count = _words_in(output, truth)
                found[name] = _share(hits, count)
    return {
        "machine": machine_line(),
        "pages": len(truth),
        "words_found": found,
        "seconds": {name: round(statistics.median(times), 1) for name, times in seconds.items()},
    }


def _words_in(path: Path, truth: list[list[str]]) -> tuple[int, int]:
    with pypdfium2.PdfDocument(path) as pdf:
        counts = []
        for page, words in zip(pdf, truth, strict=True):
            text = page.get_textpage().get_text_bounded()
            counts.append(share_right(words, text))
    return _summed(counts)


def mutated(count: int, seed: int) -> dict[str, object]:
    """What seeded damage does."""
    sound, outcomes, slowest, most = scan_of(2), Counter[str](), 0.0, 0.0
    started, used = time.monotonic(), os.times()
    for number in range(count):
        chance = random.Random(seed * 1_000_003 + number)
        begin = time.monotonic()
        try:
            with OpenDocument(_damaged(sound, chance), dpi=72, limits=GATEWAYS_LIMITS) as document:
                outcomes["opened"] += 1
                for page in list(document.numbers)[:2]:
                    outcomes["page refused" if document.draw(page).error else "page drawn"] += 1
                most = max(most, *(_most_resident(child.pid) / MIB for child in psutil.Process().children()), 0.0)
        except RequestTimeoutError:
            outcomes["document over its time"] += 1
        except InvalidRequestError as error:
            outcomes["process ended" if "ended the process" in str(error) else "document refused"] += 1
        slowest = max(slowest, time.monotonic() - begin)
        if number % 100 == 99:
            print(f"{number + 1:,} of {count:,}: {dict(outcomes)}", flush=True)
    wall, spent = time.monotonic() - started, os.times()
    cpu = sum(spent[:4]) - sum(used[:4])  # of this process and those that drew
    return {
        "machine": machine_line(),
        "mutated": count,
        "seed": seed,
        "outcomes": dict(outcomes),
        "s_per_file": round(wall / count, 2),
        "cpu_s_per_file": round(cpu / count, 2),
        "slowest_s": round(slowest, 1),
        "most_mib": round(most),
        "processes_left": len(psutil.Process().children()),
    }


def _most_resident(pid: int) -> int:
    """Bytes that a process had in memory at its peak; 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) << 10 if found else 0


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
    parser.add_argument("--gateway-pid", type=int, help="its process, whose memory and CPU time are watched")
    parser.add_argument("--server-pid", type=int, help="the server's, whose CPU time is counted")
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--corpus", action="store_true", help="read the drawn PDFs instead")
    parser.add_argument(
        "--only", action="append", default=[], help="of these, or of the ways, that of this name; repeatable"
    )
    parser.add_argument("--dpis", default="", help="such as 100,150,200,300: compare these instead")
    parser.add_argument("--repository", type=Path, default=Path("build/repository"), help="for --dpis")
    parser.add_argument("--ocrmypdf", action="store_true", help="compare OCRmyPDF with this server and with Tesseract")
    parser.add_argument("--mutated", type=int, default=0, help="open so many damaged PDFs instead")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the report there")
    given = parser.parse_args()
    report: dict[str, object]
    if given.corpus:
        report = read_corpus(given.url, frozenset(given.only), given.ocrmypdf)
    elif given.dpis:
        report = compare_dpis(given.repository, [float(dpi) for dpi in given.dpis.split(",")], given.rounds)
    elif given.ocrmypdf:
        report = compare_ocrmypdf(given.url, given.rounds)
    elif given.mutated:
        report = mutated(given.mutated, given.seed)
    else:
        pids = [pid for pid in (given.gateway_pid, given.server_pid) if pid]
        report = compare(given.url, given.gateway, pids, given.pages, given.rounds, frozenset(given.only))
    if not given.corpus:
        print(json.dumps(report, indent=1))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Seeded hostile inputs: `python -m benchmarks.hostile --inputs 100000 --seed 1 [--triton URL] [--json FILE]`.

Of every ten inputs six are images for the decoder, one is a set of options for their parser, each in a process that
may die, and three are HTTP requests to every route of a gateway on loopback. Behind that stands a reader that answers
at once; with `--triton` a share of the requests goes to a second gateway, which has that Triton. Each input has five
seconds, of CPU time where it is decoded; what takes longer is tried again alone, so that a busy machine is no finding.
What is found is kept in a folder, and `python -m benchmarks.hostile --replay NUMBER --seed SEED` tries it again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import psutil

from benchmarks import hostile_inputs
from benchmarks.machine import machine_line

DEADLINE_S = 5.0
HANGS_S = 600.0  # of the clock
PATIENCE = 4  # deadlines until a process that has not answered is ended
MIB = 1 << 20
# The chart's container; the gateway's own process has its part of it (ocdrnet_gateway.core.memory).
GATEWAY_BYTES, GATEWAY_BUDGET = 2048 * MIB, 1728 * MIB
DECODER_SLACK = 64 * MIB  # beside what the decoder promises: the allocator's, and small images' own objects
TRITON_SHARE = 0.02
CALLERS = 6
TRIES = 3  # of a request that took too long, once nothing else runs
SIGNED = 4  # upload URLs
LONGEST_MESSAGE = 2000  # gRPC drops an answer whose message is over 16 KiB
EXPECTED_5XX = {502, 503, 504, 507}  # documented: Triton failed, is away, or took too long; the store is full


@dataclass
class Tally:
    """What was seen, by kind of input; `findings` are what must not be."""

    inputs: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[dict[str, object]] = field(default_factory=list)
    slowest_s: dict[str, float] = field(default_factory=dict)
    decoder_peak: int = 0
    decoder_over: int = 0  # greatest excess over what an image's header promised
    retried: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, label: str, outcome: str, seconds: float) -> None:
        """Count one input."""
        self.inputs[f"{kind} {label}"] += 1
        self.outcomes[f"{kind}: {outcome}"] += 1
        self.slowest_s[kind] = max(self.slowest_s.get(kind, 0.0), seconds)


def rng(seed: int, number: int) -> random.Random:
    """By which input `number` is made."""
    return random.Random(f"{seed}/{number}")


def kind_of(number: int) -> str:
    """Which kind input `number` is."""
    return ("picture", "picture", "http", "picture", "options", "picture", "http", "picture", "picture", "http")[
        number % 10
    ]


# --- the decoder and the option parser, in a process of their own


def decoder_process(pipe: Connection, seed: int) -> None:
    """Answers each number with (label, outcome, CPU seconds, peak bytes, promised bytes, fault)."""
    from ocdrnet_ops.errors import ImageError, OptionError  # noqa: PLC0415
    from ocdrnet_ops.image.decode import ImageLimits, decode_image, image_file  # noqa: PLC0415 -- not in the parent
    from ocdrnet_ops.options import parse_request_parameters  # noqa: PLC0415

    def decode(data: bytes) -> tuple[str, int]:
        limits = ImageLimits()
        promised = len(data)
        try:
            promised += image_file(data, limits).decoding_bytes
            decode_image(data, limits)
        except ImageError as error:
            return _refused(str(error)), promised
        return "read", promised

    def parse(text: str) -> tuple[str, int]:
        try:
            parse_request_parameters(text)
        except OptionError as error:
            return _refused(str(error)), 0
        return "taken", 0

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the image libraries say there what they stumble over
    for warm in hostile_inputs.picture_seeds().values():
        decode(warm)
    while (number := pipe.recv()) is not None:
        random_ = rng(seed, number)
        label, made = hostile_inputs.picture(random_) if kind_of(number) == "picture" else ("", b"")
        text = "" if label else hostile_inputs.options_text(random_)
        before, fault = _peak(reset=True), ""
        begin = time.process_time()
        try:
            outcome, promised = decode(made) if label else parse(text)
        except BaseException:
            outcome, promised, fault = "traceback", 0, traceback.format_exc()
        seconds = time.process_time() - begin
        pipe.send((label or "any", outcome, seconds, _peak(), promised, fault, before))


def _refused(message: str) -> str:
    if len(message.splitlines()) != 1 or len(message) > LONGEST_MESSAGE:
        raise AssertionError(f"a message that no caller should get: {message[:5000]!r}")
    return "refused"


def _peak(*, reset: bool = False) -> int:
    """This process's greatest resident memory; since the last reset, where the kernel allows that (proc(5))."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    return _status("self", "VmHWM")


def _status(pid: int | str, name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


class DecoderProcess:
    """A process that decodes, and another one when it has died or hangs."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._start()

    def _start(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(
            target=decoder_process, args=(theirs, self._seed), daemon=True
        )
        self._process.start()
        theirs.close()

    def ask(self, number: int) -> tuple[str, str, float, int, int, str, int]:
        """What `decoder_process` answers, or what became of it."""
        self._pipe.send(number)
        outcome, begin, limit_s = "", time.monotonic(), self._cpu_s() + PATIENCE * DEADLINE_S
        while not self._pipe.poll(1.0):
            # By its CPU time: where the machine is busy with something else, it waits.
            if self._cpu_s() > limit_s or time.monotonic() - begin > HANGS_S:
                outcome = "hung"
                self._process.kill()
        if not outcome:
            try:
                answer: tuple[str, str, float, int, int, str, int] = self._pipe.recv()
            except (EOFError, ConnectionError):
                self._process.join()
                outcome = f"crash {self._process.exitcode}"
            else:
                return answer
        self._start()
        return "any", outcome, PATIENCE * DEADLINE_S, 0, 0, outcome, 0

    def _cpu_s(self) -> float:
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def end(self) -> None:
        """Let it end."""
        self._pipe.send(None)
        self._process.join(10)


def run_decoders(numbers: list[int], seed: int, tally: Tally, keep: Keeper, processes: int) -> None:
    """All images and options, each process with its own share."""

    def share(part: list[int]) -> None:
        decoder = DecoderProcess(seed)
        for number in part:
            label, outcome, seconds, peak, promised, fault, before = decoder.ask(number)
            again = seconds > DEADLINE_S and outcome != "hung"
            if again:
                label, outcome, seconds, peak, promised, fault, before = decoder.ask(number)
            with tally.lock:
                tally.retried += again
                tally.add(kind_of(number), label, outcome.partition(" ")[0], seconds)
                tally.decoder_peak = max(tally.decoder_peak, peak)
                if promised:
                    tally.decoder_over = max(tally.decoder_over, peak - before - promised)
                if fault or seconds > DEADLINE_S:
                    keep.finding(number, outcome if fault else "over the deadline", fault or f"{seconds:.1f} s of CPU")
                elif peak - before > promised + DECODER_SLACK:
                    keep.finding(number, "memory", f"{peak - before:,} bytes where {promised:,} were promised")
                keep.progress()
        decoder.end()

    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(share, [numbers[part::processes] for part in range(processes)]))


# --- the gateway


def serve_stand_in() -> None:
    """A gateway whose reader checks the options as the server does, and has one line for every image."""
    from ocdrnet_client import Line, Page  # noqa: PLC0415
    from ocdrnet_gateway.core.logs import configure_logs  # noqa: PLC0415
    from ocdrnet_gateway.server import GatewayServer  # noqa: PLC0415
    from ocdrnet_gateway.settings import load_settings  # noqa: PLC0415

    box = ((1.0, 1.0), (20.0, 1.0), (20.0, 9.0), (1.0, 9.0))

    class StandIn:
        async def read(self, image: bytes, options: object, *, request_id: str, deadline_s: float) -> Page:
            return Page(24, 16, (Line("Room 47", 0.9, box, 0.9),))

        async def is_ready(self) -> bool:
            return True

        async def close(self) -> None: ...

    settings = load_settings({"port": 0})
    configure_logs(settings.log_level)
    with GatewayServer(settings, StandIn()) as server:
        print(server.url, flush=True)
        sys.stdin.read()


class Gateway:
    """A gateway in a process of its own, with a log that is looked through at the end."""

    def __init__(self, folder: Path, name: str, triton: str = "") -> None:
        self.log = folder / f"{name}.log"
        settings = {"MEMORY_BYTES": str(GATEWAY_BUDGET), "STORE": str(folder / name), "DEADLINE_S": "4"}
        settings |= {"LOG_LEVEL": "warning", "PORT": "0", "STORE_MAX_BYTES": str(256 * MIB)}
        variables = os.environ | {f"OCDRNET_GATEWAY_{key}": value for key, value in settings.items()}
        command = [str(Path(sys.executable).with_name("ocdrnet")), "gateway", f"--triton={triton}"]
        if not triton:
            command = [sys.executable, "-m", "benchmarks.hostile", "--stand-in"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log.open("wb"), env=variables, text=True
        )
        assert self.process.stdout is not None
        found = re.search(r"http://(127\.0\.0\.1):(\d+)", self.process.stdout.readline())
        if found is None:
            raise SystemExit(f"the gateway did not start: {self.log.read_text()[-2000:]}")
        self.address = (found[1], int(found[2]))
        described = httpx.get(f"{found[0]}/openapi.json", trust_env=False).json()["paths"]
        self.routes = [(method, path) for path, methods in described.items() for method in methods]
        self.routes += [("get", "/page/{path}"), ("get", "/openapi.json"), ("get", "/{path}")]
        self.routes += [("put", self._upload_path(found[0])) for _ in range(SIGNED)]
        self.readings = [each for each in self.routes if each[1] in ("/v1/read", "/v1/cv/nvidia/ocdrnet")]

    def _upload_path(self, url: str) -> str:
        """Where one asset may be uploaded: without its signature no body is looked at."""
        made = httpx.post(f"{url}/v2/nvcf/assets", json={"contentType": "image/png"}, trust_env=False).json()
        return str(made["uploadUrl"]).removeprefix(url)

    @property
    def peak(self) -> int:
        """Its greatest resident memory, in bytes; 0 once it has ended."""
        return _status(self.process.pid, "VmHWM") if self.process.poll() is None else 0

    def ask(self, message: bytes, *, has_end: bool) -> tuple[str, bytes, float]:
        """Status, or what became of the connection; the answer's bytes; seconds."""
        begin, answer, limit_s = time.monotonic(), b"", PATIENCE * DEADLINE_S
        with socket.create_connection(self.address, timeout=limit_s) as connection:
            with suppress(OSError):  # refused before all of it was taken: the answer says why
                connection.sendall(message)
            try:
                if not has_end:
                    connection.settimeout(1.0)
                while part := connection.recv(1 << 16):
                    answer += part
            except TimeoutError:
                if has_end:
                    return "hung", answer, time.monotonic() - begin
                return "waits for the rest", answer, 0.0
            except ConnectionError:
                pass
        found = re.findall(rb"(?:^|\r\n\r\n)HTTP/1\.1 (\d{3})", answer[:4096])
        final = [status.decode() for status in found if not status.startswith(b"1")]
        return final[0] if final else "closed", answer, time.monotonic() - begin

    def end(self) -> None:
        """Stop it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(30)


def fault_of(status: str, answer: bytes, *, has_end: bool) -> str:
    """What is wrong with an answer; "" if nothing."""
    if b"Traceback (most recent call last)" in answer:
        return "traceback"
    if status == "hung" or (status == "closed" and has_end):
        return status
    if status.startswith("5") and int(status) not in EXPECTED_5XX:
        return f"status {status}"
    return ""


def run_requests(numbers: list[int], seed: int, tally: Tally, keep: Keeper, gateways: list[Gateway]) -> list[int]:
    """All HTTP requests, some at a time; returns those that took too long, to be tried again when nothing else runs."""
    late = []

    def one(number: int) -> None:
        status, seconds, fault, what, kind = request(number, seed, gateways)
        with tally.lock:
            tally.add(kind, what[0], status.partition(":")[0], seconds)
            if fault and fault != "hung":
                keep.finding(number, fault, f"{what[0]}: {status} after {seconds:.1f} s", what[1])
            elif seconds > DEADLINE_S or fault:
                late.append(number)
            keep.progress()

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(one, numbers))
    return late


def request(number: int, seed: int, gateways: list[Gateway]) -> tuple[str, float, str, tuple[str, bytes], str]:
    """Make and send one request: status, seconds, fault, route and bytes, kind."""
    random_ = rng(seed, number)
    is_real = len(gateways) > 1 and random_.random() < TRITON_SHARE * 3
    gateway = gateways[-1] if is_real else gateways[0]
    route, message, has_end = hostile_inputs.http_request(random_, gateway.readings if is_real else gateway.routes)
    try:
        status, answer, seconds = gateway.ask(message, has_end=has_end)
    except OSError as error:
        status, answer, seconds = f"no connection: {error}", b"", 0.0
    fault = fault_of(status, answer, has_end=has_end) or status * status.startswith("no connection")
    return status, seconds, fault, (route, message), "triton" if is_real else "http"


def try_again(late: list[int], seed: int, tally: Tally, keep: Keeper, gateways: list[Gateway]) -> None:
    """What took too long, alone: it is a finding if it does so three times more."""
    tally.retried += len(late)
    for number in late:
        tries: list[float] = []
        while len(tries) < TRIES and (not tries or tries[-1] > DEADLINE_S):
            status, seconds, _, what, _ = request(number, seed, gateways)
            tries.append(seconds)
        if tries[-1] > DEADLINE_S:
            keep.finding(number, "over the deadline", f"{what[0]}: {status} after {tries} s", what[1])


# --- the run


class Keeper:
    """Counts on, and keeps what is found; called under the tally's lock."""

    def __init__(self, folder: Path, seed: int, total: int, tally: Tally) -> None:
        self._folder, self._seed, self._total, self._tally = folder, seed, total, tally
        self._done, self._shown = 0, time.monotonic()

    def finding(self, number: int, what: str, details: str, message: bytes = b"") -> None:
        """Keep an input that did what none may do."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._tally.findings.append({"number": number, "what": what, "details": details[-2000:]})
        data = message or hostile_inputs.picture(rng(self._seed, number))[1] if kind_of(number) != "options" else b""
        (self._folder / f"{self._seed}-{number}").write_bytes(data)
        print(f"\ninput {number}: {what}: {details[-1500:]}", file=sys.stderr, flush=True)

    def progress(self) -> None:
        """One more is done."""
        self._done += 1
        if time.monotonic() - self._shown > 10 or self._done == self._total:
            self._shown = time.monotonic()
            line = f"{self._done:,} of {self._total:,} inputs, {len(self._tally.findings)} findings"
            print(line, file=sys.stderr, flush=True)


def run(numbers: list[int], seed: int, triton: str, folder: Path, processes: int) -> dict[str, object]:
    """Try the inputs; returns what there is to report."""
    tally = Tally()
    keep = Keeper(folder, seed, len(numbers), tally)
    with tempfile.TemporaryDirectory() as work:
        gateways = [Gateway(Path(work), "stand-in")]
        gateways += [Gateway(Path(work), "triton", triton)] if triton else []
        try:
            decoded = [number for number in numbers if kind_of(number) != "http"]
            asked = [number for number in numbers if kind_of(number) == "http"]
            with ThreadPoolExecutor(2) as pool:
                decoding = pool.submit(run_decoders, decoded, seed, tally, keep, processes)
                late = pool.submit(run_requests, asked, seed, tally, keep, gateways).result()
                decoding.result()
            try_again(late, seed, tally, keep, gateways)
            ended = [gateway.process.poll() for gateway in gateways]
            peaks = [gateway.peak for gateway in gateways]
        finally:
            for gateway in gateways:
                gateway.end()
        logged = sum(gateway.log.read_text(errors="replace").count("Traceback") for gateway in gateways)
        if logged:
            folder.mkdir(parents=True, exist_ok=True)
            for gateway in gateways:
                (folder / gateway.log.name).write_bytes(gateway.log.read_bytes())
    whats = Counter(str(each["what"]).partition(" ")[0] for each in tally.findings)
    limit = _decoder_limit()
    return {
        "machine": machine_line(),
        "seed": seed,
        "inputs": dict(tally.inputs),
        "outcomes": dict(tally.outcomes),
        "crashes": whats["crash"] + sum(code is not None for code in ended) + whats["no"] + whats["closed"],
        "tracebacks": whats["traceback"] + whats["status"] + logged,
        "over_the_deadline": whats["over"] + whats["hung"],
        "over_the_memory": whats["memory"],
        "tried_again": tally.retried,
        "slowest_s": {kind: round(seconds, 2) for kind, seconds in tally.slowest_s.items()},
        "decoder_peak_mib": tally.decoder_peak // MIB,
        "decoder_bound_mib": limit // MIB,
        "decoder_most_beyond_promise_mib": round(tally.decoder_over / MIB, 1),
        "gateway_peaks_mib": [peak // MIB for peak in peaks],
        "gateway_bound_mib": GATEWAY_BYTES // MIB,
        "findings": tally.findings,
    }


def _decoder_limit() -> int:
    """What a process that decodes may take: the limit, a file, and the process with its libraries."""
    from ocdrnet_ops.image.decode import ImageLimits  # noqa: PLC0415 -- not at the start of each decoder's process

    limits = ImageLimits()
    return limits.max_decoding_bytes + limits.max_bytes + 256 * MIB


def show(report: dict[str, object]) -> None:
    """For people."""
    for name, value in report.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, count in sorted(value.items()):
                print(f"  {count:>10}  {key}")
        elif name != "findings":
            print(f"{name}: {value}")


def main() -> None:
    """Try inputs, or one again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--triton", default="", help="a running Triton, grpc://HOST:PORT, for a share of the requests")
    parser.add_argument("--processes", type=int, default=2, help="that decode")
    parser.add_argument("--json", type=Path, help="write the report there")
    parser.add_argument("--keep", type=Path, default=Path("build/hostile"), help="folder of what is found")
    parser.add_argument("--replay", type=int, help="try this input again")
    parser.add_argument("--stand-in", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stand_in:
        serve_stand_in()
        return
    numbers = list(range(given.inputs)) if given.replay is None else [given.replay]
    report = run(numbers, given.seed, given.triton, given.keep, given.processes)
    show(report)
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n")
    raise SystemExit(1 if report["findings"] or report["tracebacks"] or report["crashes"] else 0)


if __name__ == "__main__":
    main()

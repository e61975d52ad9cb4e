"""Chaos and soak: `python -m benchmarks.chaos --minutes 30 --kills 20 --seed 1 [--json FILE]`.

`ocdrnet serve` and `ocdrnet gateway` run as a user starts them; the gateway is started again when it ends, as a
container's runtime does. Callers send sound and hostile images in closed loops, more than the machine can read.
First each kind of process (every step, Triton, the gateway) is hit by SIGKILL, and by SIGSTOP for 0.5 to 3 s, as often
as `--kills` says, at seeded moments; as root, a full store and a full /dev/shm come between, in a mount namespace of
their own. Then the traffic goes on undisturbed for `--minutes`, while the memory of each process is watched. Every
answer is held against what the same server read before, in calm.

`--stalls N` instead stops each step N times for 0.3 to 2.5 s while four callers ask: with `--one-step` in a small
repository of one step, which answers as all steps do and starts within a second or two.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks import hostile_inputs, stalls
from benchmarks.cpu_time import model_of
from benchmarks.machine import machine_line

MIB = 1 << 20
CALLERS, HOSTILE_SHARE = 8, 0.25
# The gateway's deadline, and what a loaded machine takes to say that it is over.
HUNG_S = 60.0 + 20.0
RECOVERY_S = 15.0
GIVEN_UP_S = 120.0
PAUSE_S = (1.0, 4.0)
# Documented: the queue is full (429), Triton answered an error (502), is away (503), took too long (504); the store is
# full (507). A connection may break or be refused only around a kill of the gateway.
DOCUMENTED = {429, 502, 503, 504, 507}
SLOPE_AFTER_S, SAMPLE_S = 60.0, 2.0
INSIDE = "OCDRNET_CHAOS_MOUNTS"  # set in the mount namespace


@dataclass
class Seen:
    """What the callers and the disturber saw."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: dict[str, list[tuple[int, float, int]]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, outcome: str, details: str = "") -> None:
        """One more; with details it is a fault."""
        with self.lock:
            self.outcomes[outcome] += 1
            if details:
                self.faults.append(details)
                print(f"{outcome}: {details}", file=sys.stderr, flush=True)


class Product:
    """Server and gateway, each in a process of its own."""

    def __init__(self, repository: Path, folder: Path, store: Path) -> None:
        self._folder, self._store, self._stopping = folder, store, threading.Event()
        ports = [f"--{name}-port=0" for name in ("http", "grpc", "metrics")]
        command = [_ocdrnet(), "serve", "--repository", str(repository), "--restarts", "100000", *ports]
        self.serve, said = self._start("serve", command, r"gRPC +(grpc://\S+)[^\0]*Try it")
        self._triton, self._port = said, "0"
        self.gateway_away = (0.0, 0.0)  # from the kill to the return
        self._start_gateway()
        threading.Thread(target=self._keep_gateway, daemon=True).start()

    def _start(
        self, name: str, command: list[str], ready: str, **variables: str
    ) -> tuple[subprocess.Popen[bytes], str]:
        log = self._folder / f"{name}-{time.monotonic_ns()}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=os.environ | variables)
        while not (found := re.search(ready, log.read_text(errors="replace"))):
            if process.poll() is not None:
                raise SystemExit(f"{name} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        return process, found[1]

    def _start_gateway(self) -> None:
        command = [_ocdrnet(), "gateway", f"--triton={self._triton}", f"--port={self._port}", f"--store={self._store}"]
        ready = r"(http://127\.0\.0\.1:\d+)"
        self.gateway, self.url = self._start("gateway", command, ready, OCDRNET_GATEWAY_LOG_LEVEL="warning")
        self._port = self.url.rpartition(":")[2]

    def _keep_gateway(self) -> None:
        while not self._stopping.wait(0.1):
            if self.gateway.poll() is not None and not self._stopping.is_set():
                self._start_gateway()
                self.gateway_away = (self.gateway_away[0], time.monotonic())

    def processes(self) -> dict[str, int]:
        """Process ids by step, `tritonserver` and `gateway`; of several processes of one step, one."""
        found = {"gateway": self.gateway.pid}
        with suppress(psutil.Error):
            for child in psutil.Process(self.serve.pid).children(recursive=True):
                with suppress(psutil.Error):
                    name = model_of(child.cmdline())
                    if name != "tritonserver" or "tritonserver" in child.name():
                        found[name] = child.pid
        return found

    def kinds(self) -> list[str]:
        """Every kind of process, once all run."""
        return sorted(self.processes())

    def stop(self) -> None:
        """End both."""
        self._stopping.set()
        for process in (self.gateway, self.serve):
            process.terminate()
            try:
                process.wait(90)
            except subprocess.TimeoutExpired:
                process.kill()


def _ocdrnet() -> str:
    return str(Path(sys.executable).with_name("ocdrnet"))


class Callers:
    """Closed loops that hold every answer against the truth."""

    def __init__(self, product: Product, seed: int, seen: Seen) -> None:
        self._product, self._seen, self._over = product, seen, threading.Event()
        self._images = hostile_inputs.text_images()
        self.truth = {name: self._texts(self.read(data, 60)) for name, data in self._images.items()}
        if not all(self.truth.values()):
            raise SystemExit(f"an image with text has none in calm: {self.truth}")
        self._threads = [threading.Thread(target=self._call, args=(seed, number)) for number in range(CALLERS)]

    def read(self, data: bytes, timeout_s: float) -> httpx.Response:
        """What the gateway answers; on a connection of its own, as another caller's."""
        return httpx.post(f"{self._product.url}/v1/read", content=data, trust_env=False, timeout=timeout_s)

    @staticmethod
    def _texts(answer: httpx.Response) -> list[str]:
        return [line["text"] for line in answer.json()["lines"]] if answer.status_code == 200 else []

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _call(self, seed: int, number: int) -> None:
        random_ = random.Random(f"{seed}/{number}")
        while not self._over.is_set():
            is_hostile = random_.random() < HOSTILE_SHARE
            name = random_.choice(sorted(self._images))
            data = hostile_inputs.picture(random_)[1] if is_hostile else self._images[name]
            begin = time.monotonic()
            try:
                answer = self.read(data, HUNG_S)
            except httpx.TimeoutException:
                self._seen.count("hung", f"after {time.monotonic() - begin:.0f} s")
            except httpx.TransportError as error:
                self._broken(begin, error)
            else:
                self._judge("hostile" if is_hostile else name, answer)
            self._seen.slowest_s = max(self._seen.slowest_s, time.monotonic() - begin)
            if not is_hostile:
                self._over.wait(0.02)

    def _broken(self, begin: float, error: Exception) -> None:
        killed, back = self._product.gateway_away
        # Either it has not come back yet, or the request began before it had.
        is_away = killed > back or begin <= back
        details = "" if is_away and killed else f"{type(error).__name__}: {error}"
        self._seen.count("lost with the gateway" if not details else "lost beyond its documented error", details)
        self._over.wait(0.2)

    def _judge(self, name: str, answer: httpx.Response) -> None:
        status = answer.status_code
        if status in DOCUMENTED:
            self._seen.count(f"error {status}")
            self._over.wait(0.1)
        elif name == "hostile":
            known = status in (200, 413, 422)
            self._seen.count(
                "hostile answered" if known else "lost beyond its documented error",
                "" if known else f"hostile: {answer.text[:200]}",
            )
        elif status != 200:
            self._seen.count("lost beyond its documented error", f"{status}: {answer.text[:200]}")
        elif (found := self._texts(answer)) == self.truth[name]:
            self._seen.count("right")
        else:
            self._seen.count("wrong" if found else "empty", f"{found} where {self.truth[name]} stands")

    def recovery_s(self, since: float) -> float:
        """Seconds until an image that was sent after `since` is read rightly."""
        name = "1"
        while (waited := time.monotonic() - since) < GIVEN_UP_S:
            with suppress(httpx.TransportError):
                if self._texts(self.read(self._images[name], 20)) == self.truth[name]:
                    return time.monotonic() - since
            time.sleep(0.05)
        return waited


class Disturber:
    """Hits one thing at a time, and waits until the service is well again."""

    def __init__(self, product: Product, callers: Callers, seed: int, seen: Seen, store: Path | None) -> None:
        self._product, self._callers, self._seen = product, callers, seen
        self._random, self._store = random.Random(f"{seed}/chaos"), store

    def run(self, kills: int) -> None:
        """Every kind of hit as often, in a seeded order."""
        kinds = self._product.kinds()
        hits: list[Callable[[], str]] = []
        for kind in kinds:
            hits += [self._killing(kind)] * kills + [self._stopping(kind)] * -(-kills // 2)
        if self._store:
            hits += [self._filling(self._store / "fill", "store"), self._filling(Path("/dev/shm/fill"), "/dev/shm")] * 3
        self._random.shuffle(hits)
        for number, hit in enumerate(hits, 1):
            time.sleep(self._random.uniform(*PAUSE_S))
            what = hit()
            seconds = self._callers.recovery_s(time.monotonic())
            self._seen.recoveries[what].append(seconds)
            print(f"{number} of {len(hits)}: {what}: well again after {seconds:.1f} s", file=sys.stderr, flush=True)
            if seconds > RECOVERY_S:
                self._seen.faults.append(f"recovery: {what}: {seconds:.1f} s")

    def _killing(self, kind: str) -> Callable[[], str]:
        def hit() -> str:
            self._send(kind, signal.SIGKILL)
            return f"SIGKILL {kind}"

        return hit

    def _stopping(self, kind: str) -> Callable[[], str]:
        def hit() -> str:
            stopped = self._send(kind, signal.SIGSTOP)
            time.sleep(self._random.uniform(0.5, 3.0))
            with suppress(ProcessLookupError):
                os.kill(stopped, signal.SIGCONT)
            return f"SIGSTOP {kind}"

        return hit

    def _send(self, kind: str, number: signal.Signals) -> int:
        while True:
            pid = self._product.processes().get(kind)
            if pid is None:
                time.sleep(0.1)
                continue
            if kind == "gateway" and number == signal.SIGKILL:
                self._product.gateway_away = (time.monotonic(), self._product.gateway_away[1])
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                return pid

    def _filling(self, file: Path, what: str) -> Callable[[], str]:
        def hit() -> str:
            with suppress(OSError), file.open("wb") as stream:
                while True:
                    stream.write(bytes(MIB))
                    stream.flush()
            time.sleep(5)
            file.unlink()
            return f"full {what}"

        return hit


def watch_memory(product: Product, seen: Seen, over: threading.Event) -> None:
    """Private bytes of each process by its age."""
    begin = time.monotonic()
    while not over.wait(SAMPLE_S):
        for kind, pid in product.processes().items():
            with suppress(psutil.Error):
                seen.memory[kind].append((pid, time.monotonic() - begin, psutil.Process(pid).memory_full_info().uss))


def slopes(seen: Seen) -> dict[str, dict[str, float]]:
    """MiB and MiB an hour of each kind, by least squares over the longest life without its first minute."""
    found = {}
    for kind, samples in seen.memory.items():
        longest = Counter(pid for pid, _, _ in samples).most_common(1)[0][0]
        times, sizes = np.array([(age, size) for pid, age, size in samples if pid == longest], float).T
        late = times >= times[0] + SLOPE_AFTER_S
        if late.sum() > 10:
            slope = float(np.polyfit(times[late], sizes[late], 1)[0])
            watched = round(float(times[late][-1] - times[late][0]) / 60, 1)
            found[kind] = {"mib": round(sizes[-1] / MIB), "mib_per_hour": round(slope * 3600 / MIB, 1), "min": watched}
    return found


def run(repository: Path, minutes: float, kills: int, seed: int, mounts: Path | None) -> dict[str, object]:
    """Kills, then soak; returns what there is to report."""
    seen, over = Seen(), threading.Event()
    with tempfile.TemporaryDirectory() as work:
        store = mounts or Path(work) / "store"
        product = Product(repository, Path(work), store)
        try:
            begin = time.monotonic()
            with Callers(product, seed, seen) as callers:
                Disturber(product, callers, seed, seen, mounts).run(kills)
                disturbed_s = time.monotonic() - begin
                threading.Thread(target=watch_memory, args=(product, seen, over), daemon=True).start()
                time.sleep(minutes * 60)
                over.set()
        finally:
            product.stop()
        logs = "".join(log.read_text(errors="replace") for log in Path(work).glob("*.log"))
    outcomes = seen.outcomes
    return {
        "machine": machine_line(),
        "seed": seed,
        "disturbed_minutes": round(disturbed_s / 60, 1),
        "soak_minutes": minutes,
        "wrong": outcomes["wrong"],
        "empty": outcomes["empty"],
        "lost_beyond_documented": outcomes["lost beyond its documented error"],
        "hung": outcomes["hung"],
        "outcomes": dict(outcomes),
        "slowest_s": round(seen.slowest_s, 1),
        "tracebacks_in_logs": logs.count("Traceback"),
        "recovery_s": {what: _spread(times) for what, times in sorted(seen.recoveries.items())},
        "memory": slopes(seen),
        "faults": seen.faults[:100],
    }


def _spread(times: list[float]) -> dict[str, float]:
    return {"times": len(times), "median": round(float(np.median(times)), 1), "most": round(max(times), 1)}


@contextmanager
def own_mounts() -> Iterator[Path | None]:
    """In a mount namespace of its own, a small store and a /dev/shm that may be filled; None without root."""
    if not os.environ.get(INSIDE):
        yield None
        return
    with tempfile.TemporaryDirectory() as store:
        for place, size in ((store, "48m"), ("/dev/shm", "1500m")):
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=1777", "tmpfs", place], check=True)
        try:
            yield Path(store)
        finally:
            subprocess.run(["umount", "-l", store], check=False)


def main() -> None:
    """Disturb, soak and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="of soak, after the kills")
    parser.add_argument("--kills", type=int, default=20, help="of each kind of process; half as many stops")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repository", type=Path, default=Path("build/repository"))
    parser.add_argument("--stalls", type=int, default=0, help="stop each step so often instead")
    parser.add_argument("--one-step", action="store_true", help="with --stalls: in a small repository of one step")
    parser.add_argument("--json", type=Path, help="write the report there")
    given = parser.parse_args()
    if given.stalls:
        report = stalls.run(None if given.one_step else given.repository, given.stalls, given.seed)
    else:
        if os.geteuid() == 0 and not os.environ.get(INSIDE):
            os.environ[INSIDE] = "1"
            os.execvp("unshare", ["unshare", "-m", sys.executable, "-m", "benchmarks.chaos", *sys.argv[1:]])
        with own_mounts() as mounts:
            report = run(given.repository, given.minutes, given.kills, given.seed, mounts)
    print(json.dumps(report, indent=1))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n")
    raise SystemExit(1 if report["faults"] else 0)


if __name__ == "__main__":
    main()

"""Steps that stand still at random moments under load: does anybody get what belongs to another?

For `python -m benchmarks.chaos --stalls`. The first half of the stalls is left to the step alone to notice, as in a pod
where nobody watches from outside; the second half has the watch of `ocdrnet serve` too.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from benchmarks.hostile_inputs import text_images
from benchmarks.machine import machine_line
from ocdrnet_client import Client, OcdrnetError, Retry
from ocdrnet_deploy.errors import ServerError
from ocdrnet_deploy.server import TritonServer
from ocdrnet_deploy.server.stub_watch import find_stubs

CALLERS = 4
STALL_S = (0.3, 2.5)  # Triton gives a process up after 1 s
ASKED_AFTER = 12  # answers or errors that must follow a stall before its round is over
ROUND_S = 60.0
_CONFIG = """
name: "ocdrnet"
backend: "python"
max_batch_size: 0
input { name: "IN" data_type: TYPE_INT32 dims: [ 3 ] }
output { name: "OUT" data_type: TYPE_INT32 dims: [ 1 ] }
"""
_MODEL = """
import time

from ocdrnet_triton.requests import answer_each, tensor


class TritonPythonModel:
    def execute(self, requests):
        return answer_each(requests, self._answer)

    def _answer(self, request):
        value, sleep_ms, computes = map(int, tensor(request, "IN"))
        time.sleep(sleep_ms / 1000)
        if computes:
            pow(3, 9_000_000)  # seconds in which Python's lock is kept
        return {"OUT": tensor(request, "IN")[:1].copy()}
"""


def small_repository(folder: Path) -> Path:
    """Write a repository of one step, which sleeps, computes if told to, and answers its first number."""
    version = folder / "repository" / "ocdrnet" / "1"
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_text(_CONFIG)
    (version / "model.py").write_text(_MODEL)
    return folder / "repository"


class _Numbers:
    """Asks the one step; every request has a number of its own."""

    def __init__(self, url: str) -> None:
        self._client = tritonclient.grpc.InferenceServerClient(url.removeprefix("grpc://"))
        self._random = random.Random()

    def ask(self) -> str:
        value = self._random.randrange(1 << 30)
        given = tritonclient.grpc.InferInput("IN", [3], "INT32")
        given.set_data_from_numpy(np.array([value, self._random.choice((0, 5, 40, 200)), 0], np.int32))
        try:
            answer = self._client.infer("ocdrnet", [given], client_timeout=30)
        except InferenceServerException:
            return "error"
        return "right" if int(answer.as_numpy("OUT")[0]) == value else "wrong"

    def close(self) -> None:
        self._client.close()


class _Images:
    """Reads images through the ensemble; the truth was read in calm."""

    truth: dict[bytes, list[str]]  # set before the first

    def __init__(self, url: str) -> None:
        self._client = Client(url, timeout=60, retry=Retry(attempts=1))
        self._random = random.Random()

    def ask(self) -> str:
        data = self._random.choice(list(self.truth))
        try:
            found = self.texts(data)
        except OcdrnetError:
            return "error"
        return "right" if found == self.truth[data] else "wrong" if found else "empty"

    def texts(self, data: bytes) -> list[str]:
        return [line.text for line in self._client.read(data).lines]

    def close(self) -> None:
        self._client.close()


class _Load:
    """Callers in closed loops."""

    def __init__(self, make: Callable[[], _Numbers | _Images]) -> None:
        self.counts: Counter[str] = Counter()
        self._make, self._over = make, threading.Event()
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def _call(self) -> None:
        caller = self._make()
        while not self._over.is_set():
            outcome = caller.ask()
            self.counts[outcome] += 1
            if outcome == "error":
                self._over.wait(0.05)
        caller.close()

    def wait_for(self, more: int, limit_s: float) -> None:
        wanted, end = self.counts.total() + more, time.monotonic() + limit_s
        while self.counts.total() < wanted and time.monotonic() < end:
            time.sleep(0.02)

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def run(repository: Path | None, count: int, seed: int) -> dict[str, object]:
    """Stop each step `count` times.

    Args:
        repository: the full one; None: a small one of one step.
        count: of stalls for each step.
        seed: by which moments, lengths and order are chosen.
    """
    random_, restarts, log = random.Random(seed), [], Counter[str]()

    def on_log(line: str) -> None:
        log["ended themselves"] += "ends itself: it stood still" in line

    with (
        tempfile.TemporaryDirectory() as folder,
        TritonServer(repository or small_repository(Path(folder)), on_log=on_log) as server,
    ):
        url = server.addresses.grpc_url
        if repository:
            _Images.truth = {}
            for data in text_images().values():
                _Images.truth[data] = _Images(url).texts(data)
        load = _Load(lambda: _Images(url) if repository else _Numbers(url))
        assert server.pid is not None
        steps = sorted({stub.model for stub in find_stubs(server.pid)})
        moments = [step for step in steps for _ in range(count)]
        random_.shuffle(moments)
        stalled: Counter[str] = Counter()
        for number, step in enumerate(moments, 1):
            if number <= len(moments) // 2 and server._watch is not None:
                server._watch.stop()
            load.wait_for(CALLERS, ROUND_S)
            time.sleep(random_.uniform(0, 0.5))
            _stall(server, step, random_.uniform(*STALL_S))
            stalled[step] += 1
            load.wait_for(ASKED_AFTER, ROUND_S)
            if _is_lost(server, step):
                begin = time.monotonic()
                server.restart()
                restarts.append(server.wait_ready() and time.monotonic() - begin)
            if number % 10 == 0 or number == len(moments):
                print(f"{number} of {len(moments)} stalls: {dict(load.counts)}", file=sys.stderr, flush=True)
        load.stop()
    faults = [f"{load.counts[kind]} {kind} answers" for kind in ("wrong", "empty") if load.counts[kind]]
    return {
        "machine": machine_line(),
        "seed": seed,
        "stalls": dict(stalled),
        "answers": dict(load.counts),
        "wrong": load.counts["wrong"],
        "empty": load.counts["empty"],
        "processes_that_ended_themselves": log["ended themselves"],
        "restarts": len(restarts),
        "restart_s": {"median": round(float(np.median(restarts)), 1), "most": round(max(restarts), 1)},
        "faults": faults,
    }


def _stall(server: TritonServer, step: str, seconds: float) -> None:
    assert server.pid is not None
    for stub in find_stubs(server.pid):
        if stub.model == step:
            with suppress(ProcessLookupError):
                os.kill(stub.pid, signal.SIGSTOP)
                time.sleep(seconds)
                os.kill(stub.pid, signal.SIGCONT)


def _is_lost(server: TritonServer, step: str) -> bool:
    """Whether the server must be started again: by the watch, or because the step's process is gone."""
    try:
        server.check_running()
    except ServerError:
        return True
    assert server.pid is not None
    return step not in {stub.model for stub in find_stubs(server.pid)}

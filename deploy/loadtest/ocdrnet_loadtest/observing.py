"""Looks at the server before and after a step: Triton's counters, its batches, its processes."""

from __future__ import annotations

import asyncio
import os
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ocdrnet_client.address import Address
from ocdrnet_client.errors import OcdrnetError
from ocdrnet_client.replicas import has_replicas, look_up
from ocdrnet_loadtest import counters
from ocdrnet_loadtest.processes import ServerProcesses, growth
from ocdrnet_loadtest.step_building import Surroundings
from ocdrnet_loadtest.triton import Questions, executions

_SECONDS = 5.0
_PAUSE = 0.2  # between two looks at the queues


@dataclass(frozen=True)
class View:
    """All that was seen at one moment."""

    at: float
    own_cpu: float
    server_cpu: dict[str, float] | None
    counters: dict[str, dict[str, float]] | None
    batches: dict[str, dict[int, tuple[int, float]]] = field(default_factory=dict)


class Observer:
    """Watches one server."""

    def __init__(
        self,
        model: str,
        *,
        metrics_url: str | None = None,
        processes: ServerProcesses | None = None,
        questions: Questions | None = None,
        models: Iterable[str] = (),
    ) -> None:
        """Say what there is to watch; each may be missing.

        Args:
            model: the ensemble's name, which counts the pictures.
            metrics_url: of Triton's metrics page.
            processes: of a server on this machine.
            questions: to ask for batches of `models`.
            models: to ask about.
        """
        self._model = model
        self._metrics_url = metrics_url
        self.processes = processes
        self._questions = questions
        self._models = tuple(models)

    async def view(self) -> View:
        """Look now."""
        seen = await self._counters()
        batches = await executions(self._questions, self._models) if self._questions else {}
        server_cpu = self.processes.cpu_seconds() if self.processes else None
        return View(asyncio.get_running_loop().time(), _own_cpu(), server_cpu, seen, batches)

    def surroundings(self, before: View, after: View, sent: int) -> Surroundings:
        """What happened between two views, in which this program sent `sent` pictures."""
        server_cpu = None
        if before.server_cpu is not None and after.server_cpu is not None:
            server_cpu = growth(before.server_cpu, after.server_cpu)
        models, foreign = None, 0
        if before.counters is not None and after.counters is not None:
            models = counters.model_steps(before.counters, after.counters, before.batches, after.batches)
            ensemble = models.get(self._model)
            foreign = max(0, (ensemble.requests + ensemble.failures if ensemble else 0) - sent)
        busy = (after.own_cpu - before.own_cpu) / max(after.at - before.at, 1e-9)
        return Surroundings(busy, server_cpu, models, foreign)

    async def drained(self, longest: float) -> bool:
        """Wait until no request waits for an instance, at most `longest` seconds; whether it came to that."""
        loop = asyncio.get_running_loop()
        end = loop.time() + longest
        while True:
            seen = await self._counters()
            if seen is None or counters.pending(seen) == 0:
                return True
            if loop.time() > end:
                return False
            await asyncio.sleep(_PAUSE)

    async def _counters(self) -> dict[str, dict[str, float]] | None:
        if self._metrics_url is None:
            return None
        return await asyncio.to_thread(_pages, self._metrics_url)


def _pages(url: str) -> dict[str, dict[str, float]] | None:
    """Counters of the metrics pages of all servers that an address leads to, summed; None where one has none."""
    try:
        address = Address.parse(url)
        servers = look_up(address) if has_replicas(address) else [address]
    except OcdrnetError:
        return _page(url)
    total: dict[str, Counter[str]] = {}
    for server in servers:
        host = replace(server, host=server.ip) if server.ip and not server.is_secure else server
        page = _page(host.url)
        if page is None:
            return None
        for model, values in page.items():
            total.setdefault(model, Counter()).update(values)
    return {model: dict(values) for model, values in total.items()}


def _page(url: str) -> dict[str, dict[str, float]] | None:
    """Counters of a metrics page, None where there is none."""
    # Triton's metrics are asked directly: a proxy of the environment is for the outside.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_SECONDS) as answer:
            return counters.parse_counters(answer.read().decode("utf-8", errors="replace")) or None
    except (urllib.error.URLError, OSError, ValueError):
        return None


def _own_cpu() -> float:
    """Of this process and of locust's, once that has ended."""
    return sum(os.times()[:4])

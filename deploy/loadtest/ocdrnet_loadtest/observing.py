"""Looks at the server before and after a step: Triton's counters, its batches, its processes.

Triton's Prometheus counters by model, and their growth over a step.

Source of the names: Triton's user guide, Metrics, "Inference Request Metrics".
"""

from __future__ import annotations

import asyncio
import os
import re
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias, TypeVar

import aiohttp
import grpc
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc import service_pb2

from ocdrnet_client.address import Address
from ocdrnet_client.errors import OcdrnetError
from ocdrnet_client.replicas import has_replicas, look_up
from ocdrnet_client.transports.replicated_aio import AsyncReplicas, Connection
from ocdrnet_loadtest.latencies import Surroundings
from ocdrnet_loadtest.result import ServedModel
from ocdrnet_loadtest.sending.base import SendSettings
from ocdrnet_loadtest.sending.grpc_sender import GrpcConnection, grpc_servers
from ocdrnet_loadtest.sending.http_sender import HttpConnection, http_servers
from ocdrnet_loadtest.sending.opening import GRPC, NIM
from ocdrnet_loadtest.step_result import Batch, ModelStep
from ocdrnet_loadtest.users import ServerProcesses, growth

Counters: TypeAlias = Mapping[str, Mapping[str, float]]
Batches: TypeAlias = Mapping[str, Mapping[int, tuple[int, float]]]

_LINE = re.compile(r"(nv_inference_\w+)\{([^}]*)\}\s+([0-9.eE+-]+)")
_MODEL = re.compile(r'\bmodel="([^"]*)"')
_US = 1e-6


def parse_counters(text: str) -> dict[str, dict[str, float]]:
    """`nv_inference_*` of a metrics page: model, then metric without its prefix; summed over versions and reasons."""
    counters: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name, labels, value in _LINE.findall(text):
        model = _MODEL.search(labels)
        if model:
            counters[model[1]][name.removeprefix("nv_inference_")] += float(value)
    return {model: dict(values) for model, values in counters.items()}


def pending(counters: Counters) -> int:
    """Requests that wait for an instance of any model."""
    return int(sum(values.get("pending_request_count", 0) for values in counters.values()))


def model_steps(
    before: Counters, after: Counters, batches_before: Batches, batches_after: Batches
) -> dict[str, ModelStep]:
    """Growth of each model's counters; a model that had no request is left out.

    Args:
        before: at the start of the step.
        after: at its end.
        batches_before: by model and batch size: executions and seconds, at the start; empty if unknown.
        batches_after: at the end.
    """
    steps = {
        model: _model_step(before.get(model, {}), now, _batches(batches_before, batches_after, model))
        for model, now in after.items()
    }
    return {model: step for model, step in steps.items() if step.requests or step.failures}


def _model_step(before: Mapping[str, float], after: Mapping[str, float], batches: tuple[Batch, ...]) -> ModelStep:
    def grown(name: str) -> float:
        # A server that was started anew counts from 0.
        growth = after.get(name, 0.0) - before.get(name, 0.0)
        return growth if growth >= 0 else after.get(name, 0.0)

    return ModelStep(
        requests=int(grown("request_success")),
        failures=int(grown("request_failure")),
        inferences=int(grown("count")),
        executions=int(grown("exec_count")),
        queue_s=grown("queue_duration_us") * _US,
        compute_input_s=grown("compute_input_duration_us") * _US,
        compute_infer_s=grown("compute_infer_duration_us") * _US,
        compute_output_s=grown("compute_output_duration_us") * _US,
        batches=batches,
    )


def _batches(before: Batches, after: Batches, model: str) -> tuple[Batch, ...]:
    earlier = before.get(model, {})
    grown = []
    for size, (executions, seconds) in sorted(after.get(model, {}).items()):
        past_executions, past_seconds = earlier.get(size, (0, 0.0))
        if executions > past_executions:
            grown.append(Batch(size, executions - past_executions, seconds - past_seconds))
    return tuple(grown)


C = TypeVar("C", bound=Connection)
_QUESTION_S = 5.0
_NS = 1e-9
_PARTS = ("compute_input", "compute_infer", "compute_output")


class Questions(Protocol):
    """A way to ask; an answer is as Triton's JSON has it, and empty where there is none."""

    async def metadata(self) -> Mapping[str, Any]:
        """Name and version of the server."""

    async def config(self, model: str) -> Mapping[str, Any]:
        """A model's configuration."""

    async def statistics(self, model: str) -> Mapping[str, Any]:
        """A model's statistics."""

    async def close(self) -> None:
        """Release the connection."""


class GrpcQuestions:
    """`Questions` over gRPC."""

    def __init__(self, settings: SendSettings) -> None:
        self._servers = grpc_servers(settings)

    async def metadata(self) -> Mapping[str, Any]:
        """Name and version of the first server."""
        return (await self._asked("ServerMetadata", service_pb2.ServerMetadataRequest()))[0]

    async def config(self, model: str) -> Mapping[str, Any]:
        """A model's configuration on the first server."""
        answer = (await self._asked("ModelConfig", service_pb2.ModelConfigRequest(name=model)))[0]
        return dict(answer.get("config", {}))

    async def statistics(self, model: str) -> Mapping[str, Any]:
        """A model's statistics of all servers."""
        return _together(await self._asked("ModelStatistics", service_pb2.ModelStatisticsRequest(name=model)))

    async def close(self) -> None:
        """Close the channels."""
        await self._servers.close()

    async def _asked(self, method: str, request: Any) -> Sequence[dict[str, Any]]:  # noqa: ANN401 (untyped)
        async def ask(server: GrpcConnection) -> dict[str, Any]:
            try:
                answer = await getattr(server.stub, method)(request, timeout=_QUESTION_S)
            except grpc.aio.AioRpcError:
                return {}
            return dict(MessageToDict(answer, preserving_proto_field_name=True))

        return await _each(self._servers, ask)


class HttpQuestions:
    """`Questions` over Triton's HTTP."""

    def __init__(self, settings: SendSettings) -> None:
        self._servers = http_servers(settings, f"/v2/models/{settings.model}/ready")

    async def metadata(self) -> Mapping[str, Any]:
        """Name and version of the first server."""
        return (await self._asked(""))[0]

    async def config(self, model: str) -> Mapping[str, Any]:
        """A model's configuration on the first server."""
        return (await self._asked(f"/models/{model}/config"))[0]

    async def statistics(self, model: str) -> Mapping[str, Any]:
        """A model's statistics of all servers."""
        return _together(await self._asked(f"/models/{model}/stats"))

    async def close(self) -> None:
        """Close the connections."""
        await self._servers.close()

    async def _asked(self, path: str) -> Sequence[dict[str, Any]]:
        async def ask(server: HttpConnection) -> dict[str, Any]:
            limit = aiohttp.ClientTimeout(total=_QUESTION_S)
            try:
                async with server.session.get(f"{server.url}/v2{path}", timeout=limit) as answer:
                    return dict(await answer.json(content_type=None)) if answer.status == 200 else {}
            except (aiohttp.ClientError, asyncio.TimeoutError, TimeoutError, OSError, ValueError, TypeError):
                return {}

        return await _each(self._servers, ask)


async def _each(servers: AsyncReplicas[C], ask: Callable[[C], Awaitable[dict[str, Any]]]) -> Sequence[dict[str, Any]]:
    """Every server's answer, one at least."""
    try:
        connections = await servers.all(_QUESTION_S)
    except OcdrnetError:
        return [{}]
    return await asyncio.gather(*map(ask, connections))


def _together(statistics: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"model_stats": [version for answer in statistics for version in answer.get("model_stats", ())]}


def open_questions(api: str, settings: SendSettings) -> Questions | None:
    """For the running loop; None where no Triton answers the url itself."""
    if api == NIM:
        return None
    return GrpcQuestions(settings) if api == GRPC else HttpQuestions(settings)


async def served_models(questions: Questions, model: str) -> dict[str, ServedModel]:
    """The ensemble and its steps; empty where the server does not say."""
    ensemble = await questions.config(model)
    if not ensemble:
        return {}
    steps = [step["model_name"] for step in (ensemble.get("ensemble_scheduling") or {}).get("step", ())]
    configs = {name: await questions.config(name) for name in dict.fromkeys(steps)}
    return {model: _served(ensemble, steps), **{name: _served(config, ()) for name, config in configs.items()}}


def _served(config: Mapping[str, Any], steps: Iterable[str]) -> ServedModel:
    batching = config.get("dynamic_batching")
    delay = None if batching is None else int(batching.get("max_queue_delay_microseconds", 0)) * 1e-6
    groups = config.get("instance_group") or ()
    # A group on GPUs has `count` instances on each of them.
    instances = sum(int(group.get("count", 1)) * max(1, len(group.get("gpus") or ())) for group in groups)
    preferred = max(map(int, (batching or {}).get("preferred_batch_size") or ()), default=None)
    return ServedModel(max(1, instances), int(config.get("max_batch_size", 0)), delay, tuple(steps), preferred)


async def executions(questions: Questions, models: Iterable[str]) -> dict[str, dict[int, tuple[int, float]]]:
    """By model and batch size: how many batches were run so far, and for how many seconds in all."""
    return {model: _by_size(await questions.statistics(model)) for model in models}


def _by_size(statistics: Mapping[str, Any]) -> dict[int, tuple[int, float]]:
    # Protocol buffers' JSON writes 64-bit numbers as text, and leaves out those that are 0.
    sizes: dict[int, tuple[int, float]] = {}
    for version in statistics.get("model_stats", ()):
        for batch in version.get("batch_stats", ()):
            count = int(batch.get("compute_infer", {}).get("count", 0))
            seconds = sum(int(batch.get(part, {}).get("ns", 0)) for part in _PARTS) * _NS
            executions_so_far, seconds_so_far = sizes.get(int(batch["batch_size"]), (0, 0.0))
            sizes[int(batch["batch_size"])] = executions_so_far + count, seconds_so_far + seconds
    return sizes


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
            model: the ensemble's name, which counts the images.
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
        """What happened between two views, in which this program sent `sent` images."""
        server_cpu = None
        if before.server_cpu is not None and after.server_cpu is not None:
            server_cpu = growth(before.server_cpu, after.server_cpu)
        models, foreign = None, 0
        if before.counters is not None and after.counters is not None:
            models = model_steps(before.counters, after.counters, before.batches, after.batches)
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
            if seen is None or pending(seen) == 0:
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
            return parse_counters(answer.read().decode("utf-8", errors="replace")) or None
    except (urllib.error.URLError, OSError, ValueError):
        return None


def _own_cpu() -> float:
    """Of this process and of locust's, once that has ended."""
    return sum(os.times()[:4])

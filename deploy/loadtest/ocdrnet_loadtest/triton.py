"""Asks a Triton about itself over the protocol under test: its models' settings, and executions by batch size."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import aiohttp
import grpc
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc import service_pb2

from ocdrnet_client.errors import OcdrnetError
from ocdrnet_client.transports.replicated_aio import AsyncReplicas, Connection
from ocdrnet_loadtest.result import ServedModel
from ocdrnet_loadtest.sending.base import SendSettings
from ocdrnet_loadtest.sending.grpc_sender import GrpcConnection, grpc_servers
from ocdrnet_loadtest.sending.http_sender import HttpConnection, http_servers
from ocdrnet_loadtest.sending.opening import GRPC, NIM

C = TypeVar("C", bound=Connection)
_SECONDS = 5.0
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
                answer = await getattr(server.stub, method)(request, timeout=_SECONDS)
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
            limit = aiohttp.ClientTimeout(total=_SECONDS)
            try:
                async with server.session.get(f"{server.url}/v2{path}", timeout=limit) as answer:
                    return dict(await answer.json(content_type=None)) if answer.status == 200 else {}
            except (aiohttp.ClientError, asyncio.TimeoutError, TimeoutError, OSError, ValueError, TypeError):
                return {}

        return await _each(self._servers, ask)


async def _each(servers: AsyncReplicas[C], ask: Callable[[C], Awaitable[dict[str, Any]]]) -> Sequence[dict[str, Any]]:
    """Every server's answer, one at least."""
    try:
        connections = await servers.all(_SECONDS)
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

"""Asks a Triton about itself over the protocol under test: its models' settings, and executions by batch size."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import aiohttp
import grpc
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc import service_pb2, service_pb2_grpc

from ocdrnet_loadtest.result import ServedModel
from ocdrnet_loadtest.sending.base import SendSettings
from ocdrnet_loadtest.sending.grpc_sender import grpc_channel
from ocdrnet_loadtest.sending.http_sender import http_session
from ocdrnet_loadtest.sending.opening import GRPC, NIM

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
        self._channel: Any = grpc_channel(settings)
        self._stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    async def metadata(self) -> Mapping[str, Any]:
        """Name and version of the server."""
        return await self._asked(self._stub.ServerMetadata, service_pb2.ServerMetadataRequest())

    async def config(self, model: str) -> Mapping[str, Any]:
        """A model's configuration."""
        answer = await self._asked(self._stub.ModelConfig, service_pb2.ModelConfigRequest(name=model))
        return dict(answer.get("config", {}))

    async def statistics(self, model: str) -> Mapping[str, Any]:
        """A model's statistics."""
        return await self._asked(self._stub.ModelStatistics, service_pb2.ModelStatisticsRequest(name=model))

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def _asked(self, method: Any, request: Any) -> dict[str, Any]:  # noqa: ANN401 (untyped)
        try:
            answer = await method(request, timeout=_SECONDS)
        except grpc.aio.AioRpcError:
            return {}
        return dict(MessageToDict(answer, preserving_proto_field_name=True))


class HttpQuestions:
    """`Questions` over Triton's HTTP."""

    def __init__(self, settings: SendSettings) -> None:
        self._root = f"{settings.address}/v2"
        self._session = http_session(settings)

    async def metadata(self) -> Mapping[str, Any]:
        """Name and version of the server."""
        return await self._asked("")

    async def config(self, model: str) -> Mapping[str, Any]:
        """A model's configuration."""
        return await self._asked(f"/models/{model}/config")

    async def statistics(self, model: str) -> Mapping[str, Any]:
        """A model's statistics."""
        return await self._asked(f"/models/{model}/stats")

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _asked(self, path: str) -> dict[str, Any]:
        try:
            async with self._session.get(self._root + path, timeout=aiohttp.ClientTimeout(total=_SECONDS)) as answer:
                return dict(await answer.json(content_type=None)) if answer.status == 200 else {}
        except (aiohttp.ClientError, asyncio.TimeoutError, TimeoutError, OSError, ValueError, TypeError):
            return {}


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

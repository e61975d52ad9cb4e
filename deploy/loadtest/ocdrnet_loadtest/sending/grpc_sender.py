"""gRPC on an event loop, straight on grpc.aio: tritonclient would copy every tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from ocdrnet_client.address import Address
from ocdrnet_client.errors import OcdrnetError, RequestTimeoutError, ServerUnavailableError
from ocdrnet_client.protocol import INPUT
from ocdrnet_client.transports.grpc import channel_arguments, channel_target, metadata
from ocdrnet_client.transports.replicated_aio import AsyncReplicas
from ocdrnet_loadtest.sending.base import NO_CONNECTION, NOT_OCR, TIMED_OUT, Reply, SendSettings
from ocdrnet_loadtest.sent_images import SentImage
from ocdrnet_ops.options import OptionValue

_FIELDS = {int: "int64_param", float: "double_param", str: "string_param"}
_COUNTED = "BOXES"


def infer_request(image: SentImage, model: str, options: Mapping[str, OptionValue]) -> Any:  # noqa: ANN401 (untyped)
    """A `ModelInferRequest` for one image."""
    request = service_pb2.ModelInferRequest(model_name=model, raw_input_contents=[image.content])
    request.inputs.add(name=INPUT, datatype="UINT8", shape=[len(image.content)])
    for name, value in options.items():
        setattr(request.parameters[name], _FIELDS[type(value)], value)
    return request


def count_boxes(response: Any) -> int | None:  # noqa: ANN401 (untyped)
    """Lines of text in a `ModelInferResponse`; None where it is not the `ocdrnet` model's."""
    return next((int(output.shape[0]) for output in response.outputs if output.name == _COUNTED), None)


_AWAY = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.CANCELLED,
)


class GrpcConnection:
    """A channel to one server; made inside the loop that uses it."""

    def __init__(self, address: Address, headers: Mapping[str, str]) -> None:
        options, target = channel_arguments(address), channel_target(address)
        self._channel: Any = (
            grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options=options)
            if address.is_secure
            else grpc.aio.insecure_channel(target, options=options)
        )
        self._metadata = tuple(metadata(headers).items())
        self.stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    async def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """Whether the server would take a request now."""
        request = service_pb2.ModelReadyRequest(name=model)
        try:
            return bool((await self.stub.ModelReady(request, timeout=timeout, metadata=self._metadata)).ready)
        except grpc.aio.AioRpcError as error:
            if error.code() in _AWAY:
                raise ServerUnavailableError(str(error.details())) from None
            # It answers, and keeps its health from this caller.
            return True

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


class GrpcSender:
    """See `ocdrnet_loadtest.sending.base.Sender`; made inside the loop that uses it."""

    def __init__(self, settings: SendSettings) -> None:
        self._settings = settings
        self._servers = grpc_servers(settings)
        self._metadata = tuple(metadata(settings.headers).items())
        self._requests: dict[SentImage, Any] = {}

    async def send(self, image: SentImage) -> Reply:
        """One call, with the timeout as its deadline; a server that is away costs a request, as a caller would see."""
        try:
            server = await self._servers.take(self._settings.timeout_s)
        except OcdrnetError as error:
            return Reply(TIMED_OUT if isinstance(error, RequestTimeoutError) else NO_CONNECTION)
        is_away = False
        try:
            response = await server.connection.stub.ModelInfer(
                self._request(image), timeout=self._settings.timeout_s, metadata=self._metadata
            )
        except grpc.aio.AioRpcError as error:
            is_away = error.code() is grpc.StatusCode.UNAVAILABLE
            return Reply(status_name(error.code()))
        finally:
            self._servers.give_back(server, failed=is_away)
        boxes = count_boxes(response)
        return Reply(NOT_OCR if boxes is None else "OK", boxes)

    async def close(self) -> None:
        """Close the channels."""
        await self._servers.close()

    def _request(self, image: SentImage) -> Any:  # noqa: ANN401 (untyped)
        if image not in self._requests:
            self._requests[image] = infer_request(image, self._settings.model, self._settings.options)
        return self._requests[image]


def grpc_servers(settings: SendSettings) -> AsyncReplicas[GrpcConnection]:
    """Channels of grpc.aio to all servers."""
    return AsyncReplicas(settings.address, settings.model, lambda address: GrpcConnection(address, settings.headers))


def status_name(code: Any) -> str:  # noqa: ANN401 (untyped)
    """The code's name, but one name for a timeout in all protocols."""
    return TIMED_OUT if code is grpc.StatusCode.DEADLINE_EXCEEDED else str(code.name)

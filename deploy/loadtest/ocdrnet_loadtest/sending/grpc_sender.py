"""gRPC on an event loop, straight on grpc.aio: tritonclient would copy every tensor."""

from __future__ import annotations

from typing import Any

import grpc
from tritonclient.grpc import service_pb2_grpc

from ocdrnet_client.transports.grpc_channel import channel_arguments, metadata
from ocdrnet_loadtest.pictures import Picture
from ocdrnet_loadtest.sending.base import NOT_OCR, TIMED_OUT, Reply, SendSettings
from ocdrnet_loadtest.sending.grpc_messages import count_boxes, infer_request


class GrpcSender:
    """See `ocdrnet_loadtest.sending.base.Sender`; made inside the loop that uses it."""

    def __init__(self, settings: SendSettings) -> None:
        self._settings = settings
        self._channel: Any = grpc_channel(settings)
        self._stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._metadata = tuple(metadata(settings.headers).items())
        self._requests: dict[Picture, Any] = {}

    async def send(self, picture: Picture) -> Reply:
        """One call, with the timeout as its deadline."""
        try:
            response = await self._stub.ModelInfer(
                self._request(picture), timeout=self._settings.timeout_s, metadata=self._metadata
            )
        except grpc.aio.AioRpcError as error:
            return Reply(status_name(error.code()))
        boxes = count_boxes(response)
        return Reply(NOT_OCR if boxes is None else "OK", boxes)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    def _request(self, picture: Picture) -> Any:  # noqa: ANN401 (untyped)
        if picture not in self._requests:
            self._requests[picture] = infer_request(picture, self._settings.model, self._settings.options)
        return self._requests[picture]


def grpc_channel(settings: SendSettings) -> Any:  # noqa: ANN401 (untyped)
    """A channel of grpc.aio to the server."""
    arguments = channel_arguments(settings.address)
    if settings.address.is_secure:
        return grpc.aio.secure_channel(settings.address.target, grpc.ssl_channel_credentials(), options=arguments)
    return grpc.aio.insecure_channel(settings.address.target, options=arguments)


def status_name(code: Any) -> str:  # noqa: ANN401 (untyped)
    """The code's name, but one name for a timeout in all protocols."""
    return TIMED_OUT if code is grpc.StatusCode.DEADLINE_EXCEEDED else str(code.name)

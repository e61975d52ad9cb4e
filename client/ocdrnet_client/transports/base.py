"""What a client needs from a transport, and what both protocols share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ocdrnet_client.errors import UnexpectedResponseError
from ocdrnet_client.protocol import INPUT, OUTPUTS, InferRequest, Tensors


class Transport(Protocol):
    """Sends requests and blocks for the answers; usable from several threads at once.

    Methods raise the package's own errors only. `timeout` is in seconds, None waits for ever.
    """

    def infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        """The outputs that the model gave for one request, by name."""

    def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """Whether the server would take a request for the model now."""

    def close(self) -> None:
        """Break off the requests under way and release the connection."""


class AsyncTransport(Protocol):
    """`Transport` for one event loop."""

    async def infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        """The outputs that the model gave for one request, by name."""

    async def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """Whether the server would take a request for the model now."""

    async def close(self) -> None:
        """Break off the requests under way and release the connection."""


_CANCEL_AGAIN_S = 0.1


async def cancel_all(tasks: Callable[[], Collection[asyncio.Task[Any]]]) -> None:
    """Cancel again and again until none is left.

    Once is not enough: a call whose answer comes at the moment of its cancellation loses that, in grpc's
    `UnaryUnaryCall` and, before Python 3.12, in `asyncio.wait_for`. A task that goes on after such a call lives on.

    Args:
        tasks: those that still run, asked anew each time, for they may begin others.
    """
    while left := tasks():
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_CANCEL_AGAIN_S)


class InferInput(Protocol):
    """`InferInput` of tritonclient.grpc and tritonclient.http."""

    def set_data_from_numpy(self, input_tensor: NDArray[np.uint8]) -> object:
        """Take the tensor's data."""


class InferResult(Protocol):
    """`InferResult` of tritonclient.grpc and tritonclient.http."""

    def as_numpy(self, name: str) -> NDArray[Any] | None:
        """One output, None if the answer lacks it."""


def infer_arguments(
    input_class: Callable[[str, list[int], str], InferInput], request: InferRequest, headers: Mapping[str, str]
) -> dict[str, Any]:
    """Arguments of a tritonclient `infer`.

    Args:
        input_class: that protocol's `InferInput`.
        request: what is asked.
        headers: of the connection. They are copied, for tritonclient adds to them.
    """
    tensor = request.tensor
    image = input_class(INPUT, list(tensor.shape), "UINT8")
    image.set_data_from_numpy(tensor)
    return {
        "model_name": request.model,
        "inputs": [image],
        "request_id": request.request_id,
        "parameters": dict(request.parameters),
        "headers": {**headers, **request.trace},
    }


def output_tensors(result: InferResult) -> Tensors:
    """The model's outputs, by name; one that the answer lacks is left out.

    Raises:
        UnexpectedResponseError: a tensor's bytes do not fill its shape.
    """
    try:
        tensors = {name: result.as_numpy(name) for name in OUTPUTS}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnexpectedResponseError(f"the answer's tensors cannot be read: {error}") from error
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}

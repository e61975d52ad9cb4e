"""The one place that turns tritonclient's exceptions into this package's."""

from __future__ import annotations

import re

from tritonclient.utils import InferenceServerException

from ocdrnet_client.errors import (
    ClientClosedError,
    InvalidRequestError,
    ModelNotFoundError,
    OcdrnetError,
    RequestTimeoutError,
    ServerError,
    ServerUnavailableError,
    UnexpectedResponseError,
)

# Triton names the ensemble, and each step the request passed, before what the step said.
_NOISE = re.compile(r"^(?:\[request id: [^\]]*\]\s*|in ensemble '[^']*',\s*)+")

# Triton of a model that it has, but loads or unloads just now; of one that it does not have it says "is not found".
_NOT_NOW = "has no available versions"

_BY_STATUS: dict[str, type[OcdrnetError]] = {
    "INVALID_ARGUMENT": InvalidRequestError,
    "OUT_OF_RANGE": InvalidRequestError,
    "400": InvalidRequestError,
    "413": InvalidRequestError,
    "NOT_FOUND": ModelNotFoundError,
    "404": ModelNotFoundError,
    "UNAVAILABLE": ServerUnavailableError,
    "429": ServerUnavailableError,
    "502": ServerUnavailableError,
    "503": ServerUnavailableError,
    "DEADLINE_EXCEEDED": RequestTimeoutError,
    "408": RequestTimeoutError,
    "504": RequestTimeoutError,
    "CANCELLED": ClientClosedError,
    "UNIMPLEMENTED": UnexpectedResponseError,
}

_SENTENCES: dict[type[OcdrnetError], str] = {
    InvalidRequestError: "{message}",
    ModelNotFoundError: "the server at {address} has no such model: {message}; check its model repository",
    ServerUnavailableError: (
        "the server at {address} cannot answer now: {message}; check that it runs"
        " (`ocdrnet serve` starts one) or try again later"
    ),
    RequestTimeoutError: (
        "the server at {address} did not answer in time: {message}; raise the timeout or lower the load"
    ),
    ClientClosedError: "the request was cancelled: {message}; the client closed, or {address} shuts down",
    ServerError: "the server at {address} failed: {message}; its log has the details",
    UnexpectedResponseError: (
        "the server at {address} gave no answer of an OCR model: {message}; check url and server version"
    ),
}


def without_noise(message: str) -> str:
    """A server's message without the request ids and ensemble names that Triton puts in front."""
    return _NOISE.sub("", message).strip()


def describe(kind: type[OcdrnetError], message: str, address: object) -> OcdrnetError:
    """An exception of `kind` whose text says what was wrong at `address` and what to do."""
    return kind(_SENTENCES[kind].format(message=without_noise(message) or "no reason given", address=address))


def from_triton(error: InferenceServerException, address: object) -> OcdrnetError:
    """The package's exception for a tritonclient exception.

    Args:
        error: its status is `StatusCode.NAME` over gRPC, a number over HTTP, None when the client itself
            could not read an answer.
        address: the server's, for the text.
    """
    status = str(error.status() or "").removeprefix("StatusCode.")
    kind = _BY_STATUS.get(status, ServerError if status else UnexpectedResponseError)
    message = str(error.message() or "")
    if kind is ModelNotFoundError and _NOT_NOW in message:
        kind = ServerUnavailableError
    return describe(kind, message if kind is not ServerError else f"{message} ({status})", address)

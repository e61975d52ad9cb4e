"""What a request handler has at hand: made once at the start, found on the application's state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers

from ocdrnet_gateway.core.admission import Admission
from ocdrnet_gateway.core.allowed_hosts import AllowedHosts
from ocdrnet_gateway.core.heartbeat import Heartbeat
from ocdrnet_gateway.core.keys import BEARER, Keys, Principal, bearer_key
from ocdrnet_gateway.core.memory import MemoryBudget
from ocdrnet_gateway.core.metrics import Metrics, Tracing
from ocdrnet_gateway.core.quotas import Quotas
from ocdrnet_gateway.core.reader import Reader
from ocdrnet_gateway.core.readiness import Readiness
from ocdrnet_gateway.settings import GatewaySettings
from ocdrnet_gateway.store import Store


@dataclass(frozen=True)
class Services:
    """The parts of one running gateway.

    Attributes:
        settings: as read at the start.
        reader: reads images by Triton; handlers go through `ocdrnet_gateway.core.reading` instead.
        store: assets and results.
        keys: who may call; handlers ask for a `PrincipalDep` instead.
        quotas: what each caller may use.
        admission: the bounded queue before Triton.
        metrics: counters for Prometheus.
        tracing: spans for OpenTelemetry.
        readiness: whether an image would be read now.
        memory: what bodies and drawings may take together.
        documents: places for documents that are open.
        allowed_hosts: what may be called for a caller.
        heartbeat: tells other gateways on the store that this one works.
    """

    settings: GatewaySettings
    reader: Reader
    store: Store
    keys: Keys
    quotas: Quotas
    admission: Admission
    metrics: Metrics
    tracing: Tracing
    readiness: Readiness
    memory: MemoryBudget
    documents: Admission
    allowed_hosts: AllowedHosts
    heartbeat: Heartbeat


def services_of(request: Request) -> Services:
    """The services of the application that handles the request."""
    services: Services = request.app.state.services
    return services


# For OpenAPI only: FastAPI's own check would answer for a missing header, and knows nothing of the keys.
_BEARER = HTTPBearer(auto_error=False, description="a key of `ocdrnet keys`, where the gateway needs one")


def caller_by_key(key_of: Callable[[Headers], str], sent_as: str) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency: who calls, by the key in the headers; for interfaces whose clients have a header of their own.

    Args:
        key_of: the key in a request's headers; empty if there is none.
        sent_as: how the key is to be sent, for the error.
    """

    async def caller_of(request: Request) -> Principal:
        keys, key = services_of(request).keys, key_of(request.headers)
        caller = keys.caller(key, sent_as)
        if not keys.are_required:
            token = request.headers.get("authorization") or key
            caller = caller.from_address(request.client.host if request.client else "", token)
        request.state.caller = caller.name  # for the log
        return caller

    return caller_of


_caller_by_bearer = caller_by_key(lambda headers: bearer_key(headers.get("authorization")), BEARER)


async def _caller_of(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> Principal:
    return await _caller_by_bearer(request)


ServicesDep = Annotated[Services, Depends(services_of)]
# Refuses the request with 401 where a key is required and missing or wrong.
PrincipalDep = Annotated[Principal, Depends(_caller_of)]

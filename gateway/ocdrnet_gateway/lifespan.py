"""What lives as long as the application: made in its event loop, closed in reverse order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from ocdrnet_gateway.admission import Admission
from ocdrnet_gateway.caller import Caller
from ocdrnet_gateway.connections import log_loop_errors
from ocdrnet_gateway.keys import Keys
from ocdrnet_gateway.memory import MemoryBudget
from ocdrnet_gateway.metrics import Metrics
from ocdrnet_gateway.quotas import Quotas
from ocdrnet_gateway.reader import Reader, TritonReader
from ocdrnet_gateway.readiness import Readiness
from ocdrnet_gateway.services import Services
from ocdrnet_gateway.settings import GatewaySettings
from ocdrnet_gateway.store import open_store
from ocdrnet_gateway.tracing import Tracing

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
# The caller, and the owner of assets, where no keys are needed.
ANONYMOUS = "anonymous"


def gateway_lifespan(settings: GatewaySettings, reader: Reader | None, memory: MemoryBudget) -> Lifespan:
    """The application's lifespan; `reader` is used instead of Triton, for tests.

    It raises a StartError where the keys file cannot be read, or packages for tracing are missing.
    """
    keys = Keys(settings.keys_file, Caller(ANONYMOUS, settings.rate_per_minute, settings.concurrency))
    tracing = Tracing(settings.otel_endpoint)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        log_loop_errors(asyncio.get_running_loop())
        async with AsyncExitStack() as stack:
            stack.callback(tracing.close)
            triton = reader or TritonReader(settings.triton)
            stack.push_async_callback(triton.close)
            readiness = Readiness(triton)
            stack.push_async_callback(readiness.close)
            store = open_store(settings)
            await store.start()
            stack.push_async_callback(store.close)
            admission = Admission(settings.max_in_flight, settings.max_waiting)
            app.state.services = Services(
                settings=settings,
                reader=triton,
                store=store,
                keys=keys,
                quotas=Quotas(),
                admission=admission,
                metrics=Metrics(admission, memory),
                tracing=tracing,
                readiness=readiness,
                memory=memory,
            )
            yield

    return lifespan

"""The ASGI application: settings in, every interface out; and what lives as long as it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware

from ocdrnet_gateway.api.azure.routes import router as azure
from ocdrnet_gateway.api.hosted.ocdrnet import router as hosted
from ocdrnet_gateway.api.liteparse.routes import router as liteparse
from ocdrnet_gateway.api.mistral.files import router as mistral
from ocdrnet_gateway.api.nim.routes import router as nim
from ocdrnet_gateway.api.nim.service import router as service
from ocdrnet_gateway.api.ocr_path import router as ocr_path
from ocdrnet_gateway.api.textract.routes import router as textract
from ocdrnet_gateway.api.vision.routes import router as vision
from ocdrnet_gateway.core.admission import Admission
from ocdrnet_gateway.core.allowed_hosts import AllowedHosts
from ocdrnet_gateway.core.body_limit import BodyLimit
from ocdrnet_gateway.core.connections import log_loop_errors
from ocdrnet_gateway.core.document_jobs import DocumentJobs
from ocdrnet_gateway.core.heartbeat import Heartbeat
from ocdrnet_gateway.core.keys import Keys, Principal
from ocdrnet_gateway.core.memory import MemoryBudget, default_budget
from ocdrnet_gateway.core.metrics import Metrics, Tracing
from ocdrnet_gateway.core.middleware import CancelOnDisconnect, HeadAsGet, Observe
from ocdrnet_gateway.core.quotas import Quotas
from ocdrnet_gateway.core.reader import Reader, TritonReader
from ocdrnet_gateway.core.readiness import Readiness
from ocdrnet_gateway.core.services import Services
from ocdrnet_gateway.http_errors import add_error_answers, documented
from ocdrnet_gateway.settings import INTERFACES, GatewaySettings
from ocdrnet_gateway.store import open_store
from ocdrnet_gateway.web.routes import router as page

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
# The caller, and the owner of assets, where no keys are needed.
ANONYMOUS = "anonymous"
_WAITING_DOCUMENTS = 4  # for each that may be open


def gateway_lifespan(settings: GatewaySettings, reader: Reader | None, memory: MemoryBudget) -> Lifespan:
    """The application's lifespan; `reader` is used instead of Triton, for tests.

    It raises a StartError where the keys file cannot be read, packages for tracing are missing, or a host is none.
    """
    keys = Keys(settings.keys_file, Principal(ANONYMOUS, settings.rate_per_minute, settings.concurrency))
    tracing = Tracing(settings.otel_endpoint)
    allowed_hosts = AllowedHosts(settings.allowed_hosts)

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
            heartbeat = Heartbeat(store, settings.job_lease_s)
            stack.push_async_callback(heartbeat.close)
            await heartbeat.start()
            admission = Admission(settings.max_in_flight, settings.max_waiting)
            app.state.services = services = Services(
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
                documents=Admission(settings.max_documents, _WAITING_DOCUMENTS * settings.max_documents),
                allowed_hosts=allowed_hosts,
                heartbeat=heartbeat,
            )
            app.state.document_jobs = document_jobs = DocumentJobs(services)
            stack.push_async_callback(document_jobs.close)
            await document_jobs.start()
            yield

    return lifespan


# The routes of each of `settings.INTERFACES`.
ROUTERS: Mapping[str, APIRouter] = {
    "own": page,
    "hosted": hosted,
    "nim": nim,
    "azure": azure,
    "mistral": mistral,
    "liteparse": liteparse,
    "vision": vision,
    "textract": textract,
}
# Those whose errors have a form of their own, which their routes describe.
_OWN_ERRORS = frozenset({"azure", "mistral", "liteparse", "vision", "textract"})
# What any other route may answer: a body that is too large or too slow, a field that is wrong, a fault.
_EVERYWHERE = documented(400, 408, 413, 422, 500)


def create_app(settings: GatewaySettings, reader: Reader | None = None) -> FastAPI:
    """The gateway.

    Args:
        settings: of all its parts.
        reader: used instead of a Triton, for tests.

    Raises:
        StartError: the keys file cannot be read, or packages for tracing are missing.
    """
    memory = MemoryBudget(settings.memory_bytes or default_budget())
    app = FastAPI(
        title="ocdrnet gateway",
        version=version("ocdrnet"),
        description="OCR behind the interfaces of the hosted `ocdrnet` endpoint, of the OCR NIM and of others.",
        lifespan=gateway_lifespan(settings, reader, memory),
        redirect_slashes=False,
        # These pages load scripts from other hosts; /openapi.json is served.
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(service, responses=_EVERYWHERE)
    for name in INTERFACES:
        if name in settings.served:
            app.include_router(ROUTERS[name], responses={} if name in _OWN_ERRORS else _EVERYWHERE)
    if settings.served & {"nim", "mistral"}:
        app.include_router(ocr_path, responses=_EVERYWHERE)
    add_error_answers(app)
    # The last one added is the outermost.
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.max_upload_bytes,
        timeout_s=settings.upload_timeout_s,
        max_bodies=settings.max_uploads,
        budget=memory,
    )
    app.add_middleware(CancelOnDisconnect)
    app.add_middleware(HeadAsGet)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
            allow_headers=["*"],
            expose_headers=["location", "nvcf-reqid", "nvcf-status", "retry-after", "x-request-id"],
        )
    app.add_middleware(Observe)
    return app

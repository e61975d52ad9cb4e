"""The ASGI application: settings in, every interface out."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from ocdrnet_gateway.body_limit import BodyLimit
from ocdrnet_gateway.disconnect import CancelOnDisconnect
from ocdrnet_gateway.error_answers import add_error_answers
from ocdrnet_gateway.head import HeadAsGet
from ocdrnet_gateway.hosted.routes import router as hosted
from ocdrnet_gateway.lifespan import gateway_lifespan
from ocdrnet_gateway.memory import MemoryBudget, default_budget
from ocdrnet_gateway.nim.routes import router as nim
from ocdrnet_gateway.observe import Observe
from ocdrnet_gateway.page.routes import router as page
from ocdrnet_gateway.problems import documented
from ocdrnet_gateway.reader import Reader
from ocdrnet_gateway.settings import GatewaySettings

# What any route may answer: a body that is too large or too slow, a field that is wrong, a fault.
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
        description="OCR behind the interfaces of the hosted `ocdrnet` endpoint and of the OCR NIM.",
        lifespan=gateway_lifespan(settings, reader, memory),
        responses=_EVERYWHERE,
        redirect_slashes=False,
        # These pages load scripts from other hosts; /openapi.json is served.
        docs_url=None,
        redoc_url=None,
    )
    for router in (nim, hosted, page):
        app.include_router(router)
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

"""What the hosted endpoint's handlers have beside the gateway's services; made when the application starts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from ocdrnet_gateway.hosted.jobs import Jobs
from ocdrnet_gateway.hosted.rendering import Renderer
from ocdrnet_gateway.hosted.signing import Signer
from ocdrnet_gateway.services import Services

# Drawings at once, as many as there is memory for; see `MemoryBudget`.
_RENDER_THREADS = 4


@dataclass(frozen=True)
class HostedParts:
    """See the module.

    Attributes:
        jobs: requests under way.
        signer: of upload and result URLs.
        renderer: of the returned picture.
        threads: where it draws.
    """

    jobs: Jobs
    signer: Signer
    renderer: Renderer
    threads: ThreadPoolExecutor


@asynccontextmanager
async def hosted_lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Within the application's own lifespan, which has made the services by then."""
    services: Services = app.state.services
    settings = services.settings
    jobs = Jobs(
        services.store,
        limit=settings.max_in_flight + settings.max_waiting,
        deadline_s=settings.deadline_s,
        lifetime_s=settings.result_lifetime_s,
    )
    with ThreadPoolExecutor(_RENDER_THREADS, thread_name_prefix="render") as threads:
        signer = Signer(settings.secret.get_secret_value())
        app.state.hosted = HostedParts(jobs, signer, Renderer(), threads)
        yield
        await jobs.close()


def _parts_of(request: Request) -> HostedParts:
    parts: HostedParts = request.app.state.hosted
    return parts


HostedDep = Annotated[HostedParts, Depends(_parts_of)]

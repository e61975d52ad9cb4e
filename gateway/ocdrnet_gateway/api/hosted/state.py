"""What the hosted endpoint needs as long as the gateway runs: store, jobs, signatures."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Request

from ocdrnet_gateway.api.hosted.jobs import Jobs
from ocdrnet_gateway.api.hosted.work import Worker
from ocdrnet_gateway.core.services import Services
from ocdrnet_gateway.http_errors import ForbiddenError
from ocdrnet_gateway.store import Place

Purpose = Literal["upload", "result", "file"]
_SECONDS = re.compile(r"[0-9]{1,12}")


class Signer:
    """Signs and checks, by HMAC-SHA256; gateways with one secret accept each other's URLs."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def query(self, purpose: Purpose, place: Place, expires: float, headers: Sequence[str] = ()) -> str:
        """The signed URL's query.

        Args:
            purpose: what the URL is good for.
            place: of the object.
            expires: seconds since 1970.
            headers: values that the request must carry.
        """
        until = str(math.ceil(expires))
        return f"expires={until}&signature={self._sign(purpose, place, until, headers)}"

    def check(self, purpose: Purpose, place: Place, expires: str, signature: str, headers: Sequence[str] = ()) -> None:
        """Check a request by a signed URL; the arguments are as in `query`, as the request has them.

        Raises:
            ForbiddenError: the signature belongs to something else, or the URL has expired.
        """
        expected = self._sign(purpose, place, expires, headers)
        # Bytes: compare_digest refuses text beyond ASCII, and this text is the caller's.
        if not hmac.compare_digest(expected.encode(), signature.encode()) or not _SECONDS.fullmatch(expires):
            named = ", the content-type or x-amz-meta-nvcf-asset-description" if headers else ""
            raise ForbiddenError(f"the URL{named} is not the one that was signed; send both exactly as they were given")
        if int(expires) <= time.time():
            raise ForbiddenError("the URL has expired; ask for a new one")

    def _sign(self, purpose: Purpose, place: Place, until: str, headers: Sequence[str]) -> str:
        # JSON keeps the parts apart, so that no two different requests are the same text.
        text = json.dumps([purpose, place.kind, place.space, place.id, until, *headers])
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


# Drawings at once, as many as there is memory for; see `MemoryBudget`.
_RENDER_THREADS = 4


@dataclass(frozen=True)
class HostedState:
    """See the module.

    Attributes:
        jobs: requests under way.
        signer: of upload and result URLs.
        worker: reads and draws.
    """

    jobs: Jobs
    signer: Signer
    worker: Worker


@asynccontextmanager
async def hosted_lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Within the application's own lifespan, which has made the services by then."""
    services: Services = app.state.services
    settings = services.settings
    with ThreadPoolExecutor(_RENDER_THREADS, thread_name_prefix="render") as threads:
        worker = Worker(services, threads)
        jobs = Jobs(
            services.store,
            services.heartbeat,
            worker.answer_again,
            limit=settings.max_in_flight + settings.max_waiting,
            deadline_s=settings.deadline_s,
            lifetime_s=settings.result_lifetime_s,
        )
        app.state.hosted = HostedState(jobs, Signer(settings.secret.get_secret_value()), worker)
        yield
        await jobs.close()


def _parts_of(request: Request) -> HostedState:
    parts: HostedState = request.app.state.hosted
    return parts


HostedDep = Annotated[HostedState, Depends(_parts_of)]

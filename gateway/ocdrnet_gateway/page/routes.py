"""The page: `/`, its files below `/page/`, and the endpoint that reads for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from ocdrnet_gateway.page.assets import Asset, load_assets
from ocdrnet_gateway.page.guard import GUARD_HEADERS
from ocdrnet_gateway.page.page_config import page_config
from ocdrnet_gateway.page.read_route import router as read_router
from ocdrnet_gateway.page.triton_statistics import TritonStatistics
from ocdrnet_gateway.problems import NotFoundError
from ocdrnet_gateway.services import ServicesDep


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Within the application's own, which has made the services by then."""
    app.state.page_assets = load_assets()
    app.state.page_statistics = statistics = TritonStatistics(app.state.services.settings.triton)
    yield
    await statistics.close()


router = APIRouter(lifespan=_lifespan)
router.include_router(read_router)


@router.get("/", include_in_schema=False)
async def index(request: Request) -> Response:
    """The page itself."""
    return _answer(request, request.app.state.page_assets["index.html"])


@router.get("/page/config.json", include_in_schema=False)
async def config(services: ServicesDep) -> JSONResponse:
    """What the page must know of this gateway; no key is needed to see it."""
    headers = {**GUARD_HEADERS, "cache-control": "no-store"}
    return JSONResponse(page_config(services), headers=headers)


@router.get("/page/{path:path}", include_in_schema=False)
async def file(request: Request, path: str) -> Response:
    """One of the page's files."""
    asset: Asset | None = request.app.state.page_assets.get(path)
    if asset is None:
        raise NotFoundError("the page has no such file")
    return _answer(request, asset)


def _answer(request: Request, asset: Asset) -> Response:
    # Asked for again each time: after an upgrade no browser may mix old files with new ones.
    headers: dict[str, Any] = {**GUARD_HEADERS, "cache-control": "no-cache", "etag": asset.etag}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)

"""The page at `/`, its files below `/page/`, and their security headers."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from ocdrnet_gateway.api.own.export import router as export_router
from ocdrnet_gateway.api.own.jobs import router as jobs_router
from ocdrnet_gateway.api.own.read import router as read_router
from ocdrnet_gateway.api.own.step_times import TritonStatistics
from ocdrnet_gateway.core.services import Services, ServicesDep
from ocdrnet_gateway.http_errors import NotFoundError
from ocdrnet_gateway.web.sample_copies import SOURCES, button_name, copy_name
from ocdrnet_ops.options import OPTIONS, ChoiceOption, NumberOption, Option

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",  # blob: is the image that the person handed over
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}

SECURITY_HEADERS = {
    "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


_FOLDER = Path(__file__).parent / "static"
# Not by the mimetypes module, which asks the machine: a module script of a wrong type is not run.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}


@dataclass(frozen=True)
class Asset:
    """One file.

    Attributes:
        content: its bytes.
        media_type: for `content-type`.
        etag: changes with the content.
    """

    content: bytes = field(repr=False)
    media_type: str
    etag: str


def load_assets(folder: Path = _FOLDER) -> Mapping[str, Asset]:
    """Every file that the page is made of, by its path below `/page/`; about half a megabyte.

    What is not in here is not served, so no path can lead out of the folder.
    """
    return dict(_assets(folder))


def _assets(folder: Path) -> Iterator[tuple[str, Asset]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            yield path.relative_to(folder).as_posix(), Asset(content, _TYPES[path.suffix], etag)


_TITLES = {
    "storefront.jpg": "Storefront",
    "receipt.jpg": "Receipt",
    "page.png": "Dense page",
    "languages.png": "Languages",
    "rotated.jpg": "Turned text",
}


def page_config(services: Services) -> dict[str, Any]:
    """JSON-ready: limits, whether a key is needed, the options with their ranges, the samples."""
    return {
        "version": version("ocdrnet"),
        "keys_required": services.keys.are_required,
        "image_bytes": services.settings.max_upload_bytes,
        "options": [_described(option) for option in OPTIONS],
        "samples": [_sample(source) for source in SOURCES],
    }


def _described(option: Option) -> dict[str, Any]:
    if isinstance(option, NumberOption):
        low, high = option.ends
        return {**asdict(option), "kind": option.type_name, "low": low, "high": high}
    return {**asdict(option), "kind": "choice" if isinstance(option, ChoiceOption) else "text"}


def _sample(source: str) -> dict[str, str]:
    folder = "/page/samples"
    return {
        "title": _TITLES[source],
        "picture": f"{folder}/{copy_name(source)}",
        "button": f"{folder}/{button_name(source)}",
    }


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Within the application's own, which has made the services by then."""
    app.state.page_assets = load_assets()
    app.state.page_statistics = statistics = TritonStatistics(app.state.services.settings.triton)
    yield
    await statistics.close()


router = APIRouter(lifespan=_lifespan)
router.include_router(read_router)
router.include_router(export_router)
router.include_router(jobs_router)


@router.get("/", include_in_schema=False)
async def index(request: Request) -> Response:
    """The page itself."""
    return _answer(request, request.app.state.page_assets["index.html"])


@router.get("/page/config.json", include_in_schema=False)
async def config(services: ServicesDep) -> JSONResponse:
    """What the page must know of this gateway; no key is needed to see it."""
    headers = {**SECURITY_HEADERS, "cache-control": "no-store"}
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
    headers: dict[str, Any] = {**SECURITY_HEADERS, "cache-control": "no-cache", "etag": asset.etag}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)

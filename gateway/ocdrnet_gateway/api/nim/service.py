"""What runs here, as the OCR NIM tells it: health, metadata, models, manifest, licence, metrics.

These routes are served whatever `interfaces` says: probes and Prometheus ask them.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel

from ocdrnet_gateway.api.nim.schemas import MODEL
from ocdrnet_gateway.core.metrics import CONTENT_TYPE
from ocdrnet_gateway.core.services import ServicesDep

router = APIRouter(tags=["service"])

_LICENSE = "Apache-2.0"
_LICENSE_URL = "https://www.apache.org/licenses/LICENSE-2.0"
_NETWORKS = "The networks that Triton serves have licences of their own; NVIDIA's fall under NVIDIA's."


class Health(BaseModel):
    """Alive, or ready."""

    object: Literal["health.response"] = "health.response"
    message: str
    status: Literal["live", "ready", "unavailable"]
    ready: bool | None = None
    live: bool | None = None


class Model(BaseModel):
    """One served model."""

    id: str
    object: Literal["model"] = "model"
    owned_by: str = "self-hosted"


class Models(BaseModel):
    """All served models."""

    object: Literal["list"] = "list"
    data: list[Model]


class ModelInfo(BaseModel):
    """A model's short name."""

    shortName: str
    modelUrl: str


class LicenseInfo(BaseModel):
    """Under which terms the gateway is."""

    name: str
    path: str
    url: str
    type: str
    content: str


class Metadata(BaseModel):
    """What runs here."""

    version: str
    assetInfo: list[str]
    modelInfo: list[ModelInfo]
    licenseInfo: LicenseInfo
    repository_override: str = ""


class Manifest(BaseModel):
    """Which profiles there are; here it is the repository that Triton serves, and no other."""

    manifest_file: str
    repository: str


@router.get("/v1/health/live", response_model_exclude_none=True)
async def live() -> Health:
    """The gateway itself answers."""
    return Health(message="Service is live.", status="live", live=True)


@router.get(
    "/v1/health/ready",
    response_model=Health,
    response_model_exclude_none=True,
    responses={503: {"model": Health, "description": "Triton is away, still loading, or reads nothing"}},
)
async def ready(services: ServicesDep) -> Response:
    """An image was read just now, or would be: a small one is, where there was none lately."""
    if await services.readiness.is_ready():
        return _health(Health(message="Service is ready.", status="ready", ready=True), 200)
    return _health(
        Health(message="Triton is away, still loading, or reads nothing.", status="unavailable", ready=False), 503
    )


@router.get("/v1/models")
async def models() -> Models:
    """The one model."""
    return Models(data=[Model(id=MODEL)])


@router.get("/v1/metadata")
async def metadata() -> Metadata:
    """Version, model and licence."""
    return Metadata(
        version=version("ocdrnet"),
        assetInfo=[],
        modelInfo=[ModelInfo(shortName=MODEL, modelUrl=f"triton:{MODEL}")],
        licenseInfo=_license(),
    )


@router.get("/v1/manifest")
async def manifest() -> Manifest:
    """There is one profile: the repository that Triton was started with."""
    return Manifest(manifest_file="", repository=MODEL)


@router.get("/v1/license")
async def license_info() -> LicenseInfo:
    """The gateway's licence."""
    return _license()


_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text format"}
}


@router.get("/v1/metrics", response_class=PlainTextResponse, responses=_METRICS)
async def metrics(services: ServicesDep) -> Response:
    """Counters for Prometheus."""
    return Response(services.metrics.text(), media_type=CONTENT_TYPE)


def _health(health: Health, status: int) -> Response:
    return JSONResponse(health.model_dump(exclude_none=True), status)


def _license() -> LicenseInfo:
    return LicenseInfo(name=_LICENSE, path="LICENSE", url=_LICENSE_URL, type=_LICENSE, content=_NETWORKS)

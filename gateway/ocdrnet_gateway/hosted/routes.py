"""The hosted endpoint's paths."""

from __future__ import annotations

from fastapi import APIRouter

from ocdrnet_gateway.hosted.assets import router as assets
from ocdrnet_gateway.hosted.ocdrnet import router as ocdrnet
from ocdrnet_gateway.hosted.parts import hosted_lifespan

router = APIRouter(tags=["hosted ocdrnet endpoint"], lifespan=hosted_lifespan)
router.include_router(assets)
router.include_router(ocdrnet)

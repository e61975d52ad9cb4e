"""The absolute URLs that are handed out."""

from __future__ import annotations

import re

from fastapi import Request

from ocdrnet_gateway.problems import BadRequestError
from ocdrnet_gateway.settings import GatewaySettings
from ocdrnet_gateway.store import Place

# A name, an IPv4 address, or an IPv6 one in brackets, and a port.
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
UPLOADS = "/v2/nvcf/uploads/{space}/{asset_id}"
RESULTS = "/v2/nvcf/results/{space}/{request_id}"


def upload_address(request: Request, settings: GatewaySettings, place: Place, query: str) -> str:
    """Where an asset's bytes are put."""
    return f"{_base(request, settings)}{UPLOADS.format(space=place.space, asset_id=place.id)}?{query}"


def result_address(request: Request, settings: GatewaySettings, place: Place, query: str) -> str:
    """Where a result's zip is got."""
    return f"{_base(request, settings)}{RESULTS.format(space=place.space, request_id=place.id)}?{query}"


def _base(request: Request, settings: GatewaySettings) -> str:
    """What the caller itself reached the gateway by, unless the settings say it."""
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise BadRequestError("the Host header is no host name or address with a port; a URL cannot be made of it")
    return f"{request.url.scheme}://{host}"

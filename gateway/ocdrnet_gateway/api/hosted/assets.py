"""Assets: a place to upload an image to, and the signed addresses of uploads and results."""

from __future__ import annotations

import re
import time
import uuid

from fastapi import APIRouter, Request, Response

from ocdrnet_gateway.api.hosted.schemas import Asset, AssetList, CreateAsset, CreatedAsset, OneAsset
from ocdrnet_gateway.api.hosted.state import HostedDep
from ocdrnet_gateway.core.body_limit import read_body
from ocdrnet_gateway.core.json_body import read_json
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.services import PrincipalDep, ServicesDep
from ocdrnet_gateway.http_errors import BadRequestError, ForbiddenError, NotFoundError, documented
from ocdrnet_gateway.settings import GatewaySettings
from ocdrnet_gateway.store import Label, Place, parse_id, space_of
from ocdrnet_gateway.store.object_store import parse_space

# A name, an IPv4 address, or an IPv6 one in brackets, and a port.
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
UPLOADS = "/v2/nvcf/uploads/{space}/{asset_id}"
RESULTS = "/v2/nvcf/results/{space}/{request_id}"


def upload_address(request: Request, settings: GatewaySettings, place: Place, query: str) -> str:
    """Where an asset's bytes are put."""
    return f"{base_address(request, settings)}{UPLOADS.format(space=place.space, asset_id=place.id)}?{query}"


def result_address(request: Request, settings: GatewaySettings, place: Place, query: str) -> str:
    """Where a result's zip is got."""
    return f"{base_address(request, settings)}{RESULTS.format(space=place.space, request_id=place.id)}?{query}"


def base_address(request: Request, settings: GatewaySettings) -> str:
    """What the caller itself reached the gateway by, unless the settings say it."""
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise BadRequestError("the Host header is no host name or address with a port; a URL cannot be made of it")
    return f"{request.url.scheme}://{host}"


router = APIRouter()
_DESCRIPTION = "x-amz-meta-nvcf-asset-description"
# A media type and a description of 256 characters.
_MAX_CREATE_BYTES = 65_536
_CREATE_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": CreateAsset.model_json_schema()}}}
}
_UPLOAD_BODY = {
    "requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.post("/v2/nvcf/assets", responses=documented(401, 429, 503, 507), openapi_extra=_CREATE_BODY)
async def create_asset(
    request: Request, services: ServicesDep, hosted: HostedDep, caller: PrincipalDep
) -> CreatedAsset:
    """Make an asset, and an address where its image is to be put."""
    # Not by the framework, which would parse a stranger's body before it asks who calls.
    wanted = await read_json(request, CreateAsset, _MAX_CREATE_BYTES)
    settings, now = services.settings, time.time()
    place = Place("asset", space_of(caller.name), str(uuid.uuid4()))
    expires = now + settings.asset_lifetime_s
    label = Label(wanted.contentType, expires, wanted.description, caller.owner, caller.payer)
    lifetime_s = min(settings.upload_url_lifetime_s, settings.asset_lifetime_s)
    query = hosted.signer.query("upload", place, now + lifetime_s, [wanted.contentType, wanted.description])
    own_url = upload_address(request, settings, place, query)
    await services.store.announce(place, label)
    url = await services.store.upload_url(place, label, lifetime_s) or own_url
    return CreatedAsset(assetId=place.id, contentType=label.content_type, description=label.description, uploadUrl=url)


@router.put(
    UPLOADS,
    responses={200: {"description": "Kept"}, **documented(403, 404, 429, 503, 507)},
    openapi_extra=_UPLOAD_BODY,
    response_class=Response,
)
async def upload(
    space: str,
    asset_id: str,
    request: Request,
    services: ServicesDep,
    hosted: HostedDep,
    expires: str = "",
    signature: str = "",
) -> Response:
    """Put an asset's image; the pre-signed URL is all the right that it takes."""
    own_space, own_id = parse_space(space), parse_id(asset_id)
    if own_space is None or own_id is None:
        raise ForbiddenError("the URL is not one that was signed")
    place = Place("asset", own_space, own_id)
    signed = [request.headers.get("content-type", ""), request.headers.get(_DESCRIPTION, "")]
    # Before the body is read.
    hosted.signer.check("upload", place, expires, signature, signed)
    label = await services.store.label(place)
    if label is None:
        raise NotFoundError("the asset was deleted or has expired; make a new one")
    await services.store.fill(place, await read_body(request), label.payer)
    return Response(status_code=200)


@router.get("/v2/nvcf/assets", responses=documented(401, 503))
async def list_assets(services: ServicesDep, caller: PrincipalDep) -> AssetList:
    """All of the caller's assets, those not uploaded yet included."""
    found = await services.store.list_labels("asset", space_of(caller.name))
    return AssetList(assets=[_asset(asset_id, label) for asset_id, label in found if _is_own(label, caller)])


@router.get("/v2/nvcf/assets/{asset_id}", responses=documented(401, 404, 503))
async def get_asset(asset_id: str, services: ServicesDep, caller: PrincipalDep) -> OneAsset:
    """One asset's description."""
    place = place_of(asset_id, caller)
    label = await services.store.label(place)
    if label is None or not _is_own(label, caller):
        raise _unknown()
    return OneAsset(asset=_asset(place.id, label))


@router.delete("/v2/nvcf/assets/{asset_id}", status_code=204, responses=documented(401, 404, 503))
async def delete_asset(asset_id: str, services: ServicesDep, caller: PrincipalDep) -> None:
    """Delete an asset and its image, now."""
    place = place_of(asset_id, caller)
    label = await services.store.label(place)
    if label is None or not _is_own(label, caller) or not await services.store.delete(place):
        raise _unknown()


def place_of(asset_id: str, caller: Principal) -> Place:
    """Where the caller's asset of this id would lie.

    Raises:
        NotFoundError: the text is no id.
    """
    known = parse_id(asset_id)
    if known is None:
        raise _unknown()
    return Place("asset", space_of(caller.name), known)


def _is_own(label: Label, caller: Principal) -> bool:
    """Whether the caller made it. Where no keys are needed all callers share a space, and tell each other's by this.

    Reading needs the asset's id alone, which nobody guesses: who uploads and who reads may be two machines.
    """
    return label.owner == caller.owner


def _unknown() -> NotFoundError:
    return NotFoundError("there is no such asset of this key, or it has expired; upload the image again")


def _asset(asset_id: str, label: Label) -> Asset:
    return Asset(assetId=asset_id, contentType=label.content_type, description=label.description)

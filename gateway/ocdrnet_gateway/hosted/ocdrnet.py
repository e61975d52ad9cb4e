"""Reading a picture: the request, the polling, and the zip."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response

from ocdrnet_gateway.caller import Caller
from ocdrnet_gateway.hosted.addresses import RESULTS, result_address
from ocdrnet_gateway.hosted.bodies import OcdrnetRequest
from ocdrnet_gateway.hosted.jobs import RESULT_TYPE
from ocdrnet_gateway.hosted.parts import HostedDep, HostedParts
from ocdrnet_gateway.hosted.pictures import parse_request, requested_picture
from ocdrnet_gateway.hosted.response_zip import response_zip
from ocdrnet_gateway.problems import ForbiddenError, NotFoundError, documented
from ocdrnet_gateway.reading import read_picture
from ocdrnet_gateway.request_id import HEADER, current_request_id
from ocdrnet_gateway.services import CallerDep, Services, ServicesDep
from ocdrnet_gateway.store import Place, parse_id, space_of
from ocdrnet_gateway.store.places import parse_space

router = APIRouter()
# How long a poll is held that does not say it: shorter than clients' timeouts, and a loop without a pause is no flood.
_HELD_POLL_S = 5
PollSeconds = Annotated[
    int | None,
    Header(alias="NVCF-POLL-SECONDS", ge=1, le=3600, description="seconds to hold the request before 202"),
]
_REQUEST_ID = {"NVCF-REQID": {"schema": {"type": "string", "format": "uuid"}, "description": "the request's id"}}
_STATUS = {"NVCF-STATUS": {"schema": {"type": "string"}, "description": "fulfilled or in-progress"}}
_LOCATION = {"location": {"schema": {"type": "string", "format": "uri"}, "description": "the zip's pre-signed URL"}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"description": "Under way; poll /v2/nvcf/pexec/status/{id}", "headers": {**_REQUEST_ID, **_STATUS}},
    302: {"description": "Done; the zip is at location", "headers": {**_REQUEST_ID, **_STATUS, **_LOCATION}},
    **documented(400, 401, 404, 429, 502, 503, 504, 507),
}
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "<requestId>.response, which is JSON, and <requestId>.jpg",
        "content": {RESULT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    },
    **documented(403, 404, 503),
}
_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": OcdrnetRequest.model_json_schema()}}}
}


@router.post(
    "/v1/cv/nvidia/ocdrnet",
    status_code=302,
    responses=_ANSWERS,
    openapi_extra=_BODY,
    response_class=Response,
)
async def ocdrnet(
    request: Request, services: ServicesDep, hosted: HostedDep, caller: CallerDep, poll_seconds: PollSeconds = None
) -> Response:
    """Read the text in an asset or an inline picture.

    `NVCF-INPUT-ASSET-REFERENCES` and `NVCF-FUNCTION-ASSET-IDS` are taken and not needed: `image` says which asset.
    """
    # Before the body is read: a full queue must answer at once, and cost nothing.
    services.admission.check()
    hosted.jobs.check()
    arrived = time.monotonic()
    wanted = await asyncio.to_thread(parse_request, await request.body())
    picture = await requested_picture(services, caller, wanted.image)
    place = Place("result", space_of(caller.name), _new_id(request))

    async def work() -> bytes:
        return await _read(services, hosted, caller, place.id, picture, wanted.render_label, arrived)

    is_done = await hosted.jobs.run(place, work, poll_seconds or services.settings.poll_s)
    return _answer(request, services, hosted, place, is_done)


@router.get(
    "/v2/nvcf/pexec/status/{request_id}",
    status_code=302,
    responses=_ANSWERS,
    response_class=Response,
)
async def status(
    request_id: str,
    request: Request,
    services: ServicesDep,
    hosted: HostedDep,
    caller: CallerDep,
    poll_seconds: PollSeconds = None,
) -> Response:
    """Wait for a request that was answered 202. Without NVCF-POLL-SECONDS it is held for 5 seconds."""
    known = parse_id(request_id)
    if known is None:
        raise NotFoundError("there is no such request; its id is a UUID, in the header NVCF-REQID")
    place = Place("result", space_of(caller.name), known)
    is_done = await hosted.jobs.poll(place, poll_seconds or _HELD_POLL_S)
    return _answer(request, services, hosted, place, is_done)


@router.get(RESULTS, responses=_ZIP, response_class=Response)
async def result(
    space: str,
    request_id: str,
    services: ServicesDep,
    hosted: HostedDep,
    expires: str = "",
    signature: str = "",
) -> Response:
    """The zip; the pre-signed URL is all the right that it takes."""
    own_space, own_id = parse_space(space), parse_id(request_id)
    if own_space is None or own_id is None:
        raise ForbiddenError("the URL is not one that was signed")
    place = Place("result", own_space, own_id)
    hosted.signer.check("result", place, expires, signature)
    content = await services.store.get(place)
    if content is None:
        raise NotFoundError("the result has expired; send the picture again")
    headers = {
        "content-disposition": f'attachment; filename="{place.id}.zip"',
        "cache-control": "private, no-store",
    }
    return Response(content, media_type=RESULT_TYPE, headers=headers)


async def _read(
    services: Services,
    hosted: HostedParts,
    caller: Caller,
    request_id: str,
    picture: bytes,
    with_labels: bool,
    arrived: float,
) -> bytes:
    left_s = services.settings.deadline_s - (time.monotonic() - arrived)
    reading = await read_picture(services, caller, picture, {}, deadline_s=left_s)
    loop = asyncio.get_running_loop()
    drawn = await loop.run_in_executor(hosted.threads, hosted.renderer.render, picture, reading.page, with_labels)
    return await asyncio.to_thread(response_zip, request_id, reading.page, drawn)


def _new_id(request: Request) -> str:
    """The id that the gateway chose for this request; a new one where it took the caller's own, which may repeat."""
    own = None if HEADER in request.headers else parse_id(current_request_id())
    return own or str(uuid.uuid4())


def _answer(request: Request, services: Services, hosted: HostedParts, place: Place, is_done: bool) -> Response:
    headers = {"nvcf-reqid": place.id, "cache-control": "no-store"}
    if not is_done:
        return Response(status_code=202, headers={**headers, "nvcf-status": "in-progress"})
    query = hosted.signer.query("result", place, time.time() + services.settings.result_lifetime_s)
    location = result_address(request, services.settings, place, query)
    return Response(status_code=302, headers={**headers, "nvcf-status": "fulfilled", "location": location})

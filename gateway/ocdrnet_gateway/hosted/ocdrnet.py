"""Reading a picture: the request, the polling, and the zip."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response

from ocdrnet_client import Page
from ocdrnet_gateway.body_limit import hold_of, keep_pictures
from ocdrnet_gateway.caller import Caller
from ocdrnet_gateway.hosted.addresses import RESULTS, result_address
from ocdrnet_gateway.hosted.bodies import OcdrnetRequest
from ocdrnet_gateway.hosted.held_response import HeldResponse
from ocdrnet_gateway.hosted.jobs import RESULT_TYPE
from ocdrnet_gateway.hosted.parts import HostedDep, HostedParts
from ocdrnet_gateway.hosted.pictures import requested_picture
from ocdrnet_gateway.hosted.rendering import drawing_bytes
from ocdrnet_gateway.hosted.response_zip import response_zip
from ocdrnet_gateway.json_body import read_json
from ocdrnet_gateway.memory import MemoryBudget
from ocdrnet_gateway.picture_check import PictureSize, check_picture
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
    wanted = await read_json(request, OcdrnetRequest)
    picture = await requested_picture(services, caller, wanted.image)
    keep_pictures(request, len(picture))
    size = await asyncio.to_thread(check_picture, picture, services.settings.max_pixels)
    # Before it is read: what could not be drawn on is refused at no cost.
    services.memory.check_drawing(drawing_bytes(size, Page(size.width, size.height), wanted.render_label))
    place = Place("result", space_of(caller.name), _new_id(request))
    hold = hold_of(request)

    async def work() -> bytes:
        # The job may outlive its request, and the picture with it.
        held = hold.retain() if hold is not None else None
        try:
            job = _Job(services, hosted, caller, place.id, picture, size, wanted.render_label)
            return await _done(job, arrived + services.settings.deadline_s)
        finally:
            if held is not None:
                held.release()

    is_done = await hosted.jobs.run(place, work, poll_seconds or services.settings.poll_s, caller.payer)
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
        raise NotFoundError("the result has expired, or gave way to newer ones; send the picture again")
    services.store.note_fetched(place)
    headers = {
        "content-disposition": f'attachment; filename="{place.id}.zip"',
        "cache-control": "private, no-store",
    }
    return HeldResponse(content, RESULT_TYPE, headers, services.memory)


@dataclass(frozen=True)
class _Job:
    """One picture to be read and drawn on.

    Attributes:
        services: of the application.
        hosted: likewise.
        caller: whose limits count.
        request_id: names the files in the zip.
        picture: encoded.
        size: of it.
        with_labels: see `Renderer.render`.
    """

    services: Services
    hosted: HostedParts
    caller: Caller
    request_id: str
    picture: bytes
    size: PictureSize
    with_labels: bool

    def draw(self, page: Page) -> bytes:
        """The zip; takes `drawing_bytes` while it is made."""
        drawn = self.hosted.renderer.render(self.picture, page, self.with_labels)
        return response_zip(self.request_id, page, drawn)


async def _done(job: _Job, end: float) -> bytes:
    """Read, wait for memory to draw in, draw."""
    services = job.services
    reading = await read_picture(services, job.caller, job.picture, {}, deadline_s=end - time.monotonic())
    size = drawing_bytes(job.size, reading.page, job.with_labels)
    await services.memory.wait_for_drawing(size, max(0.0, end - time.monotonic()))
    drawing = asyncio.get_running_loop().run_in_executor(job.hosted.threads, job.draw, reading.page)
    # The memory is in use until the thread has ended, though nobody may wait for it any more.
    drawing.add_done_callback(lambda future: _drawn(future, services.memory, size))
    return await asyncio.shield(drawing)


def _drawn(drawing: asyncio.Future[bytes], memory: MemoryBudget, size: int) -> None:
    memory.end_drawing(size)
    if not drawing.cancelled():
        drawing.exception()  # asked for here, asyncio does not complain where nobody waits


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

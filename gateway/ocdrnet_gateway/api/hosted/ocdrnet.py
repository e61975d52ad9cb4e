"""The hosted `ocdrnet` endpoint: the request, polling, and the zip that answers."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from starlette.types import Receive, Scope, Send

from ocdrnet_client import Page
from ocdrnet_gateway.api.hosted.assets import RESULTS, place_of, result_address
from ocdrnet_gateway.api.hosted.assets import router as assets
from ocdrnet_gateway.api.hosted.jobs import RESULT_TYPE, Wanted
from ocdrnet_gateway.api.hosted.rendering import drawing_bytes
from ocdrnet_gateway.api.hosted.schemas import OcdrnetRequest
from ocdrnet_gateway.api.hosted.state import HostedDep, HostedState, hosted_lifespan
from ocdrnet_gateway.core.body_limit import hold_of, keep_images
from ocdrnet_gateway.core.json_body import image_of, read_json
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.memory import MemoryBudget
from ocdrnet_gateway.core.reading import check_image
from ocdrnet_gateway.core.services import PrincipalDep, Services, ServicesDep
from ocdrnet_gateway.http_errors import (
    HEADER,
    ForbiddenError,
    NotFoundError,
    UnprocessableError,
    current_request_id,
    documented,
)
from ocdrnet_gateway.store import Place, parse_id, space_of
from ocdrnet_gateway.store.object_store import parse_space

# The server waits for the caller between two pieces, where it would take the whole of a single one into its buffer.
_PIECE = 256 * 1024


class HeldResponse(Response):
    """See the module."""

    def __init__(self, content: bytes, media_type: str, headers: Mapping[str, str], memory: MemoryBudget) -> None:
        """Take the memory; it is given back when the answer was sent, or its caller left.

        Raises:
            TooLargeError: it is more than answers and bodies may take.
            OverloadedError: it is more than is free now.
        """
        super().__init__(content, media_type=media_type, headers=dict(headers))
        self._hold = memory.hold()
        self._hold.resize(len(content))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it piece by piece."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for start in range(0, max(1, len(self.body)), _PIECE):
                piece, is_last = self.body[start : start + _PIECE], start + _PIECE >= len(self.body)
                await send({"type": "http.response.body", "body": piece, "more_body": not is_last})
        finally:
            self._hold.release()


_INLINE = "data:"
_SHOWN = 40


async def requested_image(services: Services, caller: Principal, image: str) -> bytes:
    """The bytes of an inline image or of an asset.

    Raises:
        UnprocessableError: it is neither, or the inline image cannot be decoded.
        NotFoundError: the caller has no such asset, or nothing was uploaded to it.
        TooLargeError: the asset has too many bytes; what is put straight into a bucket is measured only here.
    """
    if image[:_SHOWN].lstrip()[: len(_INLINE)].lower() == _INLINE:
        return await asyncio.to_thread(image_of, image)
    if parse_id(image) is None:
        raise UnprocessableError(
            f"image is {image[:_SHOWN]!r}; send an asset's id or a data:image/...;base64, URL, nothing is fetched"
        )
    picture = await services.store.get(place_of(image, caller), services.settings.max_upload_bytes)
    if picture is None:
        raise NotFoundError("there is no such asset of this key, or its image was not uploaded yet, or it expired")
    return picture


router = APIRouter(tags=["hosted ocdrnet endpoint"], lifespan=hosted_lifespan)
router.include_router(assets)
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
    request: Request, services: ServicesDep, hosted: HostedDep, caller: PrincipalDep, poll_seconds: PollSeconds = None
) -> Response:
    """Read the text in an asset or an inline image.

    `NVCF-INPUT-ASSET-REFERENCES` and `NVCF-FUNCTION-ASSET-IDS` are taken and not needed: `image` says which asset.
    """
    # Before the body is read: a full queue must answer at once, and cost nothing.
    services.admission.check()
    hosted.jobs.check()
    arrived = time.monotonic()
    wanted = await read_json(request, OcdrnetRequest)
    picture = await requested_image(services, caller, wanted.image)
    keep_images(request, len(picture))
    size = await asyncio.to_thread(check_image, picture, services.settings.max_pixels)
    # Before it is read: what could not be drawn on is refused at no cost.
    services.memory.check_drawing(drawing_bytes(size, Page(size.width, size.height), wanted.render_label))
    place = Place("result", space_of(caller.name), _new_id(request))
    asked, hold = Wanted(caller, wanted.render_label), hold_of(request)

    async def work() -> bytes:
        # The job may outlive its request, and the image with it.
        held = hold.retain() if hold is not None else None
        try:
            return await hosted.worker.answer(place, asked, picture, size, arrived + services.settings.deadline_s)
        finally:
            if held is not None:
                held.release()

    is_done = await hosted.jobs.run(place, asked, picture, work, poll_seconds or services.settings.poll_s)
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
    caller: PrincipalDep,
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
        raise NotFoundError("the result has expired, or gave way to newer ones; send the image again")
    services.store.note_fetched(place)
    headers = {
        "content-disposition": f'attachment; filename="{place.id}.zip"',
        "cache-control": "private, no-store",
    }
    return HeldResponse(content, RESULT_TYPE, headers, services.memory)


def _new_id(request: Request) -> str:
    """The id that the gateway chose for this request; a new one where it took the caller's own, which may repeat."""
    own = None if HEADER in request.headers else parse_id(current_request_id())
    return own or str(uuid.uuid4())


def _answer(request: Request, services: Services, hosted: HostedState, place: Place, is_done: bool) -> Response:
    headers = {"nvcf-reqid": place.id, "cache-control": "no-store"}
    if not is_done:
        return Response(status_code=202, headers={**headers, "nvcf-status": "in-progress"})
    query = hosted.signer.query("result", place, time.time() + services.settings.result_lifetime_s)
    location = result_address(request, services.settings, place, query)
    return Response(status_code=302, headers={**headers, "nvcf-status": "fulfilled", "location": location})
